"""Several datasets as one: what any of them trained on, none of them holds out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from ragloop.learning.examples.datasets import SCHEMA, Dataset
from ragloop.learning.rows.joined import joined

START = datetime(2026, 1, 1, tzinfo=UTC)


def row(question: str, document: str, day: int) -> dict[str, Any]:
    documents = [{"document_id": document, "revision": "r", "cited": True, "text_hashes": [], "statements": []}]
    return {
        "example_id": f"{question} {day}",
        "question": question,
        "answer": "so",
        "interaction_ids": [question],
        "documents": documents,
        "passages": [],
        "rejected": None,
        "asked_at": START + timedelta(days=day),
    }


def dataset(name: str, train: list[dict[str, Any]], held_out: list[dict[str, Any]]) -> Dataset:
    both = [pa.Table.from_pylist(rows, schema=SCHEMA) for rows in (train, held_out)]
    return Dataset(name, both[0], both[1], {"recipe": "facts"})


def questions(table: pa.Table) -> list[str]:
    return [str(one) for one in table["question"].to_pylist()]


def test_one_dataset_is_itself() -> None:
    given = dataset("d1", [row("who", "a", 5)], [row("where", "a", 1)])
    assert joined([given]) is given


def test_a_row_that_one_holds_out_and_another_trained_on_is_held_out_no_more() -> None:
    first = dataset("d1", [row("who", "a", 1)], [row("when", "b", 7), row("how", "c", 8)])
    second = dataset("d2", [row("who", "a", 1), row("when", "b", 2)], [row("how", "c", 8), row("why", "d", 9)])
    found = joined([first, second])
    assert (found.dataset_id, found.recipe) == ("d1+d2", "facts")
    assert questions(found.train) == ["who", "when"]
    assert questions(found.eval) == ["how", "why"]


def test_held_out_rows_share_no_document_question_or_time_with_what_another_trained_on() -> None:
    first = dataset("d1", [row("who keeps the bees", "a", 4)], [])
    others = [
        row("of that document", "a", 5),
        row("Who keeps the bees?", "b", 6),
        row("older", "c", 3),
        row("apart", "d", 7),
    ]
    assert questions(joined([first, dataset("d2", [], others)]).eval) == ["apart"]
    assert questions(joined([dataset("d1", [], []), dataset("d2", [], others[:1])]).eval) == ["of that document"]
