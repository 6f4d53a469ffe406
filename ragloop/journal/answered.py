"""Answers that were given before, found by what they depend on, for those who would give them again.

The log is the only place that has them: what a process logs every other one finds, what is erased from the log is
given no more, and a restart loses nothing. It reads the key of every row (benchmarks/answer_cache.py: what that costs).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ragloop.journal.entries import Entries
from ragloop.journal.segment import Segment
from ragloop.records import EarlierAnswer, FeedbackKind
from ragloop.store import Store, quoted

_ANSWER = ["interaction_id", "reuse_key", "reused_from", "asked_at", "answer", "citations", "model", "cut"]


class Answered:
    """The answers in the log of one store, those included that are not in its tables yet."""

    def __init__(self, store: Store, segment: Segment, waiting: Callable[[Sequence[str]], Entries]) -> None:
        """`waiting(ids)` returns what is not folded yet of these answers; see Journal."""
        self._store, self._segment, self._waiting = store, segment, waiting

    def under(self, keys: Sequence[str]) -> dict[str, list[EarlierAnswer]]:
        """Return the answers that were logged under each of these keys, the newest first."""
        rows = self._rows("interactions", "reuse_key", keys, _ANSWER)
        ids = [one["interaction_id"] for one in rows]
        said: dict[str, list[dict[str, Any]]] = {one: [] for one in ids}
        for one in self._rows("feedback", "interaction_id", ids, ["kind", "given_at"]):
            said[one["interaction_id"]].append(one)
        found: dict[str, list[EarlierAnswer]] = {}
        for row in sorted(rows, key=lambda row: row["asked_at"], reverse=True):
            found.setdefault(row["reuse_key"], []).append(_earlier(row, said[row["interaction_id"]]))
        return found

    def passages(self, interaction_ids: Sequence[str]) -> dict[str, int]:
        """Return how many passages the answers have that are in the log, by id."""
        if not interaction_ids:
            return {}
        waiting = self._waiting(interaction_ids).by_table["interactions"]
        where = f"interaction_id IN ({quoted(interaction_ids)})"
        held = self._store.rows("interactions", where, ["interaction_id", "passages"]).to_pylist()
        rows = {row["interaction_id"]: row for row in held} | dict(waiting)
        return {one: passages_in(rows[one]) for one in interaction_ids if one in rows}

    def _rows(self, table: str, column: str, values: Sequence[str], columns: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows of a table whose column has one of these values; the newest writing of each."""
        if not values:
            return []
        lines = _having(self._segment.unfolded(), table, column, values)
        waiting = Entries.of(lines).by_table[table] if lines else {}
        names = list(dict.fromkeys([_KEYS[table], column, *columns]))
        held = self._store.rows(table, f"{column} IN ({quoted(values)})", names).to_pylist()
        rows = {row[_KEYS[table]]: row for row in held} | dict(waiting)
        return [row for row in rows.values() if row.get(column) in values]


def _having(lines: Iterable[bytes], table: str, column: str, values: Sequence[str]) -> list[bytes]:
    """Return the lines whose entry may have one of these values in a column, without reading them as JSON.

    An answer that is asked often stands under hundreds of ids, so that each line is searched once and not for every id.
    Quotes inside of texts are written with a backslash, and match no pattern.
    """
    found = _VALUES[column].findall
    sought = frozenset(one.encode() for one in values)
    others = tuple(b'{"table": "%s"' % one.encode() for one in _KEYS if one != table)
    return [line for line in lines if not line.startswith(others) and not sought.isdisjoint(found(line))]


_KEYS = {"interactions": "interaction_id", "feedback": "feedback_id"}
_VALUES = {
    "reuse_key": re.compile(rb'"reuse_key"\s*:\s*"([^"\\]*)"'),
    "interaction_id": re.compile(rb'"interaction_id"\s*:\s*"([^"\\]*)"'),
}


def passages_in(row: Mapping[str, Any]) -> int:
    """Return how many passages an answer was given with; one that lies in several chunks has one rank in all."""
    return len({one.get("rank") for one in row.get("passages") or ()})


def _earlier(row: Mapping[str, Any], feedback: Sequence[Mapping[str, Any]]) -> EarlierAnswer:
    return EarlierAnswer(
        interaction_id=row["interaction_id"],
        asked_at=row["asked_at"],
        answer=row["answer"] or "",
        citations=row["citations"] or (),
        model=row["model"] or "",
        reused_from=row.get("reused_from") or "",
        cut=bool(row.get("cut")),
        # Feedback without a time counts as given with the answer.
        objected_at=[one.get("given_at") or row["asked_at"] for one in feedback if one["kind"] != FeedbackKind.UP],
    )
