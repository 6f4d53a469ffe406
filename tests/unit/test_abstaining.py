"""When passages below the floor answer, as a reranker sees them."""

import pytest

from ragloop.answering.signals.answerable import AbstainPolicy, why_unanswerable
from ragloop.answering.turn import Turn
from ragloop.records import LaneName, Passage

TEXT = "A view that returns a mapping gives JSON."


QUESTION = "How are dictionaries sent back?"


def turn(
    similarity: float, relevance: float | None, unknown: frozenset[str] = frozenset(), question: str = QUESTION
) -> Turn:
    passage = Passage(
        1, 1.0, similarity, "s", "file:///a", "", "", 0, 9, TEXT, "h", "c", "d", "r", None, relevance=relevance
    )
    return Turn("i", question, LaneName.BASE_RAG, passages=(passage,), top_similarity=similarity, unknown=unknown)


@pytest.mark.parametrize(
    ("similarity", "relevance", "answered"),
    [(0.36, None, True), (0.34, None, False), (0.34, -3.0, True), (0.34, -3.1, False), (0.24, 5.0, False)],
)
def test_a_relevant_passage_may_fall_a_little_short_of_the_floor(
    similarity: float, relevance: float | None, *, answered: bool
) -> None:
    assert (why_unanswerable(turn(similarity, relevance), AbstainPolicy(0.35)) == "") == answered


def test_it_may_not_where_a_word_of_the_question_stands_in_no_document() -> None:
    asked = turn(0.34, 3.0, frozenset({"strangers"}), "How does a view give a mapping as JSON to strangers?")
    assert why_unanswerable(asked, AbstainPolicy(0.35)) == "no passage is similar: 0.34, at least 0.35 is needed"
