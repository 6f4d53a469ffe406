"""Which row of a table names its columns, judged by how it differs from the rows below it; none where that is in doubt.

Each column votes: numbers, dates or codes below a word speak for names, a value like those below it against them.
A row of data that is taken for names makes every line of the table false, a row of names that is taken for data costs
the lines their context: a vote against counts more than one for it. benchmarks/table_headers.py measures it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ragloop.corpus.parsing.grids.known_names import weight_of_name

Row = Sequence[str]

SAMPLE = 100
"""Rows that are looked at."""
_ENOUGH = 0.9
_ALONE = 1.4
_TITLES = 10
_HEADER_ROWS = 3
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|\d{4}年|\d{1,2}:\d{2}")
_YEAR = re.compile(r"(?:FY ?)?(?:19|20)\d\d(?:[/-]\d{2,4})?$")
_JOINED = re.compile(r"[a-z]+(?:_[a-z0-9]+)+$|[a-z]+[A-Z][A-Za-z]*$")
_CURRENCY = "+-(<>~≈$€£¥₹₩ "
_FLAGS = frozenset("yes no true false y n x ✓ ✔ ✗ ✘ ja nein oui non sí si não nee tak да нет 是 否 有 無 无".split())
_LABEL_ENDS = (":", "：")
_QUESTIONS = ("?", "？", "؟")
_LONGEST_LABEL = 60
_LONGEST_NAME = 30
"""What is longer and ends with a full stop is a sentence."""


def header_rows(rows: Sequence[Row]) -> tuple[int, int] | None:
    """Return (first, one past the last) of the rows that name the columns, None where no row does.

    The rows above them are titles of the table.
    """
    sample = [[" ".join(cell.split()) for cell in row] for row in rows[:SAMPLE]]
    widths = [1 if len({*row, ""}) == 2 else sum(map(bool, row)) for row in sample]
    usual = median(widths) if widths else 0
    wider = [at for at, width in enumerate(widths[:_TITLES]) if width > max(widths[:at], default=0)]
    candidates = [at for at in wider if widths[at] >= max(min(2, usual), 0.6 * usual)]
    first = next((at for at in candidates if _score(sample[at], sample[at + 1 :]) >= _ENOUGH), None)
    if first is None:
        return None
    last = first
    while first and last + 1 - first < _HEADER_ROWS and _spans(sample[first - 1]):
        first -= 1
    while last + 1 - first < _HEADER_ROWS and _is_continued(sample[last], sample[last + 1 :]):
        last += 1
    return first, last + 1


def is_title(row: Row) -> bool:
    """Return whether a row is one cell over all columns, or one at its beginning."""
    filled = [cell for cell in row if cell.strip()]
    return len(set(filled)) == 1 and (len(filled) == len(row) or (len(filled) == 1 and bool(row[0].strip())))


def are_labels(rows: Sequence[Row]) -> bool:
    """Return whether a table has two columns of which the left one names the values in the right one."""
    sample = [[" ".join(cell.split()) for cell in row] for row in rows[:SAMPLE]]
    if len(sample) < 2 or any(len(row) < 2 or not row[0] or any(row[2:]) for row in sample):
        return False
    labels = [row[0] for row in sample]
    if len(set(labels)) < len(labels) or any(len(one) > _LONGEST_LABEL or _kind(one) == "number" for one in labels):
        return False
    if sum(one.endswith(_LABEL_ENDS) for one in labels) >= 0.8 * len(labels):
        return True
    known = sum(weight_of_name(label) > 0 for label in labels)
    return known >= max(2, 0.4 * len(labels)) and not weight_of_name(sample[0][1])


def column_kinds(rows: Sequence[Row]) -> list[str]:
    """Return what most cells of each column hold: "number", "date", "address", "code", "flag" or "text"."""
    width = max(map(len, rows), default=0)
    return [_usual_kind([row[at] for row in rows[:SAMPLE] if at < len(row) and row[at].strip()]) for at in range(width)]


def _spans(row: Row) -> bool:
    """Return whether a row names groups of the columns below it: nothing stands above the first of them."""
    return not row[0] and any(row) and all(_kind(cell) == "text" or _YEAR.match(cell) for cell in row if cell)


def _is_continued(row: Row, below: Sequence[Row]) -> bool:
    """Return whether the row below a header belongs to it: it has names for what is blank or stands twice above it."""
    if len(below) < 2:
        return False
    filled = [cell for cell in row[1:] if cell]
    spans = len(set(filled)) < len(filled) or len(filled) < len(row[1:]) or len(row) < len(below[0])
    named = [cell for cell in below[0] if cell]
    return (
        spans
        and len(named) > len(set(filled))
        and all(_kind(cell) == "text" or _YEAR.match(cell) for cell in named)
        and _typed(below[0], below[1:]) >= _ENOUGH
    )


def _is_name(cell: str) -> bool:
    return bool(cell) and (_kind(cell) != "number" or _YEAR.match(cell) is not None)


def _typed(row: Row, below: Sequence[Row]) -> float:
    return sum(_vote_of_kind(cell, values) for cell, values in _columns(row, below) if cell)


def _columns(row: Row, below: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Return each cell of a row with the cells below it that are not empty."""
    width = max(len(row), *(len(one) for one in below)) if below else len(row)
    cells = [*row, *[""] * (width - len(row))]
    return [(cell, [one[at] for one in below if at < len(one) and one[at]]) for at, cell in enumerate(cells)]


def _score(row: Row, below: Sequence[Row]) -> float:
    if below and row[0] == below[0][0] and len(set(row)) < len(row):
        below = below[1:]  # one cell over two rows of names
    columns = [(cell, values) for cell, values in _columns(row, below) if cell or values]
    named = [(cell, values) for cell, values in columns if cell]
    if not below or not named or 2 * len(named) < len(columns) or not any(map(_is_name, row)):
        return 0
    by_kind = sum(_vote_of_kind(cell, values) for cell, values in named)
    if len(columns) == 1:
        return by_kind if len(below) > 2 else 0
    corner = 1.0 if not row[0] and len(named) == len(columns) - 1 and len(columns[0][1]) > len(below) / 2 else 0
    if len(columns) == 2 and len(below) == 1 and not corner and _usual_kind(columns[0][1]) == "text":
        by_kind = min(by_kind, 0.0)  # as well two pairs of a name and its value
    elif len(columns) == 2 and len(below) < 4 and not all(_vote_of_kind(cell, values) > 0 for cell, values in columns):
        by_kind = min(by_kind, 0.8)  # as well pairs of which the values but the first are numbers
    words = [_vote_of_words(cell, values) for cell, values in named]
    more = corner + by_kind + _vote_of_years(named)
    if more <= 0 and sum(vote > 0 for vote in words) < 2 and max(words[1:], default=0) < _ALONE:
        return min(sum(words), 0.8)  # a word that is a name elsewhere may be a value here
    return more + sum(words)


def _vote_of_kind(cell: str, values: Sequence[str]) -> float:
    own, usual = _kind(cell), _usual_kind(values)
    if own == "date" and usual == "number" and len(values) > 1:
        return 0.5  # a day above its figures
    if own in ("date", "address"):
        return -1.5
    if not values or usual == "text":
        return -0.7 if own == "number" and values and not _YEAR.match(cell) else 0.0
    if own == usual == "flag":
        return -1.0
    if own in ("text", "flag"):
        return 1.0
    if own == usual == "code":
        return -1.0 if _shape(cell) in {_shape(value) for value in values} else 0.3
    if own == "number":
        return 0.0 if _YEAR.match(cell) and not all(map(_YEAR.match, values)) else -2.0
    return 0.0


def _vote_of_years(named: Sequence[tuple[str, Sequence[str]]]) -> float:
    """Return 1 where some cells of a row count up or down by one from the first as years or periods do."""
    above_numbers = [cell for cell, values in named if _YEAR.match(cell) and not all(map(_YEAR.match, values))]
    figures = [int(cell[:4]) for cell in above_numbers if cell[:4].isdecimal()]
    return 1.0 if len(figures) > 1 and {abs(two - one) for one, two in pairwise(figures)} == {1} else 0.0


def _vote_of_words(cell: str, values: Sequence[str]) -> float:
    if cell in values or (cell.endswith((".", "。", "।")) and len(cell) > _LONGEST_NAME):
        return -1.5
    vote = 0.0
    known = weight_of_name(cell) if sum(weight_of_name(value) > 0 for value in values) <= 0.3 * len(values) else 0.0
    vote += 1.0 if _JOINED.match(cell) and not any(map(_JOINED.match, values)) else known
    if not values or _usual_kind(values) != "text":
        return vote
    longest = max(map(len, values))
    if len(cell) > 2 * longest and (len(cell.split()) > 5 or cell.endswith(_QUESTIONS)):
        vote += _ALONE if cell.endswith(_QUESTIONS) else 0.7
    if len(values) < 2:
        return vote
    if cell[0].islower() and sum(value[0].isupper() for value in values) >= 0.8 * len(values):
        vote += 0.6
    if len(cell) <= 25 and sum(map(len, values)) > 60 * len(values):
        vote += 0.5
    if len(values) >= 6 and len(set(values)) <= len(values) / 3:
        vote += 0.5
    return vote


def _usual_kind(values: Sequence[str]) -> str:
    if not values:
        return "text"
    kind, count = Counter(map(_kind, values)).most_common(1)[0]
    return kind if count >= 0.8 * len(values) else "text"


def _kind(cell: str) -> str:
    """Return what a cell holds, as far as its characters tell."""
    if len(cell) > 60:
        return "text"
    if "://" in cell or ("@" in cell and " " not in cell):
        return "address"
    if not any(map(str.isdigit, cell)):
        return "flag" if cell.casefold() in _FLAGS else "text"
    if _DATE.match(cell):
        return "date"
    letters = sum(map(str.isalpha, cell))
    bare = cell.lstrip(_CURRENCY)
    if letters == 0 or (bare[:1].isdigit() and letters <= 4) or (letters <= 4 and cell[-1:].isdigit() and " " in cell):
        return "number"
    return "code" if " " not in cell and len(cell) <= 24 else "text"


def _shape(cell: str) -> str:
    return "".join("9" if char.isdigit() else "a" if char.isalpha() else char for char in cell)
