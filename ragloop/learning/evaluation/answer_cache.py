"""Answers of generators that were asked before: one Parquet file per generator under artifacts/answers/.

An answer is known by the fingerprint of its generator, the hash of its prompt and its question. What is not kept is
generated again, so the folder may be deleted at any time. It holds questions and answers as text.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from ragloop.answering.prompts import prompt_hash
from ragloop.errors import MismatchError, NotFoundError
from ragloop.learning.parquet_files import parquet_of, read_table
from ragloop.models import Generator
from ragloop.records import Prompt
from ragloop.store import TIME
from ragloop.store.files import Files

FOLDER = "answers"
_KEPT = re.compile(rf"{FOLDER}/[0-9a-f]{{16}}\.parquet")
"""A file of kept answers, and none that is being written."""
_SCHEMA = pa.schema(
    [
        ("generator", pa.string()),
        ("prompt_hash", pa.string()),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("made_at", TIME),
    ]
)
_Key = tuple[str, str]
"""Hash of the prompt, and question."""


@dataclass(frozen=True)
class AnswerCache:
    """The kept answers under an artifact root; `now` is the clock of the store.

    Two processes that keep answers of one generator at the same moment may lose those of one of them, which are then
    generated again; a reader never sees half a file.
    """

    files: Files
    now: Callable[[], datetime]

    def ask(self, generator: Generator, prompts: Sequence[Prompt]) -> list[str]:
        """Return the generator's answers; it generates those that are not kept yet, which are kept then."""
        name = _name(generator.fingerprint)
        known = _by_key(self._read(name), generator.fingerprint)
        missing = {key: one for one in prompts if (key := _key(one)) not in known}
        if missing:
            drafts = generator.generate(list(missing.values()))
            made = {key: draft.text.strip() for key, draft in zip(missing, drafts, strict=True)}
            known |= made
            table = pa.concat_tables([self._read(name), self._rows(generator.fingerprint, made)])
            self.files.write(name, [parquet_of(table)])
        return [known[_key(one)] for one in prompts]

    def prune(self, keep: timedelta) -> int:
        """Remove answers that were made longer ago than `keep`, and files that cannot be read; return how many files
        were removed or rewritten."""
        names = [name for name in self.files.list(f"{FOLDER}/") if _KEPT.fullmatch(name)]
        return sum(self._prune(name, self.now() - keep) for name in names)

    def _prune(self, name: str, oldest: datetime) -> bool:
        """Return whether there was something to remove from a file."""
        table = self._read(name)
        kept = table.filter(pc.greater_equal(table["made_at"], pa.scalar(oldest, TIME)))
        if not kept.num_rows:
            self.files.remove([name])
        elif kept.num_rows < table.num_rows:
            self.files.write(name, [parquet_of(kept)])
        return not kept.num_rows or kept.num_rows < table.num_rows

    def _read(self, name: str) -> pa.Table:
        try:
            table = read_table(self.files, name)
        except (NotFoundError, MismatchError):
            return _SCHEMA.empty_table()  # both cost the time to generate the answers again
        return table if table.schema.equals(_SCHEMA) else _SCHEMA.empty_table()

    def _rows(self, fingerprint: str, made: Mapping[_Key, str]) -> pa.Table:
        now = self.now()
        rows = [
            {"generator": fingerprint, "prompt_hash": hashed, "question": question, "answer": answer, "made_at": now}
            for (hashed, question), answer in made.items()
        ]
        return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _by_key(table: pa.Table, fingerprint: str) -> dict[_Key, str]:
    rows = table.to_pylist()
    return {(row["prompt_hash"], row["question"]): row["answer"] for row in rows if row["generator"] == fingerprint}


def _name(fingerprint: str) -> str:
    return f"{FOLDER}/{hashlib.sha256(fingerprint.encode()).hexdigest()[:16]}.parquet"


def _key(prompt: Prompt) -> _Key:
    return prompt_hash(prompt), prompt.question
