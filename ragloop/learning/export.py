"""The log as a file: every answer with its feedback."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ragloop.errors import UsageError
from ragloop.journal import Journal


def export_log(journal: Journal, file: Path) -> int:
    """Write all answers, oldest first, with a column `feedback`; JSON lines where the suffix is .jsonl, else Parquet.

    Returns the number of rows. The file appears whole or not at all. Raises UsageError when it cannot be written.
    """
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
    made = file.with_name(file.name + ".part")
    try:
        if file.suffix == ".jsonl":
            with made.open("w", encoding="utf-8") as target:
                for row in rows.to_pylist():
                    row["latency_ms"] = dict(row["latency_ms"] or ())
                    target.write(json.dumps(row, default=str, ensure_ascii=False) + "\n")
        else:
            pq.write_table(rows, made)
        made.replace(file)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror or error}; name another file") from None
    finally:
        made.unlink(missing_ok=True)
