"""Whatever stands in the log: what is an entry is folded, and what is none is set aside and stops nothing."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragloop.journal import Journal, parsed
from ragloop.store import TABLES, Store

NUMBERS = st.integers() | st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([2**63, -(2**63) - 1, 1e400])
TIMES = st.sampled_from(
    ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30", "2026-01-01T00:00:00+00:00", "20260101"]
)
SCALARS = st.none() | st.booleans() | NUMBERS | TIMES | st.text(st.characters(), max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
COLUMNS = st.sampled_from(sorted({name for table in ("interactions", "feedback") for name in TABLES[table].names}))
RECORDS = st.fixed_dictionaries(
    {
        "table": st.sampled_from(["interactions", "feedback", "generations", "nothing"]) | VALUES,
        "entry": st.dictionaries(COLUMNS, VALUES, max_size=8) | VALUES,
    }
)
DEEP = b'{"table": "feedback", "entry": {"feedback_id": "d", "kind": ' + b"[" * 5_000 + b"]" * 5_000 + b"}}"
HUGE = b'{"table": "interactions", "entry": {"interaction_id": "h", "prompt_tokens": ' + b"9" * 30 + b"}}"
LINES = st.binary(max_size=60) | RECORDS.map(lambda one: json.dumps(one).encode()) | st.sampled_from([DEEP, HUGE])
ENTRY = {"feedback_id": "good", "interaction_id": "i", "kind": "up"}


@given(st.lists(LINES, max_size=6))
def test_what_is_read_from_any_lines_fits_its_table(lines: list[bytes]) -> None:
    found = [one for line in lines if (one := parsed(line)) is not None]
    for name in ("interactions", "feedback"):
        rows: list[dict[str, Any]] = [entry for table, entry in found if table == name]
        pa.Table.from_pylist(rows, schema=TABLES[name]).validate(full=True)


@pytest.mark.parametrize("line", [DEEP, HUGE, json.dumps({"table": [], "entry": {}}).encode()])
def test_a_line_that_is_no_entry_stops_no_other(line: bytes) -> None:
    with tempfile.TemporaryDirectory() as home:
        journal = Journal(Store.open(Path(home)))
        journal.append("feedback", [ENTRY])
        with (Path(home) / "journal" / "current.jsonl").open("ab") as file:
            file.write(line + b"\n")
        journal.append("feedback", [{**ENTRY, "feedback_id": "better"}])
        assert journal.fold() == 2
        assert set(journal.feedback()["feedback_id"].to_pylist()) == {"good", "better"}
        assert journal.unreadable() == 1
