"""A paragraph of Word as a reader sees it: its runs as a line of text, and what is anchored in it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import attribute, local_name, whole_number
from ragloop.corpus.parsing.markup.formulas import lowered, raised
from ragloop.corpus.parsing.office.equations import equation
from ragloop.corpus.parsing.office.styles import is_on
from ragloop.corpus.parsing.office.symbols import in_symbols, is_symbol_font, symbol

if TYPE_CHECKING:
    from lxml.etree import _Element

_LEFT_OUT = frozenset("del moveFrom instrText delText pPr rPr sdtPr rt rubyPr footnoteRef endnoteRef".split())
_CHARACTERS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "softHyphen": ""}
_DRAWN = ("drawing", "pict", "object")
_BOXES = ("txbxContent", "txBody")
_ANCHORED = frozenset((*_BOXES, "chart", "relIds", "imagedata", "blip", "textpath", "OLEObject"))
_TICKED, _EMPTY = "☒", "☐"


@dataclass
class Line:
    """The text of a paragraph, the notes that it refers to as (kind, id), and the elements that are anchored in it."""

    pieces: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    anchored: list["_Element"] = field(default_factory=list)
    hidden: bool = False
    unknown_symbols: int = 0

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass
class _Field:
    """A field that has begun: whether its code is still read, the value of a form field, and if a result was shown."""

    is_code: bool = True
    value: str = ""
    shown: bool = False


@dataclass(frozen=True)
class _Look:
    """How a run is shown."""

    hidden: bool = False
    shift: str = ""
    font: str = ""


_PLAIN = _Look()


class ParagraphReader:
    """Reads paragraph after paragraph: a field may begin in one and end in another, and notes are counted."""

    def __init__(self) -> None:
        self._fields: list[_Field] = []

    def read(self, paragraph: "_Element") -> Line:
        """Return what a paragraph holds."""
        line = Line()
        self._walk(paragraph, line)
        for one in self._fields:  # a code does not reach into the next paragraph: rather show it than lose the rest
            one.is_code = False
        return line

    def _walk(self, element: "Iterable[_Element]", line: Line) -> None:
        for one in element:
            name = local_name(one)
            if name == "r":
                self._run(one, line)
            elif name == "AlternateContent":
                self._walk(alternative(one), line)
            elif name in ("oMath", "oMathPara"):
                self._show(equation(one), line)
            elif name in _DRAWN:
                self._drawing(one, line)
            elif name == "t":
                self._show(one.text or "", line)
            elif name not in _LEFT_OUT:
                self._walk(one, line)

    def _run(self, run: "_Element", line: Line) -> None:
        look = _look(run)
        for one in run:
            name = local_name(one)
            if name == "fldChar":
                self._field(one, line)
            elif look.hidden:
                line.hidden = line.hidden or name == "t"
            elif name == "t":
                self._text(one.text or "", look, line)
            elif name in _CHARACTERS:
                self._show(_CHARACTERS[name], line)
            elif name == "sym":
                self._symbol(one, line)
            elif name in ("footnoteReference", "endnoteReference"):
                line.notes.append((name.removesuffix("Reference"), attribute(one, "id") or ""))
                line.pieces.append(NOTE)
            elif name in _DRAWN:
                self._drawing(one, line)
            elif name == "AlternateContent":
                self._walk(alternative(one), line)
            elif name not in _LEFT_OUT:
                self._walk(one, line)

    def _text(self, text: str, look: _Look, line: Line) -> None:
        if look.font:
            text = in_symbols(look.font, text)
        if look.shift and text:
            before = line.pieces[-1][-1:] if line.pieces else ""
            text = raised(text, before) if look.shift == "superscript" else lowered(text, before)
        self._show(text, line)

    def _show(self, text: str, line: Line) -> None:
        if not text:
            return
        if not self._fields:
            line.pieces.append(text)
        elif not any(one.is_code for one in self._fields):
            line.pieces.append(text)
            self._fields[-1].shown = self._fields[-1].shown or not text.isspace()

    def _symbol(self, element: "_Element", line: Line) -> None:
        try:
            sign = symbol(attribute(element, "font") or "", int(attribute(element, "char") or "", 16))
        except ValueError:
            sign = ""
        line.unknown_symbols += not sign
        self._show(sign, line)

    def _field(self, element: "_Element", line: Line) -> None:
        kind = attribute(element, "fldCharType")
        if kind == "begin":
            self._fields.append(_Field(value=_form_value(element)))
        elif kind == "separate" and self._fields:
            self._fields[-1].is_code = False
        elif kind == "end" and self._fields:
            ended = self._fields.pop()
            if ended.value and not ended.shown:
                self._show(ended.value, line)

    def _drawing(self, element: "_Element", line: Line) -> None:
        line.anchored += anchored(element)


NOTE = "\0"
"""Stands in a line where a note is referred to, for the one who numbers the notes. XML cannot hold it."""


def anchored(drawing: "Iterable[_Element]") -> Iterator["_Element"]:
    """Yield the text boxes, charts, diagrams and pictures of a drawing, those in groups too."""
    for one in drawing:
        name = local_name(one)
        if name == "AlternateContent":
            yield from anchored(alternative(one))
            continue
        if name in _ANCHORED:
            yield one
        if name not in _BOXES:
            yield from anchored(one)


def alternative(element: "_Element") -> "Iterable[_Element]":
    """Return what a reader sees of content in alternatives: the first that holds something, in the file's order."""
    for one in element:
        if local_name(one) in ("Choice", "Fallback") and any(local_name(inner) in _SEEN for inner in one.iter()):
            return one
    return ()


_SEEN = frozenset((*_ANCHORED, "t", "sym", "tbl", "pic", "sp", "graphicFrame", "oMath"))


def _look(run: "_Element") -> _Look:
    properties = run[0] if len(run) else None  # they come first
    if properties is None or not len(properties) or local_name(properties) != "rPr":
        return _PLAIN
    hidden, shift, font = False, "", ""
    for one in properties:
        name = local_name(one)
        if name == "vanish":
            hidden = is_on(one)
        elif name == "vertAlign":
            shift = attribute(one, "val") or ""
        elif name == "rFonts":
            font = attribute(one, "ascii") or attribute(one, "hAnsi") or ""
    return _Look(hidden, shift if shift in ("superscript", "subscript") else "", font if is_symbol_font(font) else "")


def _form_value(begin: "_Element") -> str:
    """Return the value of a form field of old: whether its box is ticked, or the chosen entry of its list."""
    for one in begin.iter():
        if local_name(one) == "checkBox":
            states = {local_name(child): is_on(child) for child in one}
            return _TICKED if states.get("checked", states.get("default", False)) else _EMPTY
        if local_name(one) == "ddList":
            entries = [attribute(child, "val") or "" for child in one if local_name(child) == "listEntry"]
            chosen = {local_name(child): whole_number(attribute(child, "val")) for child in one}
            at = chosen.get("result", chosen.get("default", 0))
            return entries[at] if at < len(entries) else ""
    return ""
