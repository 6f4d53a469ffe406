"""Documents that an embedder does not read are said once there are enough of them, with what to do."""

import pytest

from ragloop.corpus.sync.decisions.languages import LEAST_DOCUMENTS, unread_languages
from ragloop.models.embedding.in_packages import KNOWN
from ragloop.models.embedding.languages import MULTILINGUAL, languages_read
from ragloop.models.embedding.runtimes import DEFAULT_EMBEDDER

MINILM, E5 = "all-MiniLM-L6-v2", "multilingual-e5-small"
ADVICE = f'; set index.embedder = "{E5}"'


def test_the_languages_are_named_with_their_documents_and_an_embedder_that_reads_them() -> None:
    assert unread_languages({"en": 80, "zh": 7, "de": 30, "und": 3}, MINILM) == (
        "37 of 120 documents that were read are in German (30) and Chinese (7), which all-MiniLM-L6-v2 does not read: "
        f"searches find them by their words only{ADVICE}"
    )


def test_of_many_languages_the_most_frequent_are_named() -> None:
    said = unread_languages({"de": 9, "fr": 8, "es": 7, "it": 6, "pl": 5, "ja": 1}, MINILM)
    assert said is not None
    assert "in German (9), French (8), Spanish (7), Italian (6) and 2 more (6), which" in said


@pytest.mark.parametrize("embedder", [MINILM, f"sentence-transformers/{MINILM}", "BAAI/bge-small-en-v1.5"])
def test_an_embedder_of_english_reads_english_alone(embedder: str) -> None:
    assert unread_languages({"en": 500, "und": 40}, embedder) is None
    said = unread_languages({"ru": 500}, embedder)
    assert said is not None
    assert f", which {embedder.rpartition('/')[2]} does not read" in said


def test_the_multilingual_embedder_reads_those_and_is_not_advised_where_it_does_not_help() -> None:
    assert unread_languages({"de": 500, "zh": 500, "ar": 500}, f"intfloat/{E5}") is None
    for embedder in (MINILM, E5):
        said = unread_languages({"mt": 5}, embedder)
        assert said == (
            f"5 of 5 documents that were read are in Maltese (5), which {embedder} does not read: "
            "searches find them by their words only"
        )


def test_a_language_that_no_embedder_reads_is_said_beside_those_that_one_does() -> None:
    said = unread_languages({"mt": 4, "de": 4}, MINILM)
    assert said is not None
    assert said.endswith(f"{ADVICE}, which reads all but Maltese")


def test_a_few_documents_among_many_and_unsure_ones_are_not_said() -> None:
    assert unread_languages({"de": LEAST_DOCUMENTS - 1}, MINILM) is None
    assert unread_languages({"de": LEAST_DOCUMENTS}, MINILM) is not None
    assert unread_languages({"en": 9_950, "de": 50}, MINILM) is None
    assert unread_languages({"en": 9_850, "de": 150}, MINILM) is not None
    assert unread_languages({"und": 1_000}, MINILM) is None
    assert unread_languages({}, MINILM) is None


def test_nothing_is_said_of_an_embedder_that_is_not_known() -> None:
    assert languages_read("acme/boats-large") is None
    assert unread_languages({"de": 1_000}, "acme/boats-large") is None


def test_it_is_known_what_each_embedder_reads_that_comes_in_a_package() -> None:
    assert [name for name in (DEFAULT_EMBEDDER, *KNOWN) if languages_read(name) is None] == []
    assert MULTILINGUAL in KNOWN


def test_the_languages_of_xlm_r_are_complete() -> None:
    """A hundred, of which six are in Latin letters or another encoding, and Chinese counts twice."""
    assert len((languages_read(E5) or frozenset()) - {"sh"}) == 93
