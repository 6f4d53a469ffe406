"""The batches of a training, from the lengths of its rows alone. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from ragloop.models.training.memory.estimate import Batch


@dataclass(frozen=True, order=True)
class Length:
    """The tokens of a row, and how many of them the loss looks at."""

    tokens: int
    answers: int


def lengths_of(rows: Sequence[Mapping[str, Sequence[int]]], *, compares: bool) -> list[Length]:
    """Return the lengths of rows, shortest first; where answers are compared, of the longer of a row's two."""
    if compares:
        answers = [max(len(row["chosen_ids"]), len(row["rejected_ids"])) for row in rows]
        return sorted(Length(len(row["prompt_ids"]) + n, n) for row, n in zip(rows, answers, strict=True))
    return sorted(Length(len(row["labels"]), len(row["labels"]) - row["labels"].count(-100)) for row in rows)


def alike(lengths: Sequence[Length], size: int, processes: int) -> list[Batch]:
    """Return what one process of a group reads of each batch that sft.RowsOfLikeLength makes of sorted rows.

    Which rows of one length fall together changes with the epoch. Those with the longest answers are taken to.
    """
    cut = [lengths[at : at + size] for at in range(0, len(lengths), size)]
    return [_batch(one, ceil(len(one) / processes), 1) for one in cut]


def mixed(lengths: Sequence[Length], size: int) -> list[Batch]:
    """Return the largest batch that may come up where rows are drawn at random, with two answers to each."""
    return [_batch(lengths[-size:], min(size, len(lengths)), 2)]


def _batch(rows: Sequence[Length], share: int, answers: int) -> Batch:
    said = sorted(one.answers for one in rows)[-share:]
    return Batch(
        answers * share, rows[-1].tokens, answers * sum(said), answers > 1 or rows[0].tokens != rows[-1].tokens
    )
