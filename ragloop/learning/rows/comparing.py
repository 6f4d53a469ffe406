"""What parts two datasets, by question. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ragloop.learning.evaluation.scoring import normalise
from ragloop.learning.examples.datasets import Dataset

_DECIDING = ("answer", "passages", "documents")


@dataclass(frozen=True)
class Difference:
    """Questions of one dataset that another lacks, the other way round, and those that have another row there."""

    came: tuple[str, ...]
    went: tuple[str, ...]
    changed: tuple[str, ...]
    same: int


def difference(now: Dataset, before: Dataset) -> Difference:
    """Compare the rows of two datasets, whichever side of the split they are on."""
    new, old = _rows(now), _rows(before)
    both = new.keys() & old.keys()
    changed = {one for one in both if any(new[one][name] != old[one][name] for name in _DECIDING)}
    return Difference(
        came=_questions(new, new.keys() - old.keys()),
        went=_questions(old, old.keys() - new.keys()),
        changed=_questions(new, changed),
        same=len(both - changed),
    )


def _rows(dataset: Dataset) -> dict[str, dict[str, Any]]:
    rows = [row for table in (dataset.train, dataset.eval) for row in table.to_pylist()]
    return {normalise(row["question"]): row for row in rows}


def _questions(rows: Mapping[str, Mapping[str, Any]], wanted: set[str]) -> tuple[str, ...]:
    return tuple(sorted(str(rows[one]["question"]) for one in wanted))
