"""Entries of the log as lines of JSON."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from ragloop.records import FeedbackKind
from ragloop.store import TABLES

FOLDED = ("interactions", "feedback")
"""The tables that entries are folded into."""
FEEDBACK_KINDS = tuple(FeedbackKind)
LONGEST_CORRECTION = 32_000
"""Characters: 4,096 words, the most that dataset.max_answer_words lets into training, of eight letters each."""
_TIMES = {"asked_at", "given_at"}
_TEXTS = ("question", "rewritten", "answer", "correction")


@dataclass(frozen=True)
class Entries:
    """Entries per table by their id, of which a later one replaces an earlier, and the lines that are none."""

    by_table: Mapping[str, Mapping[str, dict[str, Any]]]
    unreadable: Sequence[bytes]

    @classmethod
    def of(cls, lines: Iterable[bytes]) -> "Entries":
        """Read lines as entries."""
        found: dict[str, list[tuple[bytes, dict[str, Any]]]] = {table: [] for table in FOLDED}
        unreadable: list[bytes] = []
        for line in filter(bytes.strip, lines):
            record = _record(line)
            if record is None:
                unreadable.append(line)
            else:
                found[record[0]].append((line, record[1]))
        by_table: dict[str, dict[str, dict[str, Any]]] = {}
        for table, entries in found.items():
            # All at once, since that takes a tenth of the time; one by one to find those that do not fit.
            if not _fit(table, [entry for _, entry in entries]):
                unreadable += [line for line, entry in entries if not _fit(table, [entry])]
                entries = [one for one in entries if _fit(table, [one[1]])]
            by_table[table] = {entry[TABLES[table].names[0]]: entry for _, entry in entries}
        return cls(by_table, unreadable)

    def table(self, name: str) -> pa.Table:
        """Return the entries of a table in its schema."""
        return pa.Table.from_pylist(list(self.by_table[name].values()), schema=TABLES[name])

    def without(self, documents: Set[str]) -> "Entries":
        """Return the entries without answers that rest on one of these documents, feedback on them, and corrections
        that do; others lose what is of it."""
        if not documents:
            return self
        answers, feedback = (self.by_table[table] for table in FOLDED)
        gone = {one for one, entry in answers.items() if rests_on(entry) & documents}
        left = {one: _parted(entry, documents) for one, entry in answers.items() if one not in gone}
        stays = (one for one in feedback.items() if not rests_on(one[1]) & documents)
        said = {one: entry for one, entry in stays if entry.get("interaction_id") not in gone}
        return Entries(dict(zip(FOLDED, (left, said), strict=True)), self.unreadable)


def rests_on(entry: Mapping[str, Any]) -> frozenset[str]:
    """Return the ids of the documents that an answer or a correction rests on: those that it cites and those that bear
    it out. Where nobody could tell, as of an answer of another service without marks, those of all that was shown."""
    named = [*(entry.get("citations") or ()), *(entry.get("support") or ())]
    if not named and entry.get("support") is None:
        named += entry.get("passages") or ()
    return frozenset(one["document_id"] for one in named if one and one.get("document_id"))


def _of(entry: Mapping[str, Any], column: str, documents: Set[str]) -> bool:
    return any(_is_of(one, documents) for one in entry.get(column) or ())


def _is_of(one: Mapping[str, Any] | None, documents: Set[str]) -> bool:
    return one is not None and one.get("document_id") in documents


def _parted(entry: dict[str, Any], documents: Set[str]) -> dict[str, Any]:
    """Return an entry without the passages of these documents and what rests on them."""
    named = [name for name in ("passages", "support") if _of(entry, name, documents)]
    return {**entry, **{name: [one for one in entry[name] if not _is_of(one, documents)] for name in named}}


def redacted(entry: Mapping[str, Any], of_text: Callable[[str], str]) -> Mapping[str, Any]:
    """Return an entry with its texts as `of_text` returns them. An answer that is changed is given to nobody again."""
    changed = {name: of_text(entry[name]) for name in _TEXTS if entry.get(name)}
    if all(entry[name] == text for name, text in changed.items()):
        return entry
    decisions = {name: of_text(why) for name, why in dict(entry.get("decisions") or {}).items()}
    of_answer = {"decisions": decisions, "reuse_key": None} if "question" in entry else {}
    return {**entry, **changed, **of_answer}


def line_of(table: str, entry: Mapping[str, Any]) -> bytes:
    """Write an entry as a line. Half a surrogate pair, which a terminal makes of a byte that is no UTF-8, becomes a
    `?`."""
    record = json.dumps({"table": table, "entry": dict(entry)}, default=_encode, ensure_ascii=False)
    return record.encode("utf-8", "replace") + b"\n"


def _encode(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a journal entry cannot hold {type(value).__name__}")


def parsed(line: bytes) -> tuple[str, dict[str, Any]] | None:
    """Read a line as (table, entry), or None: torn, so that its answer was never returned, or nothing that fits.

    Numbers beyond their column, times beyond the calendar, half surrogate pairs and endless nesting are foreign too.
    """
    found = _record(line)
    return found if found and _fit(found[0], [found[1]]) else None


def _record(line: bytes) -> tuple[str, dict[str, Any]] | None:
    """Read a line as (table, entry) whose values may not fit the columns, or None."""
    try:
        record = json.loads(line)
        table, entry = record["table"], record["entry"]
        for name in _TIMES & entry.keys():
            entry[name] = datetime.fromisoformat(entry[name]) if entry[name] is not None else None
        if isinstance(entry.get("latency_ms"), dict):
            entry["latency_ms"] = list(entry["latency_ms"].items())
        if len(entry.get("correction") or "") > LONGEST_CORRECTION:
            return None
        known = table in FOLDED and isinstance(entry[TABLES[table].names[0]], str) and entry[TABLES[table].names[0]]
        return (table, entry) if known else None
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None


def _fit(table: str, entries: Sequence[dict[str, Any]]) -> bool:
    """Return whether the entries fit the columns of the table."""
    try:
        pa.Table.from_pylist(entries, schema=TABLES[table]).validate(full=True)
        return True
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, pa.ArrowException):
        return False
