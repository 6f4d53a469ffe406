"""The marks of list items: bullets and numbers as the page shows them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element

_VALUES = (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1)
_LETTERS = "m cm d cd c xc l xl x ix v iv i".split()
_MOST_ROMAN = 3_999


def marker(item: "_Element", counted: list[int]) -> str:
    """Return the mark of a list item, and count it."""
    parent = item.getparent()
    if parent is None or parent.tag != "ol":
        return "-"
    if not counted[0]:
        counted[0] = (_whole(parent.get("start")) or 1) - 1
    value = _whole(item.get("value"))
    counted[0] = counted[0] + 1 if value is None else value
    return f"{_written(counted[0], parent.get('type') or '1')}."


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 7 else None


def _written(number: int, style: str) -> str:
    if style in ("a", "A") and number > 0:
        letters = ""
        while number:
            number, rest = divmod(number - 1, 26)
            letters = chr(ord(style) + rest) + letters
        return letters
    if style in ("i", "I") and 0 < number <= _MOST_ROMAN:
        letters = ""
        for value, letter in zip(_VALUES, _LETTERS, strict=True):
            letters += letter * (number // value)
            number %= value
        return letters if style == "i" else letters.upper()
    return str(number)
