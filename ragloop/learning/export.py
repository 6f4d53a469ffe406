"""The log as a file: every answer with its feedback."""

import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ragloop.errors import UsageError, full_disk_is_an_error
from ragloop.journal import Journal

SUFFIXES = (".parquet", ".jsonl")


def export_log(journal: Journal, file: Path) -> int:
    """Write all answers, oldest first, with a column `feedback`: Parquet or JSON lines by the suffix of the file.

    Returns the number of rows. The file appears whole or not at all. Raises UsageError for a suffix other than .parquet
    and .jsonl and when the file cannot be written, StorageFullError when the disk is full.
    """
    if file.suffix not in SUFFIXES:
        raise UsageError(
            f"found {str(file)!r}, expected a file that ends in {' or '.join(SUFFIXES)}; name another file"
        )
    rows = journal.interactions()
    given: dict[str, list[dict[str, object]]] = {}
    for row in journal.feedback().to_pylist():
        given.setdefault(row["interaction_id"], []).append(
            {"kind": row["kind"], "correction": row["correction"], "given_at": row["given_at"]}
        )
    kind = pa.list_(
        pa.struct(
            [("kind", pa.string()), ("correction", pa.string()), ("given_at", rows.schema.field("asked_at").type)]
        )
    )
    column = pa.array([given.get(one, []) for one in rows["interaction_id"].to_pylist()], kind)
    _write(rows.append_column("feedback", column), file)
    return int(rows.num_rows)


def _write(rows: pa.Table, file: Path) -> None:
    try:
        # A folder of its own beside the target: a file made there gets the permissions of any other.
        with (
            full_disk_is_an_error(file.parent),
            tempfile.TemporaryDirectory(prefix=".export-", dir=file.parent) as scratch,
        ):
            made = Path(scratch) / file.name
            _fill(made, rows)
            made.replace(file)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror or error}; name another file") from None


def _fill(made: Path, rows: pa.Table) -> None:
    if made.suffix == ".parquet":
        pq.write_table(rows, made)
        return
    with made.open("w", encoding="utf-8") as target:
        for row in rows.to_pylist():
            row["latency_ms"] = dict(row["latency_ms"] or ())
            target.write(json.dumps(row, default=str, ensure_ascii=False) + "\n")
