"""YAML and TOML as they are written: comments tell what values mean, and text that is not loaded cannot expand.

A key whose value is long is a heading, for what stands below it; short ones stand together.
"""

import re
from collections.abc import Iterator, Sequence

from ragloop.corpus.parsing.decoding import decode, noting
from ragloop.corpus.parsing.document import Block, ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.outline import line_spans, strip_span

_KEY = re.compile(
    r"(?P<indent> *+)(?P<key>\"[^\"\r\n]{1,100}\"|'[^'\r\n]{1,100}'"
    r"|[^\s#\-\[{}\"'&*!|>%@`:,][^\r\n:#]{0,100}):(?=\s|$)"
)
_TABLE = re.compile(r"\[{1,2}(?P<key>[^\[\]\r\n]{1,200})\]")
_KIND = re.compile(r"^kind:[ \t]*+(?P<value>[\w.-]{1,100})", re.MULTILINE)
_NAME = re.compile(r"^  name:[ \t]*+[\"']?(?P<value>[\w.-]{1,200})", re.MULTILINE)
_LONG = 1_000
_DEEPEST = 4

Span = tuple[int, int]
Path = tuple[str, ...]


def parse_yaml(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read each document of a file by its keys; what is no YAML is read all the same."""
    found = decode(data, name)
    return noting(found, ParsedDocument(found.text, name, tuple(_yaml_blocks(found.text))))


def parse_toml(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read each table, a long one under its name."""
    found = decode(data, name)
    return noting(found, ParsedDocument(found.text, name, tuple(_toml_blocks(found.text))))


def _yaml_blocks(text: str) -> Iterator[Block]:
    for lines in _documents(text):
        start, end = lines[0][0], lines[-1][1]
        kind, named = _KIND.search(text, start, end), _NAME.search(text, start, end)
        path = (f"{kind['value']} {named['value']}",) if kind and named else ()
        yield from _blocks(text, lines, 0, path)


def _toml_blocks(text: str) -> Iterator[Block]:
    lines = list(line_spans(text))
    starts = {index: found["key"].strip() for index, (at, _) in enumerate(lines) if (found := _TABLE.match(text, at))}
    for key, first, _, end in _groups(text, lines, starts):
        path = (key,) if key and lines[end - 1][1] - lines[first][0] > _LONG // 2 else ()
        yield from _block(text, lines[first][0], lines[end - 1][1], path)


def _documents(text: str) -> Iterator[list[Span]]:
    lines: list[Span] = []
    for start, end in line_spans(text):
        if text.startswith("---", start) and not text[start + 3 : min(end, start + 4)].strip() and lines:
            yield lines
            lines = []
        lines.append((start, end))
    if lines:
        yield lines


def _blocks(text: str, lines: Sequence[Span], indent: int, path: Path) -> Iterator[Block]:
    starts = {}
    for index, (at, _) in enumerate(lines):
        found = _KEY.match(text, at)
        if found and len(found["indent"]) == indent:
            starts[index] = found["key"].strip("\"' ")
    for key, first, at, end in _groups(text, lines, starts):
        long = lines[end - 1][1] - lines[first][0] > _LONG
        inner = _indent_of(text, lines[at + 1 : end]) if key and long and len(path) < _DEEPEST else None
        if inner is None or inner <= indent:
            yield from _block(text, lines[first][0], lines[end - 1][1], (*path, key) if key and long else path)
        else:
            yield from _block(text, lines[first][0], lines[at][1], (*path, key))
            yield from _blocks(text, lines[at + 1 : end], inner, (*path, key))


def _groups(text: str, lines: Sequence[Span], starts: dict[int, str]) -> Iterator[tuple[str, int, int, int]]:
    """Yield (key, first line with the comments above it, line of the key, line after) of each entry.

    What stands before the first has no key.
    """
    firsts = []
    below = -1
    for index in starts:
        first = index
        while first - 1 > below and text[slice(*lines[first - 1])].lstrip().startswith("#"):
            first -= 1
        firsts.append(first)
        below = index
    ends = [*firsts[1:], len(lines)]
    if lines and (not firsts or firsts[0] > 0):
        yield "", 0, 0, firsts[0] if firsts else len(lines)
    for (index, key), first, end in zip(starts.items(), firsts, ends[: len(firsts)], strict=True):
        yield key, first, index, end


def _indent_of(text: str, lines: Sequence[Span]) -> int | None:
    """Return the indentation of the keys of a mapping; None of what is none."""
    for start, end in lines:
        line = text[start:end]
        if line.strip() and not line.lstrip().startswith("#"):
            found = _KEY.match(text, start)
            return len(found["indent"]) if found else None
    return None


def _block(text: str, start: int, end: int, path: Path) -> Iterator[Block]:
    span = strip_span(text, start, end)
    if span is not None and text[slice(*span)] != "---":
        yield Block(*span, "code", path)
