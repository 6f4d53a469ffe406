"""What an adapter is asked when it is evaluated."""

from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ragloop.learning.evaluation.golden import GoldenQuestion
from ragloop.learning.evaluation.measures import Part, Question
from ragloop.learning.examples.near_duplicates import Likeness
from ragloop.records import Prompt

Row = TypeVar("Row")


@dataclass(frozen=True)
class Target:
    """Golden questions that are asked, and numbers of those that are not."""

    questions: tuple[Question, ...]
    trained: int
    """They are near-duplicates of trained rows, so they would measure memory."""
    not_trained: int
    """Their documents were not trained on."""
    unknown: int
    """They name documents that the index does not have."""
    changed: int
    """They name a revision of a document that changed since, and no longer gives their answer."""

    @property
    def notes(self) -> list[str]:
        """A sentence per kind of golden question that is not asked."""
        why = {
            "match a trained row": self.trained,
            "name a document that was not trained on": self.not_trained,
            "name a document that the index does not have": self.unknown,
            "have an answer that their document no longer gives": self.changed,
        }
        return [f"golden questions left out because they {reason}: {count}." for reason, count in why.items() if count]


def target_questions(
    golden: Sequence[GoldenQuestion],
    trained: Sequence[str],
    trained_keys: frozenset[str],
    keys: frozenset[str],
    changed: Container[GoldenQuestion],
    prompt: Callable[[str], Prompt],
) -> Target:
    """Return golden questions in the prompt of the recipe: those with an answer, but none that matches a trained one.

    Where they name their document, only those whose document was trained on. `keys`: those of all documents; `changed`:
    those that `outdated_golden` found.
    """
    likeness = Likeness.of(trained)
    reasons = ["changed" if one in changed else _left_out(one, likeness, trained_keys, keys) for one in golden]
    why = Counter(reasons)
    asked = [one for one, reason in zip(golden, reasons, strict=True) if not reason and one.answers]
    questions = tuple(Question(Part.TARGET, prompt(one.question), one.answer) for one in asked)
    return Target(questions, why["trained"], why["not trained"], why["unknown"], why["changed"])


def _left_out(one: GoldenQuestion, trained: Likeness, trained_keys: frozenset[str], keys: frozenset[str]) -> str:
    if trained.matches(one.question):
        return "trained"
    named = [document.name for document in one.documents]
    if not named or any(name in trained_keys for name in named):
        return ""
    return "not trained" if any(name in keys for name in named) else "unknown"


def spread(rows: Sequence[Row], most: int) -> Sequence[Row]:
    """Return at most `most` of the rows, spread over all of them."""
    return rows[:: max(1, -(-len(rows) // most))]
