"""Records of a file: JSON by lines or whole, several values one after the other, gzip, Parquet."""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ragloop.errors import UsageError
from ragloop.traffic.exchange import Item, Skipped

Progress = Callable[[int, int], None]
"""Takes bytes read and bytes in all."""
_LISTS = ("data", "traces", "runs", "observations", "spans", "rows", "interactions", "scores", "feedback", "results")
_OF_PAGES = frozenset(
    "meta links next previous cursors cursor object has_more total page page_token next_page_token".split()
)
"""What an answer of an API says beside its list."""
_TOGETHER = 2_000
"""Rows of Parquet that are held at once."""


Lines = IO[bytes] | gzip.GzipFile


@dataclass(frozen=True)
class Read:
    """A record and where it stands."""

    place: str
    record: Mapping[str, Any]


def items_of_each(
    records: Iterable[Read | Skipped], items_of: Callable[[Read], Iterable[Item]], expected: str
) -> Iterator[Item]:
    """Yield the items of each record; one that is not as its format has it is skipped, and no other with it."""
    for read in records:
        if isinstance(read, Skipped):
            yield read
            continue
        try:
            yield from items_of(read)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
            yield Skipped(read.place, f"found a record that cannot be read ({error}), expected {expected}")


def read_records(file: Path, progress: Progress) -> Iterator[Read | Skipped]:
    """Yield the records of a file. Raises UsageError where it cannot be read at all."""
    try:
        size = file.stat().st_size
        with file.open("rb") as raw:
            start = raw.read(4)
            raw.seek(0)
            if start == b"PAR1":
                yield from _of_parquet(file, size, progress)
                return
            if start[:2] == b"\x1f\x8b":
                with gzip.open(raw) as unpacked:
                    yield from _of_json(unpacked, raw, size, progress)
            else:
                yield from _of_json(raw, raw, size, progress)
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {file}: {reason}; name a file that the service wrote") from None


def records_of(body: bytes) -> Iterator[Read | Skipped]:
    """Yield the records of one value of JSON. Raises UsageError where it is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"found no JSON ({_short(error)}), expected an object or a list of objects") from None
    return _flattened(value, "body")


def _of_json(text: Lines, raw: IO[bytes], size: int, progress: Progress) -> Iterator[Read | Skipped]:
    line = text.readline()
    while line and not line.strip():
        line = text.readline()
    if not _is_whole(line):
        yield from _of_values(line + text.read())
        progress(size, size)
        return
    number = 1
    while line:
        if line.strip():
            yield from _of_line(line, f"line {number}")
        if number % 256 == 0:
            progress(raw.tell(), size)
        line, number = text.readline(), number + 1
    progress(size, size)


def _is_whole(line: bytes) -> bool:
    """Return whether a line is a value of its own; one that merely begins a value is not."""
    if len(line.strip()) < 2:
        return False
    try:
        json.loads(line)
        return True
    except ValueError:
        opened, closed = line.strip()[:1], line.strip()[-1:]
        return opened == b"{" and closed == b"}"


def _of_line(line: bytes, place: str) -> Iterator[Read | Skipped]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        yield Skipped(f"{place}, {_short(error)}", "found no JSON, expected one value in the line")
        return
    yield from _flattened(value, place)


def _of_values(data: bytes) -> Iterator[Read | Skipped]:
    """Yield the records of values that stand one after the other, each over several lines."""
    text, decoder, at, number = data.decode("utf-8", "replace"), json.JSONDecoder(), 0, 0
    while at < len(text):
        if text[at] in " \t\r\n,\ufeff":
            at += 1
            continue
        number += 1
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            line = text.count("\n", 0, at) + 1
            yield Skipped(f"line {line}, {_short(error)}", "found no JSON, expected one value after the other")
            following = text.find("\n{", at + 1)
            at = following + 1 if following >= 0 else len(text)
            continue
        yield from _flattened(value, f"value {number}")


def _flattened(value: Any, place: str) -> Iterator[Read | Skipped]:
    """Yield the records of a value: of a list its items, of an answer of an API those of its list."""
    if isinstance(value, list):
        for number, one in enumerate(value, 1):
            yield from _flattened(one, f"{place}, item {number}")
    elif not isinstance(value, dict):
        yield Skipped(place, f"found {type(value).__name__}, expected an object")
    elif (name := _listed(value)) is not None:
        yield from _flattened(value[name], place)
    else:
        yield Read(place, value)


def _listed(value: Mapping[str, Any]) -> str | None:
    """Return the name of the list that is all that a value holds."""
    names = [one for one in value if one not in _OF_PAGES]
    return names[0] if len(names) == 1 and names[0] in _LISTS and isinstance(value[names[0]], list) else None


def _of_parquet(file: Path, size: int, progress: Progress) -> Iterator[Read]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file)
        rows = table.metadata.num_rows
        done = 0
        for batch in table.iter_batches(_TOGETHER):
            for record in batch.to_pylist():
                done += 1
                yield Read(f"row {done}", record)
            progress(size * done // max(1, rows), size)
    except pa.ArrowException as error:
        raise UsageError(f"cannot read {file} as Parquet: {_short(error)}; export it again") from None


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
