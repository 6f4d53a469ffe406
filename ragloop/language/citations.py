"""The mark of a citation: the number of a passage in brackets, `[2]`."""

import re
from collections.abc import Callable, Iterator, Mapping

MARK = r"\[\d{1,3}\]"
_MARK = re.compile(r"\[(\d{1,3})\]")
_FENCED = re.compile(r"^```[^\n]*+\n(?:(?!```)[^\n]*+\n)*+(?:```[^\n]*+|\Z)", re.MULTILINE)
_WITH_SPACE = re.compile(r"(?<!\s)\s*+\[(\d{1,3})\]")


def is_marks(line: str) -> bool:
    """Return whether a line is nothing but marks, as it stands below a block."""
    return "[" in line and not _MARK.sub("", line).strip()


def cited_numbers(text: str) -> list[int]:
    """Return the numbers of the marks in a text, in order."""
    return [int(number) for number in _MARK.findall(text)]


def mark_spans(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield where each mark begins and ends, and its number; what looks like one in fenced code is code."""
    code = [found.span() for found in _FENCED.finditer(text)]
    for found in _MARK.finditer(text):
        if not any(start <= found.start() < end for start, end in code):
            yield found.start(), found.end(), int(found[1])


def without_marks(text: str, drops: Callable[[int], bool] = lambda number: True) -> str:
    """Return the text without those of its marks that `drops` says, and without the space before them."""
    return _WITH_SPACE.sub(lambda found: "" if drops(int(found[1])) else found[0], text).strip()


def defused(text: str) -> str:
    """Return a quoted text in which `[2]` has become `(2)`, since there it cites nothing of the answer's."""
    return _MARK.sub(r"(\1)", text)


def renumbered(text: str, numbers: Mapping[int, int]) -> str:
    """Return the text with its marks renumbered; what looks like one in fenced code stays."""
    parts, at = [], 0
    for start, end, n in mark_spans(text):
        parts += [text[at:start], f"[{numbers.get(n, n)}]"]
        at = end
    return "".join((*parts, text[at:]))
