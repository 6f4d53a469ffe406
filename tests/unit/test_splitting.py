"""Training and evaluation share neither documents, nor near-duplicate questions, nor a stretch of time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from ragloop.learning.examples import splitting
from ragloop.learning.examples.example import DocumentRevision, Example, as_table
from ragloop.learning.examples.splitting import Split

START = datetime(2026, 1, 1, tzinfo=UTC)


def split(examples: Sequence[Example], eval_share: float = 0.1, seed: int = 0) -> Split:
    return splitting.split(as_table(examples), eval_share, seed)


def example(minute: int, *documents: str, question: str | None = None) -> Example:
    cited = tuple(DocumentRevision(document, "r1", cited=True) for document in documents)
    return Example(question or f"q{minute}", "a", (f"i{minute}",), cited, START + timedelta(minutes=minute))


def test_the_newest_documents_are_held_out() -> None:
    parts = split([example(minute, f"d{minute // 2}") for minute in range(40)], eval_share=0.1)
    assert parts.eval["question"].to_pylist() == ["q36", "q37", "q38", "q39"]
    assert (parts.train.num_rows, parts.left_out.num_rows, parts.components, parts.largest_component) == (36, 0, 20, 2)


def test_near_duplicate_questions_stay_together_across_documents() -> None:
    rows = [example(minute, f"d{minute}") for minute in range(20)]
    rows[3] = example(3, "d3", question="q19 is what")
    rows[19] = example(19, "d19", question="what is q19")
    parts = split(rows, eval_share=0.1)
    # Both are held out; the older one lies before the newest training row and is left out.
    assert (parts.eval["question"].to_pylist(), parts.left_out.num_rows) == (["what is q19"], 1)


def test_a_document_that_was_only_shown_does_not_join_examples() -> None:
    shown = DocumentRevision("everywhere", "r1", cited=False)
    rows = [example(minute, f"d{minute}") for minute in range(10)]
    rows = [Example(r.question, r.answer, r.interaction_ids, (*r.documents, shown), r.asked_at) for r in rows]
    assert split(rows).components == 10


def test_old_rows_of_held_out_documents_are_left_out_rather_than_straddle_in_time() -> None:
    # Every document was asked about twice: once in a first pass, once in a second.
    parts = split([example(minute, f"d{minute % 20}") for minute in range(40)], eval_share=0.1)
    assert parts.eval["question"].to_pylist() == ["q38", "q39"]
    assert (parts.train.num_rows, parts.left_out.num_rows) == (36, 2)


def test_training_gives_up_at_most_the_share_of_evaluation_to_time() -> None:
    # One document is asked about to the end, so that whatever is held out lies before its last questions.
    rows = [example(minute, "hot" if minute % 2 or minute > 90 else f"d{minute}") for minute in range(100)]
    parts = split(rows, eval_share=0.1)
    assert (parts.train.num_rows, parts.eval["question"].to_pylist()) == (81, ["q90"])


def test_evaluation_is_empty_where_the_newest_rows_are_all_about_one_large_document() -> None:
    rows = [example(minute, f"d{minute}" if minute < 50 else "hot") for minute in range(100)]
    parts = split(rows, eval_share=0.1)
    assert (parts.train.num_rows, parts.eval.num_rows) == (90, 0)
    assert parts.note == "evaluation is empty: every example that was held out is older than the newest training row"


def test_a_component_that_exceeds_the_share_stays_in_training() -> None:
    rows = [example(minute, "large") for minute in range(20)] + [example(30, "small")]
    parts = split(rows, eval_share=0.1)
    assert (parts.train.num_rows, parts.eval["question"].to_pylist()) == (20, ["q30"])


def test_the_smallest_component_is_held_out_where_none_fits_the_share() -> None:
    rows = [example(minute, "a") for minute in range(5)] + [example(minute, "b") for minute in range(5, 8)]
    parts = split(rows, eval_share=0.1)
    assert (parts.train.num_rows, parts.eval.num_rows) == (5, 3)


def test_one_component_leaves_evaluation_empty_and_says_so() -> None:
    parts = split([example(minute, "d") for minute in range(5)])
    assert (parts.train.num_rows, parts.eval.num_rows) == (5, 0)
    assert parts.note == "evaluation is empty: all examples share documents or near-duplicate questions"


def test_no_examples_make_an_empty_split() -> None:
    parts = split([])
    assert (parts.train.num_rows, parts.eval.num_rows, parts.components, parts.note) == (0, 0, 0, "")


def test_the_seed_chooses_among_components_of_the_same_moment_only() -> None:
    at_once = [Example(f"q{n}", "a", (f"i{n}",), (DocumentRevision(f"d{n}", "r", True),), START) for n in range(20)]
    chosen = {split(at_once, seed=seed).eval["question"][0].as_py() for seed in range(20)}
    assert len(chosen) > 1
    in_turn = [example(minute, f"d{minute}") for minute in range(20)]
    assert split(in_turn, seed=1).eval == split(in_turn[::-1], seed=2).eval


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="eval_share"):
        split([], share)
