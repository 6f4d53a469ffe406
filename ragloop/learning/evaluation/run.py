"""Incumbent and challenger on the same questions: golden ones without passages, held-out ones with their best passage.

The answers are kept beside the adapter as a Parquet file, so that a verdict can be repeated and read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ragloop.answering.lanes import Asking
from ragloop.answering.prompts import prompt_hash
from ragloop.errors import MismatchError, NotFoundError
from ragloop.learning.evaluation.answer_cache import AnswerCache
from ragloop.learning.evaluation.criteria import NO_SCORES, PairedScores
from ragloop.learning.evaluation.measures import ALL_MEASURES, MEASURES, Answered, Measure, Part, Question, Score
from ragloop.learning.parquet_files import parquet_of, read_table
from ragloop.models import Generator
from ragloop.records import Prompt
from ragloop.registry.evidence import Scores
from ragloop.store.files import Files

ANSWERS = "evaluation.parquet"
_ENDED_EARLY = b"ragloop.ended_early"
"""Stands in the metadata of a table that holds answers to the target alone."""
_SIDES = ("incumbent", "challenger")
_SCHEMA = pa.schema(
    [
        ("measure", pa.string()),
        ("part", pa.string()),
        ("prompt_hash", pa.string()),
        ("question", pa.string()),
        ("reference", pa.string()),
        *((f"{side}_fingerprint", pa.string()) for side in _SIDES),
        *((f"{side}_answer", pa.string()) for side in _SIDES),
        *((f"{side}_score", pa.float64()) for side in _SIDES),
        *((f"{side}_reason", pa.string()) for side in _SIDES),
    ]
)


@dataclass(frozen=True)
class Pair:
    """The two models that are compared. `asks` writes the prompt of a question and its passages for the incumbent,
    where that is another one than the challenger gets."""

    incumbent: Generator
    challenger: Generator
    asks: Asking | None = None

    def prompts(self, side: str, questions: Sequence[Question]) -> list[Prompt]:
        """Return what one side is asked."""
        prompts = [one.prompt for one in questions]
        asks = self.asks if side == "incumbent" else None
        return [asks(one.question, one.passages) for one in prompts] if asks else prompts


@dataclass(frozen=True)
class EvalReport:
    """Paired scores by the name of their measure. `ended_early`: the target rejected the challenger, and nothing else
    was asked."""

    scores: Mapping[str, PairedScores]
    ended_early: bool = False

    def of(self, measure: Measure) -> PairedScores:
        """Return the scores of one measure; none where its part was not asked."""
        return self.scores.get(measure.name, NO_SCORES)

    @property
    def incumbent(self) -> Scores:
        """Mean scores of the incumbent, and numbers of questions."""
        return self._means({name: scores.incumbent for name, scores in self.scores.items()})

    @property
    def challenger(self) -> Scores:
        """Mean scores of the challenger, and numbers of questions."""
        return self._means({name: scores.challenger for name, scores in self.scores.items()})

    @property
    def metrics(self) -> dict[str, Scores]:
        """The scores of both, as tables and JSON name the two."""
        return {"champion": self.incumbent, "candidate": self.challenger}

    def _means(self, scores: Mapping[str, Any]) -> Scores:
        found: dict[str, float | None] = {}
        for measure in (one for one in ALL_MEASURES if one in MEASURES or one.name in scores):
            values = scores.get(measure.name, ())
            found |= {measure.name: _mean(values), f"{measure.part}_questions": len(values)}
        return found


def _never(target: Mapping[str, PairedScores]) -> bool:
    return False


def evaluate(
    questions: Sequence[Question],
    models: Pair,
    cache: AnswerCache,
    rejects: Callable[[Mapping[str, PairedScores]], bool] = _never,
) -> pa.Table:
    """Ask both models and score their answers; one row per measure and question. What `cache` knows is not generated.

    The target is asked first; where `rejects` says that its scores reject the challenger already, nothing else is
    asked: questions with passages cost most of an evaluation.
    """
    target = [one for one in questions if one.part == Part.TARGET]
    table = _scored(target, models, cache)
    if not rejects(report_of(table).scores):
        return _scored(questions, models, cache)
    return table.replace_schema_metadata({_ENDED_EARLY: b"1"}) if len(target) < len(questions) else table


def _scored(questions: Sequence[Question], models: Pair, cache: AnswerCache) -> pa.Table:
    asked = ((getattr(models, side), models.prompts(side, questions)) for side in _SIDES)
    answers = zip(*(cache.ask(model, prompts) for model, prompts in asked), strict=True)
    rows = [
        _row(measure, question, models, texts)
        for question, texts in zip(questions, answers, strict=True)
        for measure in ALL_MEASURES
        if measure.part == question.part
    ]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _row(measure: Measure, question: Question, models: Pair, texts: Sequence[str]) -> dict[str, Any]:
    row = {
        "measure": measure.name,
        "part": str(question.part),
        "prompt_hash": prompt_hash(question.prompt),
        "question": question.prompt.question,
        "reference": question.reference,
    }
    for side, text in zip(_SIDES, texts, strict=True):
        row |= _columns(side, getattr(models, side), text, measure.score(Answered(question, text)))
    return row


def _columns(side: str, generator: Generator, text: str, score: Score) -> dict[str, Any]:
    return {
        f"{side}_fingerprint": generator.fingerprint,
        f"{side}_answer": text,
        f"{side}_score": score.value,
        f"{side}_reason": score.reason,
    }


def keep_evaluation(table: pa.Table, files: Files, path: str) -> None:
    """Keep an evaluation with the adapter at this path, in the place of the one before it."""
    files.write(f"{path}/{ANSWERS}", [parquet_of(table)])


def read_evaluation(files: Files, path: str) -> EvalReport:
    """Read the evaluation kept with the adapter at this path. Raises NotFoundError, MismatchError."""
    try:
        table = read_table(files, f"{path}/{ANSWERS}")
    except NotFoundError:
        raise NotFoundError(f"found no evaluation in {files}/{path}; evaluate the adapter first") from None
    if not table.schema.equals(_SCHEMA):
        raise MismatchError(f"{files}/{path}/{ANSWERS} has other columns than expected; evaluate the adapter again")
    return report_of(table)


def report_of(table: pa.Table) -> EvalReport:
    """Read the scores of an evaluation."""
    names = table["measure"].to_pylist()
    scores = [table[f"{side}_score"].to_numpy() for side in _SIDES]
    found = {}
    for name in dict.fromkeys(names):
        of_measure = np.array([one == name for one in names], dtype=np.bool_)
        found[name] = PairedScores(*(values[of_measure] for values in scores))
    return EvalReport(found, _ENDED_EARLY in (table.schema.metadata or {}))


def _mean(scores: Any) -> float | None:
    return round(float(scores.mean()), 4) if len(scores) else None
