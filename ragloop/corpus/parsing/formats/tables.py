"""Comma- and tab-separated values: every row a line that names its columns."""

import csv
import io

from ragloop.corpus.parsing.decoding import decode, noting
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.formats.plain import parse_plain
from ragloop.corpus.parsing.limits import ParseLimits

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 20


def parse_separated(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """The rows as one table. Text whose quotes do not close is read as plain lines."""
    found = decode(data, name)
    return noting(found, _parsed(found.text.replace("\0", ""), name, limits))


def _parsed(text: str, name: str, limits: ParseLimits) -> ParsedDocument:
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=False))
    except csv.Error:
        return parse_plain(text, name)
    extraction = Extraction(limits.characters)
    extraction.table(rows, named=True)
    return extraction.document(name)


def _delimiter(text: str) -> str:
    """The one that cuts the most of the first lines into equally many cells, and into the most cells."""
    lines = [line for line in text[:65_536].splitlines() if line.strip()][:_SAMPLE_ROWS]

    def agreement(delimiter: str) -> tuple[int, int]:
        counts = [line.count(delimiter) for line in lines]
        usual = max(set(counts), key=lambda count: (count > 0, counts.count(count)), default=0)
        return (counts.count(usual), usual) if usual else (0, 0)

    return max(_DELIMITERS, key=agreement)
