"""JSON and JSON Lines: records as "name: value" lines, nested names joined by dots, long texts as paragraphs.

Values are read one after another from the text, so that what stands before a damaged place is read, and several values
in a file are each a record. A name that stands twice in an object keeps both values, numbers stay as written. Where the
settings name fields, nothing else is read.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from ragloop.corpus.parsing.decoding import decode, noting
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.formats.html import parse_html
from ragloop.corpus.parsing.formats.plain import parse_plain
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.outline import line_spans
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError
from ragloop.wording import first_few

_SPACE = re.compile(r"[ \t\r\n]*+")
_BLANK_LINE = re.compile(r"\n[^\S\n]*+\n")
_PAGE = re.compile(r"<(?:p|div|br|h[1-6]|ul|ol|table)[ />]", re.IGNORECASE)
_TITLES = ("title", "name", "headline", "subject", "question", "heading", "label", "id", "key")
"""The fields that name a record, the best first."""
_PROSE = 300
"""A longer text is a paragraph, and a longer record has lines of its own."""
_LARGE = 600
"""A longer value of an object is a section."""
_DEEPEST_SECTION = 3
_DEEPEST = 64
_ENCODED = 400
"""Characters without white space that are no text: images and other bytes."""
_MOST_NUMBERS = 64
"""Numbers in a list that are values to read; more are a vector or a series."""
_PENDING = 65_536
_NAMED = 5

Value = Any
"""A string, a bool, None, a list of values, or a tuple of (name, value) for an object."""

_DECODER = json.JSONDecoder(object_pairs_hook=tuple, parse_int=str, parse_float=str, parse_constant=str, strict=False)


def parse_json(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError where the text does not begin with JSON, and beyond the limits."""
    found = decode(data, name)
    writing = _Writing(Extraction(limits.characters), name, replace(limits, recognise=False))
    values = _values(found.text, name, writing.extraction.left_out)
    writing.all_of((_chosen(value, limits.json_fields), is_item) for value, is_item in values)
    return noting(found, writing.document())


def parse_json_lines(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """A line that is no JSON is passed over and said. Raises DocumentError where no line is any."""
    found = decode(data, name)
    writing = _Writing(Extraction(limits.characters), name, replace(limits, recognise=False))
    bad: list[int] = []
    good = 0
    for number, (start, end) in enumerate(line_spans(found.text), start=1):
        line = found.text[start:end].strip()
        if not line:
            continue
        try:
            value, after = _decoded(line, 0)
        except ValueError:
            bad.append(number)
            if not good and line in ("[", "{"):
                break
            continue
        if after < len(line):
            bad.append(number)
            continue
        good += 1
        writing.record(_chosen(value, limits.json_fields), level=1)
    if bad and not good:
        return parse_json(data, name, limits)  # one value over several lines
    if bad:
        some = first_few([f"{number:,}" for number in bad], _NAMED)
        lines = "1 line is" if len(bad) == 1 else f"{len(bad):,} lines are"
        writing.extraction.left_out.append(f"{lines} no JSON and not read: {some}")
    return noting(found, writing.document())


def readable(text: str) -> str:
    """Return a text of JSON with "?" for halves of characters, which no encoding has, and without NULs."""
    if text.isascii():
        return text.replace("\0", "")
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def _decoded(text: str, start: int) -> tuple[Value, int]:
    try:
        return _DECODER.raw_decode(text, start)
    except RecursionError:
        raise json.JSONDecodeError("values are nested too deep", text, start) from None


def _values(text: str, name: str, left_out: list[str]) -> Iterator[tuple[Value, bool]]:
    """Yield the values of a text, those of an array one by one, and whether each is an item of one."""
    position = _after_space(text, 0)
    count = 0
    try:
        while position < len(text):
            if text[position] == "[":
                position += 1
                for value, after in _items(text, position):
                    position, count = after, count + 1
                    yield value, True
                position = _after_space(text, position) + 1
            else:
                value, position = _decoded(text, position)
                count += 1
                yield value, False
            position = _after_space(text, position)
    except json.JSONDecodeError as error:
        if not count:
            raise DocumentError(f"{name} is no valid JSON ({error}); correct it, or name it .txt") from None
        left_out.append(f"what follows line {error.lineno:,} was not read: it is no valid JSON ({error.msg})")


def _items(text: str, position: int) -> Iterator[tuple[Value, int]]:
    """Yield the items of an array and where each ends; the caller goes on at the bracket that closes it."""
    position = _after_space(text, position)
    while text[position : position + 1] != "]":
        value, position = _decoded(text, position)
        yield value, position
        position = _after_space(text, position)
        separator = text[position : position + 1]
        if separator not in (",", "]") or not separator:
            raise json.JSONDecodeError("expected a comma or the end of the array", text, position)
        if separator == ",":
            position = _after_space(text, position + 1)


def _chosen(value: Value, fields: Sequence[str], path: str = "", depth: int = 0) -> Value:
    """Return what a value has in the named fields, all of it where none is named; lists have no part in a name."""
    if not fields:
        return value
    if depth > _DEEPEST or not isinstance(value, list | tuple):
        return ()
    if isinstance(value, list):
        return [one for item in value if (one := _chosen(item, fields, path, depth + 1))]
    found = []
    for name, one in value:
        inside = f"{path}.{name}" if path else name
        if inside in fields:
            found.append((name, one))
        elif inner := _chosen(one, fields, inside, depth + 1):
            found.append((name, inner))
    return tuple(found)


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


@dataclass
class _Writing:
    extraction: Extraction
    name: str
    limits: ParseLimits
    _lines: list[str] = field(default_factory=list)
    _pending: int = 0

    def all_of(self, values: Iterator[tuple[Value, bool]]) -> None:
        for value, is_item in values:
            if is_item or not isinstance(value, tuple):
                self.record(value, level=1)
            else:
                self._object(value, level=1)

    def document(self) -> ParsedDocument:
        self._flush()
        return self.extraction.document(self.name)

    def record(self, value: Value, *, level: int) -> None:
        """Add a record: on one line where it is short, under its title where it has long texts."""
        line = _joined(value)
        if line is not None:
            self._line(line)
            return
        self._flush()
        title = _title(value)
        if title and level <= _DEEPEST_SECTION:
            self.extraction.add(title, level=level)
        self._value("", value, 0)
        self._flush()

    def _object(self, value: Value, *, level: int) -> None:
        """Add an object such as a configuration: its large values are sections."""
        for name, one in value:
            name = _clean(name)
            if level > _DEEPEST_SECTION or not isinstance(one, list | tuple) or not _is_large(one):
                self._value(name, one, 0)
                continue
            self._flush()
            self.extraction.add(name, level=level)
            if isinstance(one, tuple):
                self._object(one, level=level + 1)
            elif any(isinstance(item, tuple) for item in one):
                for item in one:
                    self.record(item, level=level + 1)
            else:
                self._value(name, one, 0)
            self._flush()

    def _value(self, path: str, value: Value, depth: int) -> None:
        if depth > _DEEPEST:
            self._leave_out(f"values nested more than {_DEEPEST} deep were not read")
        elif isinstance(value, tuple):
            for name, one in value:
                self._value(f"{path}.{_clean(name)}" if path else _clean(name), one, depth + 1)
        elif isinstance(value, list):
            self._list(path, value, depth)
        else:
            self._scalar(path, value)

    def _list(self, path: str, values: list[Value], depth: int) -> None:
        numbers = len(values) > _MOST_NUMBERS and all(_is_number(one) for one in values)
        if numbers:
            self._leave_out(f"lists of more than {_MOST_NUMBERS} numbers were not read")
            return
        short = [_scalar_text(one) for one in values if not isinstance(one, list | tuple)]
        if len(short) == len(values) and all(len(one) <= _PROSE for one in short):
            self._line(_named(path, ", ".join(filter(None, map(one_line, short)))))
            return
        for value in values:
            line = _joined(value, path) if isinstance(value, tuple) else None
            if line is not None:
                self._line(line)
            else:
                self._value(path, value, depth + 1)

    def _scalar(self, path: str, value: Value) -> None:
        text = _scalar_text(value).strip()
        if not text:
            return
        if _is_encoded(text):
            self._leave_out("values that are encoded data were not read")
        elif not _is_prose(text):
            shown = parse_html(text, self.name, self.limits).text if _is_page(text) else text
            self._line(_named(path, one_line(shown)))
        else:
            self._line(f"{path}:" if path else "")
            self._flush()
            read = parse_html(text, self.name, self.limits) if _is_page(text) else parse_plain(text, self.name)
            for block in read.blocks:
                self.extraction.add(read.text[block.start : block.end], block.kind)

    def _line(self, line: str) -> None:
        if not line:
            return
        self._lines.append(line)
        self._pending += len(line)
        if self._pending > _PENDING:
            self._flush()

    def _flush(self) -> None:
        self.extraction.add("\n".join(self._lines), "table")
        self._lines, self._pending = [], 0

    def _leave_out(self, sentence: str) -> None:
        if sentence not in self.extraction.left_out:
            self.extraction.left_out.append(sentence)


def _clean(text: str) -> str:
    return _cleaned(text[:_PROSE])


@lru_cache(4_096)
def _cleaned(name: str) -> str:
    """Return a name as it is shown: those of records are the same over and over."""
    return one_line(readable(name))


def _named(path: str, text: str) -> str:
    return f"{path}: {text}" if path and text else text


def _scalar_text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return readable(value) if isinstance(value, str) else ""


def _is_number(value: Value) -> bool:
    return isinstance(value, str) and len(value) < 40 and value[-1:].isdigit() and value.lstrip("-")[:1].isdigit()


def _is_prose(text: str) -> bool:
    return len(text) > _PROSE or _BLANK_LINE.search(text) is not None


def _is_page(text: str) -> bool:
    return "<" in text and _PAGE.search(text) is not None


def _is_encoded(text: str) -> bool:
    """Return whether a text is bytes written as letters; languages that have no spaces are not ASCII."""
    return len(text) > _ENCODED and text.isascii() and len(text.split(maxsplit=1)[0]) > _ENCODED


def _title(value: Value) -> str:
    if not isinstance(value, tuple):
        return ""
    fields = {name.lower(): one for name, one in reversed(value) if isinstance(one, str)}
    found = (one_line(_scalar_text(fields[key])) for key in _TITLES if key in fields)
    return next((one for one in found if 0 < len(one) <= _PROSE), "")


def _leaves(value: Value, path: str = "") -> Iterator[tuple[str, Value]]:
    """Yield (name, value) of what an object holds, without recursion; those of lists in lists have no value to show."""
    waiting = [(path, value, 0)]
    while waiting:
        path, value, depth = waiting.pop()
        if isinstance(value, tuple) and depth <= _DEEPEST:
            inner = [(f"{path}.{_clean(name)}" if path else _clean(name), one, depth + 1) for name, one in value]
            waiting += reversed(inner)
        else:
            yield path, value


def _joined(value: Value, path: str = "") -> str | None:
    """Return a short record as one line; None where it is long or has more than names and short values."""
    pieces: list[str] = []
    size = 0
    for name, one in _leaves(value, path):
        if isinstance(one, tuple) or (isinstance(one, list) and any(isinstance(item, list | tuple) for item in one)):
            return None
        if isinstance(one, list) and len(one) > _MOST_NUMBERS:
            return None
        text = ", ".join(filter(None, map(_scalar_text, one))) if isinstance(one, list) else _scalar_text(one)
        size += len(name) + len(text)
        if size > _PROSE or _BLANK_LINE.search(text) or _is_page(text):
            return None
        if text := one_line(text):
            pieces.append(_named(name, text))
    return " | ".join(pieces)


def _is_large(value: Value) -> bool:
    """Return whether a value has more text than a chunk should share with its neighbours."""
    waiting, size = [value], 0
    while waiting and size <= _LARGE:
        one = waiting.pop()
        if isinstance(one, tuple):
            size += sum(len(name) for name, _ in one)
            waiting += [inner for _, inner in one]
        elif isinstance(one, list):
            size += len(one)
            waiting += one
        else:
            size += len(_scalar_text(one))
    return size > _LARGE
