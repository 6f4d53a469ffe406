"""Answers of generators that were asked before: one Parquet file per generator under artifacts/answers/.

An answer is known by the fingerprint of its generator, the hash of its prompt and its question. What is not kept is
generated again, so the folder may be deleted at any time. It holds questions and answers as text.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ragloop.answering.prompts import prompt_hash
from ragloop.durable import whole_file
from ragloop.errors import full_disk_is_an_error
from ragloop.models import Generator
from ragloop.records import Prompt

FOLDER = "answers"
_SCHEMA = pa.schema(
    [
        ("generator", pa.string()),
        ("prompt_hash", pa.string()),
        ("question", pa.string()),
        ("answer", pa.string()),
    ]
)
_Key = tuple[str, str]
"""Hash of the prompt, and question."""


@dataclass(frozen=True)
class AnswerCache:
    """The kept answers under an artifact root.

    Two processes that keep answers of one generator at the same moment may lose those of one of them, which are then
    generated again; a reader never sees half a file.
    """

    artifacts: Path

    def ask(self, generator: Generator, prompts: Sequence[Prompt]) -> list[str]:
        """Return the generator's answers; it generates those that are not kept yet, which are kept then."""
        known = self._read(generator.fingerprint)
        missing = {key: one for one in prompts if (key := _key(one)) not in known}
        if missing:
            drafts = generator.generate(list(missing.values()))
            made = {key: draft.text.strip() for key, draft in zip(missing, drafts, strict=True)}
            known = {**self._read(generator.fingerprint), **made}
            self._write(generator.fingerprint, known)
        return [known[_key(one)] for one in prompts]

    def _read(self, fingerprint: str) -> dict[_Key, str]:
        try:
            table = pq.read_table(self._file(fingerprint), schema=_SCHEMA)
        except (OSError, pa.ArrowException):
            return {}  # not there, or damaged: both cost the time to generate the answers again
        rows = table.to_pylist()
        return {(row["prompt_hash"], row["question"]): row["answer"] for row in rows if row["generator"] == fingerprint}

    def _write(self, fingerprint: str, known: Mapping[_Key, str]) -> None:
        rows = [
            {"generator": fingerprint, "prompt_hash": hashed, "question": question, "answer": answer}
            for (hashed, question), answer in known.items()
        ]
        write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), self._file(fingerprint))

    def _file(self, fingerprint: str) -> Path:
        return self.artifacts / FOLDER / f"{hashlib.sha256(fingerprint.encode()).hexdigest()[:16]}.parquet"


def write_table(table: pa.Table, file: Path) -> None:
    """Write a Parquet file that appears whole or not at all, also when the power fails. Raises StorageFullError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with full_disk_is_an_error(file.parent), whole_file(file) as made:
        pq.write_table(table, made)


def _key(prompt: Prompt) -> _Key:
    return prompt_hash(prompt), prompt.question
