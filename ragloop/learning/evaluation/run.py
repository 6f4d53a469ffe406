"""Champion and candidate on the same questions: golden ones without passages, held-out ones with their best passage.

The answers are kept beside the adapter as a Parquet file, so that a verdict can be repeated and read.
"""

import json
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ragloop.answering.prompts import closed_book_prompt, prompt_hash
from ragloop.answering.retrieval import as_text
from ragloop.answering.support import answers
from ragloop.corpus.index.table import Index
from ragloop.errors import ConfigError, NotFoundError
from ragloop.learning.evaluation.gate import PairedScores
from ragloop.learning.evaluation.scoring import exact_matches, token_f1s
from ragloop.learning.examples.near_duplicates import Likeness
from ragloop.models import Generator
from ragloop.records import Prompt
from ragloop.registry.evidence import Scores as MeanScores

ANSWERS = "evaluation.parquet"
TARGET = "target"
ELSEWHERE = "elsewhere"
TRAINED = "trained"
_ENDED_EARLY = b"ragloop.ended_early"
"""Stands in the metadata of a file that holds answers to the target alone."""
_SCHEMA = pa.schema(
    [
        ("part", pa.string()),
        ("prompt_hash", pa.string()),
        ("question", pa.string()),
        ("reference", pa.string()),
        ("champion", pa.string()),
        ("candidate", pa.string()),
        ("champion_fingerprint", pa.string()),
        ("candidate_fingerprint", pa.string()),
        ("champion_score", pa.float64()),
        ("candidate_score", pa.float64()),
    ]
)


@dataclass(frozen=True)
class GoldenQuestion:
    """A question with its answer, and optionally the key of the document that answers it, with the revision (SHA-256)
    that it did so in."""

    question: str
    answer: str
    document: str | None = None
    revision: str | None = None


@dataclass(frozen=True)
class Question:
    """One evaluated question with the prompt that both models get."""

    part: str
    prompt: Prompt
    reference: str


@dataclass(frozen=True)
class EvalReport:
    """Paired scores: exact match on the target (golden questions), token F1 elsewhere (held-out questions).

    `trained` is exact match on a sample of the trained rows themselves; the gate does not look at it. `ended_early`:
    the target rejected the candidate, and nothing else was asked.
    """

    target: PairedScores
    elsewhere: PairedScores
    trained: PairedScores
    ended_early: bool = False

    @property
    def incumbent(self) -> MeanScores:
        """Mean scores of the incumbent, and numbers of questions."""
        return self._means(lambda scores: scores.incumbent)

    @property
    def challenger(self) -> MeanScores:
        """Mean scores of the challenger, and numbers of questions."""
        return self._means(lambda scores: scores.challenger)

    @property
    def metrics(self) -> dict[str, MeanScores]:
        """The scores of both, as tables and JSON name the two."""
        return {"champion": self.incumbent, "candidate": self.challenger}

    def _means(self, side: Callable[[PairedScores], Any]) -> MeanScores:
        return {
            "exact_match": _mean(side(self.target)),
            "target_questions": len(self.target),
            "token_f1_elsewhere": _mean(side(self.elsewhere)),
            "elsewhere_questions": len(self.elsewhere),
            "exact_match_trained": _mean(side(self.trained)),
            "trained_questions": len(self.trained),
        }


def read_golden(file: Path | None) -> list[GoldenQuestion]:
    """The golden questions of a JSONL file; none without a file.

    Raises NotFoundError, or ConfigError with the number of the line. A message never quotes the line: it ends in logs
    that an erasure does not reach.
    """
    if file is None:
        return []
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise NotFoundError(f"found no golden questions at {file}; correct dataset.golden") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: expected UTF-8, found another encoding at byte {error.start}") from None
    return [_golden(line, f"{file}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def _golden(line: str, place: str) -> GoldenQuestion:
    try:
        row = json.loads(line)
        question, answer = row["question"], row["answer"]
        document, revision = row.get("document"), row.get("revision")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(f'{place}: expected a JSON object {{"question": …, "answer": …}}') from None
    if not (isinstance(question, str) and isinstance(answer, str) and question.strip() and answer.strip()):
        raise ConfigError(f"{place}: expected question and answer to be texts that are not empty")
    named = document if isinstance(document, str) else None
    return GoldenQuestion(question, answer, named, revision if named and isinstance(revision, str) else None)


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
    changed: Container[GoldenQuestion] = (),
) -> Target:
    """Golden questions without passages, but none that matches a trained question.

    Where they name their document, only those whose document was trained on. `keys`: those of all documents; `changed`:
    those that `outdated_golden` found.
    """
    likeness = Likeness(trained)
    reasons = ["changed" if one in changed else _left_out(one, likeness, trained_keys, keys) for one in golden]
    why = Counter(reasons)
    asked = [one for one, reason in zip(golden, reasons, strict=True) if not reason]
    questions = tuple(Question(TARGET, closed_book_prompt(one.question), one.answer) for one in asked)
    return Target(questions, why["trained"], why["not trained"], why["unknown"], why["changed"])


def outdated_golden(golden: Sequence[GoldenQuestion], index: Index) -> frozenset[GoldenQuestion]:
    """The golden questions that name a revision of which the document has another by now, without their answer."""
    named = [one for one in golden if one.revision]
    if not named:
        return frozenset()
    ids, revisions = {key: one for one, key in index.keys().items()}, index.revisions()
    changed = [one for one in named if revisions.get(ids.get(one.document or "", ""), one.revision) != one.revision]
    rows = list(index.chunk_texts(sorted({ids[one.document or ""] for one in changed})))
    return frozenset(
        one
        for one in changed
        if not answers(
            one.question, one.answer, [as_text(row) for row in rows if row["document_id"] == ids[one.document or ""]]
        )
    )


def _left_out(one: GoldenQuestion, trained: Likeness, trained_keys: frozenset[str], keys: frozenset[str]) -> str:
    if trained.matches(one.question):
        return "trained"
    if one.document is None or one.document in trained_keys:
        return ""
    return "not trained" if one.document in keys else "unknown"


def trained_questions(rows: Sequence[tuple[str, str]], most: int) -> list[Question]:
    """At most `most` of the trained pairs of question and answer, spread over all of them."""
    step = max(1, -(-len(rows) // most))
    return [Question(TRAINED, closed_book_prompt(question), answer) for question, answer in rows[::step]]


def evaluate(
    questions: Sequence[Question],
    incumbent: Generator,
    challenger: Generator,
    folder: Path,
    rejects: Callable[[PairedScores], bool] = lambda target: False,
) -> EvalReport:
    """Answer every question by both, in batches, and keep the answers in `folder`.

    The target is asked first; where `rejects` says that its scores reject the candidate already, nothing else is asked:
    questions with passages cost most of an evaluation. What the same generator answered to the same prompt in another
    evaluation is taken from there: `folder` is one of an adapter, beside other kinds (adapters/ID, reviews/ID).
    """
    who = {"champion": incumbent, "candidate": challenger}
    known = {name: _kept_answers(folder.parent.parent, generator.fingerprint) for name, generator in who.items()}
    rows: list[dict[str, Any]] = []
    asked: Sequence[Question] = ()
    for asked in ([one for one in questions if one.part == TARGET], questions):
        for name, generator in who.items():
            _answer(asked, generator, known[name])
        rows = [_row(one, known, who) for one in asked]
        if rejects(_paired(rows, TARGET)):
            break
    early = {_ENDED_EARLY: b"1"} if len(asked) < len(questions) else {}
    made = folder / (ANSWERS + ".part")
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA.with_metadata(early)), made)
    made.replace(folder / ANSWERS)
    return read_evaluation(folder)


def _answer(questions: Sequence[Question], generator: Generator, known: dict[str, str]) -> None:
    """Have the generator write the answers that are not known by the hash of their prompt yet."""
    missing = {h: one.prompt for one in questions if (h := prompt_hash(one.prompt)) not in known}
    drafts = generator.generate(list(missing.values()))
    known.update({one: draft.text.strip() for one, draft in zip(missing, drafts, strict=True)})


def _row(one: Question, known: Mapping[str, Mapping[str, str]], who: Mapping[str, Generator]) -> dict[str, Any]:
    hashed = prompt_hash(one.prompt)
    answers = {name: known[name][hashed] for name in who}
    score = _score(one.part)
    return {
        "part": one.part,
        "prompt_hash": hashed,
        "question": one.prompt.question,
        "reference": one.reference,
        **answers,
        **{f"{name}_fingerprint": generator.fingerprint for name, generator in who.items()},
        **{f"{name}_score": float(score([text], [one.reference])[0]) for name, text in answers.items()},
    }


def _kept_answers(evaluations: Path, fingerprint: str) -> dict[str, str]:
    """The answers of one generator by the hash of their prompt, from all evaluations under this folder."""
    known: dict[str, str] = {}
    for file in sorted(evaluations.glob(f"*/*/{ANSWERS}")):
        table = pq.read_table(file)
        if table.schema != _SCHEMA:
            continue  # written before answers were kept by prompt
        for row in table.to_pylist():
            for who in ("champion", "candidate"):
                if row[f"{who}_fingerprint"] == fingerprint:
                    known[row["prompt_hash"]] = row[who]
    return known


def read_evaluation(folder: Path) -> EvalReport:
    """The evaluation kept in an adapter's folder. Raises NotFoundError when there is none."""
    if not (folder / ANSWERS).is_file():
        raise NotFoundError(f"found no evaluation in {folder}; evaluate the adapter first")
    table = pq.read_table(folder / ANSWERS)
    rows, ended_early = table.to_pylist(), _ENDED_EARLY in (table.schema.metadata or {})
    return EvalReport(_paired(rows, TARGET), _paired(rows, ELSEWHERE), _paired(rows, TRAINED), ended_early)


def _paired(rows: Sequence[Mapping[str, Any]], part: str) -> PairedScores:
    of_part = [row for row in rows if row["part"] == part]
    return PairedScores([row["champion_score"] for row in of_part], [row["candidate_score"] for row in of_part])


def _score(part: str) -> Callable[[Sequence[str], Sequence[str]], Any]:
    return token_f1s if part == ELSEWHERE else exact_matches


def _mean(scores: Any) -> float | None:
    return round(float(scores.mean()), 4) if len(scores) else None
