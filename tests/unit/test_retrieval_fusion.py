"""Reciprocal rank fusion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragloop.answering.retrieval import SURE, fuse, trust

RANKINGS = st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), max_size=3)


def test_scores_are_those_of_the_paper() -> None:
    scores = fuse([["a", "b"], ["b", "c"]], 60)
    assert scores == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 1 / 61, "c": 1 / 62})


def test_what_both_rankings_hold_beats_what_leads_one() -> None:
    scores = fuse([["a", "b"], ["c", "b"]], 60)
    assert max(scores, key=scores.__getitem__) == "b"


def test_nothing_found_is_nothing_fused() -> None:
    assert fuse([], 60) == fuse([[], []], 60) == {}


@given(RANKINGS, st.integers(1, 1000))
def test_every_id_of_any_ranking_has_a_score_and_no_other(rankings: list[list[str]], k: int) -> None:
    scores = fuse(rankings, k)
    assert scores.keys() == {one for ranking in rankings for one in ranking}
    assert all(0 < score <= len(rankings) / (k + 1) + 1e-12 for score in scores.values())


@given(RANKINGS, st.integers(1, 1000))
def test_the_order_of_the_rankings_does_not_matter(rankings: list[list[str]], k: int) -> None:
    assert fuse(rankings, k) == pytest.approx(fuse(rankings[::-1], k))


def test_recognised_text_is_trusted_by_its_confidence_and_other_text_wholly() -> None:
    assert trust(None) == trust(1.0) == trust(SURE) == 1
    assert trust(SURE / 2) == pytest.approx(0.5)
