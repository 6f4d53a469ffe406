"""The log as a file: every answer with its feedback."""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ragloop.durable import whole_file
from ragloop.errors import UsageError, full_disk_is_an_error
from ragloop.journal import Journal, LogTable
from ragloop.store import TIME

SUFFIXES = (".parquet", ".jsonl")
PART = 8_192
"""Answers that are held at once."""
_VOTE = pa.schema([("kind", pa.string()), ("correction", pa.string()), ("given_at", TIME)])


def export_log(journal: Journal, file: Path) -> int:
    """Write all answers, oldest first, with a column `feedback`: Parquet or JSON lines by the suffix of the file.

    Returns the number of rows. The file appears whole or not at all. Raises UsageError for a suffix other than .parquet
    and .jsonl and when the file cannot be written, StorageFullError when the disk is full.
    """
    if file.suffix not in SUFFIXES:
        raise UsageError(
            f"found {str(file)!r}, expected a file that ends in {' or '.join(SUFFIXES)}; name another file"
        )
    answers, feedback = journal.tables()
    _write(_parts(answers, feedback), file)
    return answers.count()


def _parts(answers: LogTable, feedback: LogTable) -> Iterator[pa.Table]:
    """Yield the answers with their feedback, oldest first, some thousand at a time."""
    _, places = answers.order()
    votes = feedback.rows(["interaction_id", "kind", "correction", "given_at"]).sort_by("given_at")
    # An empty log is a file with columns, too.
    for first in range(0, max(1, len(places)), PART):
        rows = answers.take(places[first : first + PART])
        given: dict[str, list[dict[str, object]]] = {one: [] for one in rows["interaction_id"].to_pylist()}
        of_these = pc.is_in(votes["interaction_id"], value_set=rows["interaction_id"].combine_chunks())
        for row in votes.filter(of_these).select(["interaction_id", *_VOTE.names]).to_pylist():
            given[row.pop("interaction_id")].append(row)
        yield rows.append_column("feedback", pa.array([*given.values()], pa.list_(pa.struct(list(_VOTE)))))


def _write(parts: Iterator[pa.Table], file: Path) -> None:
    try:
        with full_disk_is_an_error(file.parent), whole_file(file) as made:
            _fill(made, parts, as_parquet=file.suffix == ".parquet")
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror or error}; name another file") from None


def _fill(made: Path, parts: Iterator[pa.Table], *, as_parquet: bool) -> None:
    first = next(parts)
    if as_parquet:
        with pq.ParquetWriter(made, first.schema) as writer:
            for rows in chain([first], parts):
                writer.write_table(rows)
        return
    with made.open("w", encoding="utf-8") as target:
        for row in chain.from_iterable(rows.to_pylist() for rows in chain([first], parts)):
            row["latency_ms"] = dict(row["latency_ms"] or ())
            target.write(json.dumps(row, default=str, ensure_ascii=False) + "\n")
