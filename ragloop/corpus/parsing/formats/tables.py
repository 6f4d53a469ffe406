"""Comma- and tab-separated values: every row a line that names its columns."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, groupby, islice

from ragloop.corpus.parsing.decoding import decode, noting
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.grids.headers import SAMPLE
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.table import Table

_DELIMITERS = "\t;,|"
_SAMPLE_CHARACTERS = 65_536
_STRAY_QUOTES = 100
_UTF_16, _FEW = (b"\xff\xfe", b"\xfe\xff"), 0.02
_LINE = re.compile(r"[^\r\n]*+(?:\r\n?|\n)|[^\r\n]++")


def parse_separated(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read the rows as a table, or as several where empty rows part them."""
    if not data.startswith(_UTF_16) and data.count(0) < _FEW * len(data):
        data = data.replace(b"\0", b"")  # a device that logs pads with them; as text they make any encoding doubtful
    found = decode(data, name)
    return noting(found, _parsed(found.text.replace("\0", ""), name, limits))


def _parsed(text: str, name: str, limits: ParseLimits) -> ParsedDocument:
    extraction = Extraction(limits.characters)
    delimiter, text = _told(text)
    rows = _rows(text, delimiter or _delimiter(text))
    sample = list(islice(rows, SAMPLE))
    comments = _comments(sample)
    extraction.add("\n".join(comments))
    rows = chain(sample[len(comments) :], rows)
    filled = len(sample) - sum(map(_is_empty, sample))
    if 1 < filled <= len(sample) - filled + 1:  # some programs write an empty line behind each row
        rows = (row for row in rows if not _is_empty(row))
    above: Table | None = None
    for empty, group in groupby(rows, key=_is_empty):
        if not empty:
            above = extraction.table(group, named=True, above=above)
    return extraction.document(name)


def _is_empty(row: Sequence[str]) -> bool:
    return not any(cell.strip() for cell in row)


def _told(text: str) -> tuple[str, str]:
    """Return the delimiter that a first line "sep=;" tells Excel, and the text without it; else "" and the text."""
    first, _, rest = text[:10].partition("\n")
    first = first.rstrip("\r")
    if first[:4].lower() == "sep=" and len(first) == 5:
        return first[4], text[len(text[:10]) - len(rest) :]
    return "", text


def _comments(sample: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines above the table that begin with "#", which may begin the names of its columns too."""
    rows = [row for row in sample if row and not row[0].startswith("#")]
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    comments: list[str] = []
    for row in sample:
        if not row or not row[0].startswith("#") or (len(row) == width > 1 and not row[0].startswith("# ")):
            break
        comments.append(", ".join(row))
    return comments


class _Lines:
    """Lines that can be read again from where the last row began."""

    def __init__(self, text: str) -> None:
        # A StringIO would take four bytes for each character.
        self._lines: Iterator[str] = (found[0] for found in _LINE.finditer(text))
        self.of_row: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.of_row.append(line)
        return line

    def first_of_row(self) -> str:
        first, *others = self.of_row
        self.of_row = []
        self._lines = chain(others, self._lines)
        return first


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """Yield the cells of each row. A quote that is not closed, or closed amid a cell, is a character like any other."""
    lines = _Lines(text)
    escaped = '\\"' in text[:_SAMPLE_CHARACTERS] and '""' not in text[:_SAMPLE_CHARACTERS]
    for _ in range(_STRAY_QUOTES):
        try:
            for row in csv.reader(
                lines,
                delimiter=delimiter or "\n",
                strict=True,
                escapechar="\\" if escaped else None,
                doublequote=not escaped,
                skipinitialspace=delimiter != "\t",
            ):
                lines.of_row = []
                yield row
        except csv.Error:
            yield _plain(lines.first_of_row(), delimiter)
        else:
            return
    for line in lines:
        lines.of_row = []
        yield _plain(line, delimiter)


def _plain(line: str, delimiter: str) -> list[str]:
    line = line.rstrip("\r\n")
    return line.split(delimiter) if delimiter else [line]


def _delimiter(text: str) -> str:
    """Return what parts the most of the first rows into equally many cells; "" where nothing does."""
    sample = text[:_SAMPLE_CHARACTERS]
    if len(text) > len(sample):
        sample = sample[: sample.rfind("\n") + 1] or sample
    agreement = {delimiter: _agreement(sample, delimiter) for delimiter in _DELIMITERS if delimiter in sample}
    best = max(agreement, key=agreement.__getitem__, default="")
    return best if best and agreement[best] > (0.0, 0) else ""


def _agreement(sample: str, delimiter: str) -> tuple[float, int]:
    """Return how much speaks for a delimiter, and how many cells it makes of most rows."""
    rows = list(islice(_rows(sample, delimiter), SAMPLE))
    rows = [row for row in rows if not _is_empty(row)] or rows
    counts = Counter(len(row) for row in rows if len(row) > 1)
    if not counts:
        return 0.0, 0
    usual, times = max(counts.items(), key=lambda pair: (pair[1], pair[0]))
    share = times / len(rows)
    if delimiter != "\t" and (len(rows[0]) == 1 or share < 0.6) and _is_punctuation(sample, delimiter):
        return 0.0, 0
    others = [one for one in _DELIMITERS if one != delimiter]
    cells = [cell for row in rows for cell in row if cell]
    clean = sum(_is_figure(cell) or not any(one in cell for one in others) for cell in cells)
    return round(share * (0.3 + 0.7 * clean / max(len(cells), 1)), 2), usual


def _is_punctuation(sample: str, delimiter: str) -> bool:
    """Return whether white space stands behind most of the delimiters, as in a sentence."""
    return sample.count(delimiter + " ") >= 0.8 * sample.count(delimiter)


def _is_figure(cell: str) -> bool:
    return any(map(str.isdigit, cell)) and not any(map(str.isalpha, cell)) and len(cell) < 24
