"""What the packaged cross-encoder makes of passages that it cannot read."""

import pytest

from ragloop.models.reranking.cross_encoder import UNREAD, CrossEncoder, packaged_folder, prepared

HOTELS = "Hotels cost at most 130 euros a night."


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> CrossEncoder:
    source = packaged_folder()
    assert source is not None
    return CrossEncoder(prepared(source, tmp_path_factory.mktemp("cache")), threads=1)


@pytest.mark.realmodel
@pytest.mark.parametrize("unread", ["\N{GRINNING FACE}\N{GRINNING FACE}", "ab\u0a63", "\u2264\u2265\u2211", "", "..."])
def test_a_passage_without_a_known_word_answers_no_short_question(encoder: CrossEncoder, unread: str) -> None:
    scores = encoder.scores("hotel", [unread, HOTELS])
    assert scores[0] == UNREAD < scores[1]


@pytest.mark.realmodel
def test_one_known_word_among_unknown_ones_is_read(encoder: CrossEncoder) -> None:
    assert encoder.scores("hotel", ["\u12a0\u12f2\u1235 hotel"]) > [UNREAD]
