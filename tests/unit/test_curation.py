"""Which logged answers become examples, and why the others do not."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ragloop.learning.examples.curation import REASONS, Standing, curate
from ragloop.learning.examples.example import Curated, DocumentRevision, Example, as_table

START = datetime(2026, 1, 1, tzinfo=UTC)
REVISIONS = {"numpy": "r1", "scipy": "r1", "torch": "r1"}
LIVE = Standing(REVISIONS)


def asked(name: str, question: str | None = None, minute: int = 0, **changes: Any) -> dict[str, Any]:
    """A logged answer that cites numpy, after numpy and scipy were shown."""
    return {
        "interaction_id": name,
        "asked_at": START + timedelta(minutes=minute),
        "question": question or f"What is {name}?",
        "answer": "BSD-3-Clause [1].",
        "abstained": False,
        "passages": [passage("numpy", rank=1), passage("scipy", rank=2)],
        "citations": [{"n": 1, "document_id": "numpy", "revision": "r1"}],
    } | changes


def passage(document_id: str, rank: int, revision: str = "r1") -> dict[str, Any]:
    return {"chunk_id": f"{document_id}-{rank}", "document_id": document_id, "revision": revision, "rank": rank}


def vote(name: str, kind: str = "up", correction: str | None = None, minute: int = 0) -> dict[str, Any]:
    given_at = START + timedelta(days=1, minutes=minute)
    return {"interaction_id": name, "kind": kind, "correction": correction, "given_at": given_at}


def one(row: dict[str, Any], votes: Sequence[dict[str, Any]], **options: Any) -> Example | str:
    """The example that a single row gives, or the reason why it gives none."""
    curated = curate([row], votes, LIVE, **options)
    return curated.examples[0] if curated.examples else next(r for r, n in curated.funnel.items() if n)


def test_an_answer_that_was_voted_up_rests_on_what_it_cites() -> None:
    assert one(asked("a"), [vote("a")]) == Example(
        "What is a?", "BSD-3-Clause.", ("a",), (DocumentRevision("numpy", "r1", cited=True),), START
    )


def test_a_correction_replaces_the_answer_and_rests_on_all_that_was_shown() -> None:
    example = one(asked("a"), [vote("a", "correction", " MIT ")])
    assert isinstance(example, Example)
    assert example.answer == "MIT"
    assert example.documents == (
        DocumentRevision("numpy", "r1", cited=True),
        DocumentRevision("scipy", "r1", cited=False),
    )
    assert example.subjects == {"numpy"}


def test_a_corrected_abstention_is_about_the_best_passage() -> None:
    row = asked("a", abstained=True, answer="", citations=[], passages=[passage("scipy", 2), passage("torch", 1)])
    example = one(row, [vote("a", "correction", "MIT")])
    assert isinstance(example, Example)
    assert ([d.document_id for d in example.documents], example.subjects) == (["torch", "scipy"], {"torch"})


def test_a_follow_up_is_trained_on_as_it_reads_alone() -> None:
    example = one(asked("a", rewritten="What is the licence of a?"), [vote("a")])
    assert isinstance(example, Example)
    assert example.question == "What is the licence of a?"


def test_several_questions_in_one_text_are_no_example() -> None:
    assert one(asked("a", rewritten="What is a?\nWhat is b?"), [vote("a")]) == "several questions"


def test_an_answer_without_feedback_is_no_example() -> None:
    assert one(asked("a"), [vote("another")]) == "no feedback"


def test_a_thumbs_down_is_no_example() -> None:
    assert one(asked("a"), [vote("a", "down")]) == "thumbs down"


def test_the_latest_vote_counts_whatever_the_order_of_the_rows() -> None:
    votes = [vote("a", "up", minute=1), vote("a", "down", minute=2)]
    assert one(asked("a"), votes) == one(asked("a"), votes[::-1]) == "thumbs down"


def test_a_thumbs_down_after_a_correction_does_not_withdraw_it() -> None:
    example = one(asked("a"), [vote("a", "correction", "MIT", minute=1), vote("a", "down", minute=2)])
    assert isinstance(example, Example)
    assert example.answer == "MIT"


def test_only_another_correction_withdraws_a_correction() -> None:
    votes = [vote("a", "correction", "MIT", minute=1), vote("a", "up", minute=2)]
    example = one(asked("a"), votes)
    assert isinstance(example, Example)
    assert example.answer == "MIT"
    example = one(asked("a"), [*votes, vote("a", "correction", "ISC", minute=3)])
    assert isinstance(example, Example)
    assert example.answer == "ISC"


def test_an_abstention_is_no_example_even_where_it_was_voted_up() -> None:
    assert one(asked("a", abstained=True), [vote("a")]) == "abstained"


def test_an_answer_without_any_document_could_never_go_stale_and_falls() -> None:
    row = asked("a", citations=[], passages=[])
    assert one(row, [vote("a")]) == "no document behind it"
    assert one(row | {"citations": None, "passages": None}, [vote("a", "correction", "MIT")]) == "no document behind it"


@pytest.mark.parametrize("live", [{"scipy": "r1"}, {"numpy": "r2", "scipy": "r1"}])
def test_an_answer_whose_cited_document_changed_or_went_falls(live: dict[str, str]) -> None:
    assert curate([asked("a")], [vote("a")], Standing(live)).funnel["passage changed or gone"] == 1


def test_a_change_of_a_document_that_was_only_shown_fells_a_correction_but_not_an_answer() -> None:
    live = REVISIONS | {"scipy": "r2"}
    assert len(curate([asked("a")], [vote("a")], Standing(live)).examples) == 1
    assert curate([asked("a")], [vote("a", "correction", "MIT")], Standing(live)).funnel["passage changed or gone"] == 1


def test_a_reverted_edit_makes_the_row_eligible_again() -> None:
    row = asked("a")
    assert not curate([row], [vote("a")], Standing(REVISIONS | {"numpy": "r2"})).examples
    assert curate([row], [vote("a")], LIVE).examples


@pytest.mark.parametrize("golden", ["what is the a", "Is what a?"])
def test_a_golden_question_in_any_near_wording_is_not_trained_on(golden: str) -> None:
    assert one(asked("a", "What is the a?"), [vote("a")], golden=[golden]) == "in the golden set"


def test_a_question_about_another_package_is_not_golden() -> None:
    row = asked("a", "Under which licence is torch released?")
    assert isinstance(one(row, [vote("a")], golden=["Under which licence is torchvision released?"]), Example)


def test_an_answer_that_is_empty_or_too_long_falls() -> None:
    assert one(asked("a", answer=" [1]"), [vote("a")]) == "empty text"
    assert one(asked("a"), [vote("a", "correction", "  ")]) == "empty text"
    assert one(asked("a"), [vote("a", "correction", "one two three")], max_answer_words=2) == "answer too long"
    assert (
        one(asked("a"), [vote("a", "correction", "長い答え")], max_answer_words=3, count_words=len) == "answer too long"
    )


def test_only_the_marks_of_citations_leave_the_answer() -> None:
    example = one(asked("a", answer="Use rows[0] or rows[1] [1]."), [vote("a")])
    assert isinstance(example, Example)
    assert example.answer == "Use rows[0] or rows."


def test_the_newest_of_equal_questions_stays_and_names_those_that_agree() -> None:
    rows = [asked("a", "What is X?", 1), asked("b", "what is x", 2), asked("c", "What is  X ?", 3)]
    votes = [vote("a", "correction", "old"), vote("b", "correction", "new"), vote("c", "correction", "New.")]
    curated = curate(rows, votes, LIVE)
    assert [(e.answer, e.interaction_ids) for e in curated.examples] == [("New.", ("b", "c"))]
    assert curated.funnel["duplicate question"] == 2


def test_examples_come_oldest_first_and_without_rows_there_are_none() -> None:
    curated = curate([asked("b", minute=2), asked("a", minute=1)], [vote("a"), vote("b")], LIVE)
    assert [example.question for example in curated.examples] == ["What is a?", "What is b?"]
    assert curate([], [], Standing({})) == Curated(0, as_table([]), dict.fromkeys(REASONS, 0))


def test_a_funnel_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(ValueError, match="add up"):
        Curated(3, as_table([]), {"no feedback": 1})


def test_an_example_without_document_or_zone_is_refused() -> None:
    documents = (DocumentRevision("a", "r1", True),)
    with pytest.raises(ValueError, match="a document"):
        Example("q", "a", ("i",), (), START)
    with pytest.raises(ValueError, match="time zone"):
        Example("q", "a", ("i",), documents, START.replace(tzinfo=None))


def cites(*statements: str, **changes: Any) -> dict[str, Any]:
    """An answer that rests on these statements of numpy, in a passage with the text hash h1."""
    support = [{"document_id": "numpy", "statements": list(statements)}] if statements else None
    passages = [passage("numpy", 1) | {"text_hash": "h1"}, passage("scipy", 2) | {"text_hash": "h2"}]
    citations = [{"n": 1, "document_id": "numpy", "revision": "r1", "chunk_id": "numpy-1"}]
    return asked("a", passages=passages, citations=citations, support=support) | changes


def edited(**held: frozenset[str]) -> Standing:
    """Every document changed; numpy says this now."""
    given = {name: {"numpy": values} for name, values in held.items()}
    return Standing(dict.fromkeys(REVISIONS, "r2"), **given)


def test_an_edit_elsewhere_in_the_document_costs_no_row() -> None:
    now = edited(text_hashes=frozenset({"other"}), statements=frozenset({"s1", "s2", "new"}))
    (example,) = curate([cites("s1", "s2")], [vote("a")], now).examples
    assert example.documents == (DocumentRevision("numpy", "r1", True, ("h1",), ("s1", "s2")),)


def test_a_row_falls_with_any_statement_that_it_rests_on() -> None:
    now = edited(text_hashes=frozenset({"other"}), statements=frozenset({"s1"}))
    assert curate([cites("s1", "s2")], [vote("a")], now).funnel["passage changed or gone"] == 1


def test_where_no_statement_is_known_the_row_rests_on_the_cited_passage() -> None:
    assert len(curate([cites()], [vote("a")], edited(text_hashes=frozenset({"h1"}))).examples) == 1
    now = edited(text_hashes=frozenset({"h2"}), statements=frozenset({"s1"}))
    assert curate([cites()], [vote("a")], now).funnel["passage changed or gone"] == 1


def test_a_correction_rests_on_what_bore_it_out_and_on_nothing_else_that_was_shown() -> None:
    support = [{"document_id": "scipy", "statements": ["s3"]}]
    votes = [vote("a", "correction", "MIT") | {"support": support}]
    now = Standing({"numpy": "r2", "scipy": "r2"}, {}, {"scipy": frozenset({"s3"})})
    (example,) = curate([cites("s1")], votes, now).examples
    assert (example.documents[0].document_id, example.subjects) == ("scipy", {"scipy"})
    gone = Standing({"numpy": "r1", "scipy": "r2"}, {}, {"scipy": frozenset({"s1"})})
    assert curate([cites("s1")], votes, gone).funnel["passage changed or gone"] == 1


def test_a_correction_that_no_passage_bears_out_could_never_be_seen_to_go_stale_and_falls() -> None:
    votes = [vote("a", "correction", "MIT") | {"support": []}]
    assert curate([cites("s1")], votes, LIVE).funnel["no passage bears it out"] == 1


@pytest.mark.parametrize("kind", ["up", "correction"])
def test_an_answer_to_which_a_labelled_passage_was_shown_falls_though_it_cites_another_one(kind: str) -> None:
    for labelled in ("numpy", "scipy"):
        standing = Standing(REVISIONS, labelled=frozenset({labelled}))
        votes = [vote("a", kind, "MIT" if kind == "correction" else None)]
        assert curate([asked("a")], votes, standing).funnel["passage has labels"] == 1
    assert curate([asked("a")], [vote("a")], Standing(REVISIONS, labelled=frozenset({"pandas"}))).examples


@pytest.mark.parametrize("both", [True, False])
def test_an_answer_that_was_given_again_counts_once(both: bool) -> None:
    """Votes for the answer as it was written and as it was given again, in other words, are of one answer."""
    rows = [
        asked("a", "What is it?"),
        asked("b", "Please, what is it?", minute=1, reused_from="a"),
        asked("c", "Tell me what it is.", minute=2, reused_from="a"),
    ]
    votes = [vote(name) for name in ("abc" if both else "bc")]
    curated = curate(rows, votes, LIVE)
    (example,) = curated.examples
    assert example.interaction_ids == (("a", "b", "c") if both else ("b", "c"))
    assert curated.funnel["duplicate question"] == len(votes) - 1


def test_a_correction_of_an_answer_that_was_given_again_is_an_answer_of_its_own() -> None:
    rows = [asked("a", "What is it?"), asked("b", "Please, what is it?", minute=1, reused_from="a")]
    curated = curate(rows, [vote("a"), vote("b", "correction", "MIT")], LIVE)
    assert {one.answer for one in curated.examples} == {"BSD-3-Clause.", "MIT"}
