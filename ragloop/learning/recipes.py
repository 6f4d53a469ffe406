"""Recipes: how examples become rows, who trains on them, and in which prompt an adapter is asked for what it learned.

A dataset and a training name their recipe. Another one is another object in RECIPES, and the steps stay as they are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ragloop.answering.lanes import Asking, prompt_of
from ragloop.errors import MismatchError
from ragloop.learning.evaluation.criteria import Criteria
from ragloop.learning.examples.lineage import TrainedRow
from ragloop.models import Generator, Trained
from ragloop.models.training.process import Execution, Objective, Progress, TrainingResult, TrainingSpec, train
from ragloop.records import LaneName, Message, Passage


class Need(StrEnum):
    """What a recipe cannot do without."""

    PASSAGES = "passages"
    """The passages that an answer was made from, as they stand in the index now."""
    PEOPLE = "people"
    """Votes or corrections: evidence alone does not do."""
    TEACHERS = "teachers"
    """Answers of the models that dataset.teachers names; what people corrected is no answer of theirs."""
    DISTRACTORS = "distractors"
    """Passages beside the cited ones, and rows without a cited one, whose answer abstains."""
    CORRECTIONS = "corrections"
    """What was answered, beside what a person put in its place."""


@dataclass(frozen=True)
class Recipe:
    """`lane` is where its adapters answer, `needs` is what it cannot do without.

    `rows` reads rows of a dataset; `train` trains on a file of them. `asks` writes the prompt of a question with its
    passages, in training as in the lane. `objective` is what the loss of its training looks at.
    """

    name: str
    lane: LaneName
    needs: frozenset[Need]
    rows: Callable[[Iterable[Mapping[str, Any]]], list[TrainedRow]]
    train: Callable[[TrainingSpec, Callable[[Progress], None], Execution], TrainingResult]
    asks: Asking
    objective: Objective = Objective.ANSWERS

    @property
    def criteria(self) -> Criteria:
        """Say by which rules the gate judges its adapters."""
        if Need.PASSAGES not in self.needs:
            return Criteria.FACTS
        return Criteria.GROUNDED if Need.DISTRACTORS in self.needs else Criteria.PASSAGES

    def messages(self, row: TrainedRow, passages: Sequence[Passage] = ()) -> Sequence[Message]:
        """Return what training reads of a row, the answer last."""
        return (*self.asks(row.question, passages).messages, {"role": "assistant", "content": row.answer})

    def asks_other(self, other: Generator) -> Asking | None:
        """Return what writes the prompts of another model in the lane, None where it is asked as the adapter is."""
        if Need.PASSAGES not in self.needs:
            return None
        asks = prompt_of(self.lane, other.recipe if isinstance(other, Trained) else "")
        return None if asks == self.asks else asks


def _as_they_are(rows: Iterable[Mapping[str, Any]]) -> list[TrainedRow]:
    return [TrainedRow.of(row) for row in rows]


def _supervised(name: str, lane: LaneName, *needs: Need) -> Recipe:
    return Recipe(name, lane, frozenset(needs), _as_they_are, train, prompt_of(lane, name))


FACTS = _supervised("facts", LaneName.CLOSED_BOOK)
"""Supervised fine-tuning on questions without passages."""
GROUNDED = _supervised("grounded", LaneName.ADAPTER_RAG, Need.PASSAGES, Need.DISTRACTORS)
"""Question and passages to a cited answer, or to none where no passage gives it (RAFT, arXiv:2403.10131)."""
STYLE = _supervised("style", LaneName.ADAPTER_RAG, Need.PASSAGES, Need.PEOPLE)
"""Question and passages to an answer in the house's format, with no instruction in the prompt."""
DISTILL = _supervised("distill", LaneName.ADAPTER_RAG, Need.PASSAGES, Need.TEACHERS)
"""Question and passages to the answer of a stronger model (prompt distillation, arXiv:2412.14964)."""

PREFERENCE = replace(
    _supervised("preference", LaneName.ADAPTER_RAG, Need.PASSAGES, Need.PEOPLE, Need.CORRECTIONS),
    objective=Objective.PREFERENCES,
)
"""Question and passages to the correction rather than to what was answered (DPO, arXiv:2305.18290)."""

RECIPES: Mapping[str, Recipe] = {one.name: one for one in (FACTS, GROUNDED, STYLE, DISTILL, PREFERENCE)}


def recipe_of(name: str) -> Recipe:
    """Return the recipe of this name. Raises MismatchError for one that this ragloop does not know."""
    if name not in RECIPES:
        raise MismatchError(
            f"found the recipe {name!r}, expected one of {', '.join(RECIPES)}; install the ragloop that wrote it, or "
            "build the dataset again"
        )
    return RECIPES[name]
