"""The golden questions: evaluated by the gate, never trained on."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ragloop.answering.retrieval import as_text
from ragloop.answering.support.says import answers
from ragloop.corpus.index import inventory
from ragloop.corpus.index.table import Index
from ragloop.errors import ConfigError, NotFoundError


@dataclass(frozen=True)
class GoldenQuestion:
    """A question with its answer, and optionally the key of the document that answers it, with the revision (SHA-256)
    that it did so in."""

    question: str
    answer: str
    document: str | None = None
    revision: str | None = None


def read_golden(file: Path | None) -> list[GoldenQuestion]:
    """Read the golden questions of a JSONL file; none without a file.

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


def outdated_golden(golden: Sequence[GoldenQuestion], index: Index) -> frozenset[GoldenQuestion]:
    """Return the golden questions that name an older revision of their document, which no longer gives their answer."""
    named = [one for one in golden if one.revision]
    if not named:
        return frozenset()
    ids, revisions = {key: one for one, key in inventory.keys(index).items()}, inventory.revisions(index)
    changed = [one for one in named if revisions.get(ids.get(one.document or "", ""), one.revision) != one.revision]
    rows = list(inventory.chunk_texts(index, sorted({ids[one.document or ""] for one in changed})))
    return frozenset(
        one
        for one in changed
        if not answers(
            one.question, one.answer, [as_text(row) for row in rows if row["document_id"] == ids[one.document or ""]]
        )
    )
