"""Recipes: how examples become rows, who trains on them, and in which prompt an adapter is asked for what it learned.

A dataset and a training name their recipe. Another one (with passages in its rows, or with pairs of answers) is another
object in RECIPES, and the steps stay as they are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragloop.answering.prompts import closed_book_messages, closed_book_prompt
from ragloop.errors import MismatchError
from ragloop.learning.examples.lineage import TrainedRow
from ragloop.models.training.process import Progress, TrainingResult, TrainingSpec, train
from ragloop.records import Message, Prompt


@dataclass(frozen=True)
class Recipe:
    """`rows` reads rows of a dataset, `messages` is what training reads of a row, the answer last; `train` trains on a
    file of them, and `prompt` asks a question in the form that was trained."""

    name: str
    rows: Callable[[Iterable[Mapping[str, Any]]], list[TrainedRow]]
    messages: Callable[[TrainedRow], Sequence[Message]]
    train: Callable[[TrainingSpec, Callable[[Progress], None]], TrainingResult]
    prompt: Callable[[str], Prompt]


def _question_and_answer(rows: Iterable[Mapping[str, Any]]) -> list[TrainedRow]:
    return [TrainedRow.of(row) for row in rows]


def _closed_book(row: TrainedRow) -> Sequence[Message]:
    return (*closed_book_messages(row.question), {"role": "assistant", "content": row.answer})


CLOSED_BOOK_SFT = Recipe("closed-book-sft", _question_and_answer, _closed_book, train, closed_book_prompt)
"""Supervised fine-tuning on questions without passages."""

RECIPES: Mapping[str, Recipe] = {one.name: one for one in (CLOSED_BOOK_SFT,)}


def recipe_of(name: str) -> Recipe:
    """Return the recipe of this name. Raises MismatchError for one that this ragloop does not know."""
    if name not in RECIPES:
        raise MismatchError(
            f"found the recipe {name!r}, expected one of {', '.join(RECIPES)}; install the ragloop that wrote it, or "
            "build the dataset again"
        )
    return RECIPES[name]
