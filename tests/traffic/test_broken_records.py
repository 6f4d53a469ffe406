"""A record that is not as its format has it costs itself alone."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from ragloop.traffic.exchange import Exchange, Item, Skipped
from ragloop.traffic.formats.jsonl import read_plain
from ragloop.traffic.formats.langfuse import read_langfuse
from ragloop.traffic.formats.langsmith import read_langsmith
from ragloop.traffic.formats.mlflow import read_mlflow
from ragloop.traffic.formats.otlp import read_otlp
from ragloop.traffic.reading import Read, items_of_each

Reader = Callable[[Iterable[Read | Skipped]], Iterator[Item]]


@pytest.mark.parametrize(
    ("reader", "record"),
    [
        (read_langsmith, {"run_type": "llm"}),
        (read_otlp, {"spanId": "a1"}),
        (read_mlflow, {"info": {"trace_id": "t"}, "data": {"spans": [1]}}),
        (read_langfuse, {"id": "t", "observations": [{"type": "SPAN"}]}),
    ],
)
def test_a_record_with_too_little_in_it_is_skipped_with_its_place(reader: Reader, record: dict[str, Any]) -> None:
    (found,) = reader([Read("line 3", record)])
    assert isinstance(found, Skipped)
    assert found.place == "line 3"
    assert "cannot be read" in found.reason


@pytest.mark.parametrize(
    "error", [ValueError("x"), TypeError("x"), KeyError("x"), AttributeError("x"), RecursionError()]
)
def test_what_stands_beside_a_broken_record_is_read(error: Exception) -> None:
    def items_of(read: Read) -> Iterator[Item]:
        if not read.record:
            raise error
        yield Exchange(read.place, "")

    found = list(items_of_each([Read("a", {"x": 1}), Read("b", {}), Read("c", {"x": 1})], items_of, "something"))
    assert [type(one) for one in found] == [Exchange, Skipped, Exchange]


def test_a_plain_record_whose_fields_are_of_other_kinds_stops_nothing() -> None:
    odd = {"question": ["Who?"], "answer": 7, "passages": {"text": [1]}, "usage": "many", "asked_at": [], "id": {}}
    found = list(read_plain([Read("1", odd), Read("2", {"question": "Who?", "answer": "Ada."})]))
    assert isinstance(found[-1], Exchange)
    assert len(found) == 2
