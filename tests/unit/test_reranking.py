"""The order in which a reranker puts passages, and what happens where it cannot."""

from collections.abc import Sequence
from dataclasses import replace

from ragloop.answering.retrieval import as_text
from ragloop.answering.signals.reranking import MOST_READ, Reranking
from ragloop.errors import UnavailableError
from ragloop.records import Passage


class ByLength:
    """Scores a text by its length, and counts what it reads."""

    fingerprint = "by length"

    def __init__(self) -> None:
        self.read: list[str] = []

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        self.read += texts
        return [float(len(text)) for text in texts]


def passages(*texts: str) -> list[Passage]:
    return [
        as_text({"text": text, "heading": "", "text_hash": str(n), "document_id": "d", "chunk_id": str(n)})
        for n, text in enumerate(texts)
    ]


def damaged() -> ByLength:
    raise UnavailableError("the reranker in cache cannot be loaded")


def test_those_that_answer_best_come_first() -> None:
    found = Reranking(ByLength, 4).order("What is the tide?", passages("a", "ccc", "bb"))
    assert [one.text for one in found.passages] == ["ccc", "bb", "a"]
    assert [one.rank for one in found.passages] == [1, 2, 3]


def test_of_a_long_list_the_first_are_read_and_the_others_follow() -> None:
    reranker = ByLength()
    texts = [f"{'x' * (n % 7)}{n}" for n in range(MOST_READ + 5)]
    found = Reranking(lambda: reranker, 4).order("What is the tide?", passages(*texts))
    assert sorted(reranker.read) == sorted(texts[:MOST_READ])
    assert [one.text for one in found.passages[MOST_READ:]] == texts[MOST_READ:]


def test_a_damaged_reranker_leaves_the_passages_in_their_order_and_says_so() -> None:
    found = Reranking(damaged, 4).order("What is the tide?", passages("a", "ccc"))
    assert [one.text for one in found.passages] == ["a", "ccc"]
    assert found.why == "not reranked: the reranker in cache cannot be loaded"


def test_a_question_in_another_language_is_not_read() -> None:
    reranker = ByLength()
    Reranking(lambda: reranker, 4).order("Wann geht die Fähre nach Norden?", passages("a", "ccc"))
    assert reranker.read == []


def test_one_that_may_not_hold_any_more_must_be_more_relevant_by_a_margin() -> None:
    old, new = passages("ccc", "bb")
    found = Reranking(ByLength, 4).order("What is the tide?", [replace(old, outdated="of version 1.0"), new])
    assert [one.text for one in found.passages] == ["bb", "ccc"]
    old, new = passages("ccccccc", "bb")
    found = Reranking(ByLength, 4).order("What is the tide?", [replace(old, outdated="of version 1.0"), new])
    assert [one.text for one in found.passages] == ["ccccccc", "bb"]
