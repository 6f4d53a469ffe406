"""The numbers that Word puts before paragraphs, computed from numbering.xml (ECMA-376, part 1, 17.9).

What people cite of a contract, such as clause 2.1, stands in no text of the document: it is counted here.
"""

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import attribute, local_name, whole_number

if TYPE_CHECKING:
    from lxml.etree import _Element

_LEVELS = 9
_PLACEHOLDER = re.compile(r"%([1-9])")
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
          (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_RUSSIAN = "абвгдежзиклмнопрстуфхцчшщыэюя"
_CHINESE = "〇一二三四五六七八九"
BULLET = "-"


@dataclass(frozen=True)
class Level:
    """How a level of a list is numbered. `restart` is the level, from 1, whose next number starts it anew; 0: none."""

    start: int = 1
    style: str = "decimal"
    text: str = ""
    restart: int | None = None
    legal: bool = False
    paragraph_style: str = ""


class Numbering:
    """The lists of a document, and where each stands while the document is read from its beginning."""

    def __init__(self, root: "_Element | None") -> None:
        self._levels: dict[str, dict[int, Level]] = {}
        self._list_of: dict[str, str] = {}
        self._changed: dict[str, dict[int, Level]] = {}
        self._starts: dict[str, dict[int, int]] = {}
        self._counts: dict[str, dict[int, int]] = defaultdict(dict)
        self._started: set[tuple[str, int]] = set()
        self._links: dict[str, str] = {}
        named: dict[str, str] = {}
        for one in root if root is not None else ():
            identity = attribute(one, "abstractNumId") or ""
            if local_name(one) == "abstractNum":
                self._levels[identity] = _levels(one)
                for child in one:
                    if local_name(child) == "styleLink":
                        named[attribute(child, "val") or ""] = identity
                    elif local_name(child) == "numStyleLink":
                        self._links[identity] = attribute(child, "val") or ""
            elif local_name(one) == "num":
                self._add_list(one)
        self._links = {identity: named[style] for identity, style in self._links.items() if style in named}

    def _add_list(self, element: "_Element") -> None:
        identity = attribute(element, "numId") or ""
        self._changed[identity], self._starts[identity] = {}, {}
        for one in element:
            if local_name(one) == "abstractNumId":
                self._list_of[identity] = attribute(one, "val") or ""
            elif local_name(one) == "lvlOverride":
                self._changed[identity].update(_levels(one))
                depth = whole_number(attribute(one, "ilvl"))
                for child in one:
                    if local_name(child) == "startOverride":
                        self._starts[identity][depth] = whole_number(attribute(child, "val"), 1)

    def has(self, identity: str) -> bool:
        """Return whether the document defines a list."""
        return bool(self._all_levels(identity))

    def depth_of_style(self, identity: str, style: str) -> int | None:
        """Return the level of a list that numbers the paragraphs of a style; None where none is bound to it."""
        levels = self._all_levels(identity)
        return next((depth for depth, level in levels.items() if style and level.paragraph_style == style), None)

    def next_label(self, identity: str, depth: int) -> str:
        """Return what stands before the next paragraph of a list: a number, BULLET, or nothing; and count it."""
        levels = self._all_levels(identity)
        level = levels.get(depth)
        if level is None:
            return BULLET
        counts = self._counts[self._base(identity)]
        self._count(identity, depth, level, levels, counts)
        if level.style == "bullet":
            return BULLET
        if not level.text:
            return ""

        def number(found: "re.Match[str]") -> str:
            at = int(found[1]) - 1
            shown = levels.get(at, Level())
            return numeral(counts.get(at, shown.start), "decimal" if level.legal else shown.style)

        return _PLACEHOLDER.sub(number, level.text).strip()

    def _count(self, identity: str, depth: int, level: Level, levels: dict[int, Level], counts: dict[int, int]) -> None:
        start = self._starts.get(identity, {}).get(depth)
        if start is not None and (identity, depth) not in self._started:
            counts[depth] = start
        else:
            counts[depth] = counts[depth] + 1 if depth in counts else level.start
        self._started.add((identity, depth))
        for deeper in [one for one in counts if one > depth]:
            restart = levels[deeper].restart if deeper in levels else None
            if restart is None or depth < restart:
                del counts[deeper]

    def _base(self, identity: str) -> str:
        base = self._list_of.get(identity, "")
        return self._links.get(base, base)

    def _all_levels(self, identity: str) -> dict[int, Level]:
        levels = self._levels.get(self._base(identity), {})
        changed = self._changed.get(identity)
        return {**levels, **changed} if changed else levels


def _levels(element: "_Element") -> dict[int, Level]:
    found = (one for one in element if local_name(one) == "lvl")
    return {whole_number(attribute(one, "ilvl")): _level(one) for one in found}


def _level(element: "_Element") -> Level:
    values = {local_name(one): attribute(one, "val") for one in element.iter() if one is not element}
    restart = values.get("lvlRestart")
    return Level(
        start=whole_number(values.get("start"), 1 if "start" in values else 0),
        style=values.get("numFmt") or "decimal",
        text=values.get("lvlText") or "",
        restart=None if restart is None else whole_number(restart),
        legal="isLgl" in values and values["isLgl"] not in ("0", "false", "off"),
        paragraph_style=values.get("pStyle") or "",
    )


def numeral(number: int, style: str) -> str:
    """Return a number in a style of numbering; in decimal where the style is not known here."""
    make = _NUMERALS.get(style)
    return make(number) if make and number > 0 else "" if style == "none" else str(number)


def _roman(number: int) -> str:
    if number > 5000:
        return str(number)
    made = ""
    for value, sign in _ROMAN:
        made += sign * (number // value)
        number %= value
    return made


def _letters(number: int, alphabet: str) -> str:
    """Return a letter; behind the alphabet it is doubled, as Word does it: z, aa, bb."""
    turns, at = divmod(number - 1, len(alphabet))
    return alphabet[at] * (turns + 1) if turns < 30 else str(number)


def _latin(number: int) -> str:
    return _letters(number, "abcdefghijklmnopqrstuvwxyz")


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _chinese(number: int) -> str:
    tens, ones = divmod(number, 10)
    if number > 99:
        return str(number)
    ten = "" if not tens else "十" if tens == 1 else _CHINESE[tens] + "十"
    return ten + (_CHINESE[ones] if ones else "")


_NUMERALS: dict[str, Callable[[int], str]] = {
    "decimalZero": lambda number: f"{number:02d}",
    "lowerRoman": _roman,
    "upperRoman": lambda number: _roman(number).upper(),
    "lowerLetter": _latin,
    "upperLetter": lambda number: _latin(number).upper(),
    "ordinal": _ordinal,
    "russianLower": lambda number: _letters(number, _RUSSIAN),
    "russianUpper": lambda number: _letters(number, _RUSSIAN).upper(),
    "chineseCounting": _chinese,
    "chineseCountingThousand": _chinese,
    "ideographDigital": _chinese,
    "japaneseCounting": _chinese,
    "taiwaneseCountingThousand": _chinese,
    "decimalEnclosedCircle": lambda number: chr(0x245F + number) if number <= 20 else str(number),
    "decimalEnclosedParen": lambda number: f"({number})",
    "decimalEnclosedFullstop": lambda number: f"{number}.",
}
