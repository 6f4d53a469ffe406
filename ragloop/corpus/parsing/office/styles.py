"""The styles of a DOCX: which are headings, titles, lists or a table of contents, and how each is numbered."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import attribute, local_name, whole_number

if TYPE_CHECKING:
    from lxml.etree import _Element

_HEADING = re.compile(r"heading ([1-9])$", re.IGNORECASE)
_CONTENTS = re.compile(r"toc ([1-9]|heading)$", re.IGNORECASE)
_LIST = re.compile(r"list (?:bullet|number)(?: ([2-5]))?$", re.IGNORECASE)
_BODY_TEXT = 9  # the outline level that stands for none
_DEEPEST = 8  # the ninth level of a list
_OFF = ("0", "false", "off", "none")


class Styles:
    """What the styles of a document say of paragraphs and runs, followed through the styles that they are based on."""

    def __init__(self, root: "_Element | None") -> None:
        self._level: dict[str, int] = {}
        self._based_on: dict[str, str] = {}
        self._numbering: dict[str, tuple[str | None, int | None]] = {}
        self._list_depth: dict[str, int] = {}
        self._contents: set[str] = set()
        self._titles: set[str] = set()
        for style in root if root is not None else ():
            if local_name(style) == "style":
                self._add(style)

    def _add(self, style: "_Element") -> None:
        identity, name = attribute(style, "styleId") or "", ""
        for one in style:
            if local_name(one) == "name":
                name = attribute(one, "val") or ""
            elif local_name(one) == "basedOn":
                self._based_on[identity] = attribute(one, "val") or ""
            elif local_name(one) == "pPr":
                own = _properties(one)
                if own.level is not None:
                    self._level[identity] = own.level
                if own.numbering is not None:
                    self._numbering[identity] = own.numbering
        if named := _HEADING.match(name):
            self._level[identity] = int(named[1])
        if listed := _LIST.match(name):
            self._list_depth[identity] = int(listed[1] or 1) - 1
        if _CONTENTS.match(name):
            self._contents.add(identity)
        if name.lower() == "title":
            self._titles.add(identity)

    def level(self, style: str) -> int:
        """Return the heading level, from 1; 0 for a style that is no heading."""
        return next((self._level[one] for one in self._line(style) if one in self._level), 0)

    def is_title(self, style: str) -> bool:
        """Return whether a style is that of the document's title."""
        return style in self._titles

    def is_contents(self, style: str) -> bool:
        """Return whether a style is that of a line in a table of contents."""
        return style in self._contents

    def numbering(self, style: str) -> tuple[str | None, int | None, str]:
        """Return the list and the level that a style names, None where it names none, and the style that names them."""
        level: int | None = None
        for one in self._line(style):
            identity, depth = self._numbering.get(one, (None, None))
            level = depth if level is None else level
            if identity is not None:
                return identity, level, one
        return None, level, ""

    def list_depth(self, style: str) -> int | None:
        """Return the depth of Word's own list styles, which may be used without a list; None for another style."""
        return next((self._list_depth[one] for one in self._line(style) if one in self._list_depth), None)

    def _line(self, style: str) -> list[str]:
        """Return a style and those it is based on, each once."""
        line: dict[str, None] = {}
        while style and style not in line:
            line[style] = None
            style = self._based_on.get(style, "")
        return list(line)


@dataclass(frozen=True)
class Properties:
    """What a paragraph says of itself: its style, and what it changes of it; None for what it leaves to the style.

    `level` is the heading level (from 1, 0 for body text), `numbering` the list and the level in it.
    """

    style: str = ""
    level: int | None = None
    numbering: tuple[str | None, int | None] | None = None
    is_dropped_capital: bool = False


_NONE = Properties()


def properties_of(paragraph: "_Element") -> Properties:
    """Return the properties of a paragraph; they are its first element."""
    first = paragraph[0] if len(paragraph) else None
    return _NONE if first is None or local_name(first) != "pPr" else _properties(first)


def _properties(element: "_Element") -> Properties:
    style, level, numbering, is_dropped_capital = "", None, None, False
    for one in element:
        name = local_name(one)
        if name == "pStyle":
            style = attribute(one, "val") or ""
        elif name == "outlineLvl":
            level = (whole_number(attribute(one, "val"), _BODY_TEXT) + 1) % (_BODY_TEXT + 1)
        elif name == "numPr":
            numbering = _numbering(one)
        elif name == "framePr":
            is_dropped_capital = attribute(one, "dropCap") in ("drop", "margin")
    return Properties(style, level, numbering, is_dropped_capital)


def _numbering(element: "_Element") -> tuple[str | None, int | None]:
    values = {local_name(one): attribute(one, "val") for one in element}
    depth = values.get("ilvl")
    return values.get("numId"), None if depth is None else min(whole_number(depth), _DEEPEST)


def is_on(element: "_Element") -> bool:
    """Return whether an element that switches something on does so: without a value it does."""
    return (attribute(element, "val") or "1").lower() not in _OFF
