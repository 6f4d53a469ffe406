"""DrawingML, which all three formats share: text, charts as tables, diagrams, and what pictures are said to show."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import attribute, local_name, whole_number
from ragloop.corpus.parsing.markup.formulas import lowered, raised
from ragloop.corpus.parsing.office.equations import equation
from ragloop.corpus.parsing.office.paragraphs import alternative
from ragloop.corpus.parsing.office.symbols import in_symbols, is_symbol_font
from ragloop.corpus.parsing.table import one_line

if TYPE_CHECKING:
    from lxml.etree import _Element

_MOST_POINTS = 100_000
_MOST_LEVELS = 8
_SAYS_NOTHING = re.compile(
    r"(?:\S+\.(?:png|jpe?g|gif|bmp|tiff?|emf|wmf|svg)|(?:picture|image|graphic|photo|logo|icon|bild|grafik) ?\d*)?$",
    re.IGNORECASE,
)
_LEFT_OUT = frozenset("pPr rPr endParaRPr Fallback".split())


def paragraphs(element: "_Element") -> str:
    """Return the paragraphs of a shape as lines."""
    lines = (_line(one).replace("\v", "\n").strip() for one in element.iter() if local_name(one) == "p")
    return "\n".join(filter(None, lines))


def _line(paragraph: "Iterable[_Element]") -> str:
    pieces: list[str] = []
    for one in paragraph:
        name = local_name(one)
        if name in ("r", "fld"):
            pieces.append(_run(one, pieces[-1][-1:] if pieces else ""))
        elif name == "br":
            pieces.append("\n")
        elif name == "tab":
            pieces.append("\t")
        elif name in ("oMath", "oMathPara"):
            pieces.append(equation(one))
        elif name == "AlternateContent":
            pieces.append(_line(alternative(one)))
        elif name not in _LEFT_OUT:
            pieces.append(_line(one))
    return "".join(pieces)


def _run(run: "_Element", before: str) -> str:
    text, font, shift = "", "", 0
    for one in run:
        name = local_name(one)
        if name == "t":
            text += one.text or ""
        elif name == "rPr":
            shift = _signed(attribute(one, "baseline"))
            font = next((attribute(sym, "typeface") or "" for sym in one if local_name(sym) == "sym"), "")
    if is_symbol_font(font):
        text = "".join(in_symbols(font, sign) if 0xF000 <= ord(sign) <= 0xF0FF else sign for sign in text)
    return raised(text, before) if shift > 0 else lowered(text, before) if shift < 0 else text


def _signed(value: str | None) -> int:
    sign = -1 if value and value.startswith("-") else 1
    return sign * whole_number((value or "").removeprefix("-").removesuffix("%"))


def description(properties: "_Element") -> str:
    """Return what the properties of a picture say that it shows; empty where they name a file or nothing."""
    said = one_line(attribute(properties, "descr") or attribute(properties, "title") or "")
    return "" if _SAYS_NOTHING.match(said) else said


def is_decorative(properties: "_Element") -> bool:
    """Return whether a picture is marked as one that says nothing."""
    return any(local_name(one) == "decorative" and attribute(one, "val") in ("1", "true") for one in properties.iter())


def diagram(data: "_Element") -> str:
    """Return the text of a SmartArt diagram from its data model: a line per point, with its depth.

    Points hang together by connections, a point without a parent in the document's order. Points that only present
    others hold no text of their own.
    """
    points: dict[str, str] = {}
    children: dict[str, list[tuple[int, str]]] = {}
    inner: set[str] = set()
    for number, one in enumerate(data.iter()):
        if local_name(one) == "pt":
            points[attribute(one, "modelId") or f"#{number}"] = one_line(paragraphs(one))
        elif local_name(one) == "cxn" and (attribute(one, "type") or "parOf") == "parOf":
            parent, child = attribute(one, "srcId") or "", attribute(one, "destId") or ""
            children.setdefault(parent, []).append((whole_number(attribute(one, "srcOrd")), child))
            inner.add(child)
    lines: list[str] = []
    seen: set[str] = set()
    roots = [one for one in points if one not in inner]
    left = [(one, 0) for one in reversed([*roots, *points])]  # those that hang together in a ring are begun anywhere
    while left:
        point, depth = left.pop()
        if point in seen or point not in points:
            continue
        seen.add(point)
        if points[point]:
            lines.append("  " * min(depth, 8) + "- " + points[point])
        below = depth + 1 if points[point] else depth
        left += [(child, below) for _, child in sorted(children.get(point, ()), reverse=True)]
    return "\n".join(lines)


def chart(root: "_Element") -> tuple[str, list[list[str]]]:
    """Return the title of a chart, and its values as they were last shown: a row per category, a column per series."""
    title = next((one for one in root.iter() if local_name(one) == "title" and _is_of_chart(one)), None)
    series = [one for one in root.iter() if local_name(one) == "ser"]
    columns = [
        (_name(one) or f"Series {n}", _points(one, ("cat", "xVal")), _points(one, ("val", "yVal")))
        for n, one in enumerate(series, start=1)
    ]
    named = next((shown for _, shown, _ in columns if shown), {})
    indices = sorted({index for _, shown, values in columns for index in (*shown, *values)})
    rows = [["", *[name for name, _, _ in columns]]]
    rows += [[named.get(at, str(at + 1)), *[values.get(at, "") for _, _, values in columns]] for at in indices]
    return one_line(paragraphs(title)) if title is not None else "", rows if indices else []


def _is_of_chart(title: "_Element") -> bool:
    parent = title.getparent()
    return parent is not None and local_name(parent) == "chart"


def _name(series: "_Element") -> str:
    text = next((one for one in series if local_name(one) == "tx"), None)
    if text is None:
        return ""
    return one_line(" ".join(one.text or "" for one in text.iter() if local_name(one) == "v"))


def _points(series: "_Element", kinds: tuple[str, ...]) -> dict[int, str]:
    """Return the cached values of a series by index; of categories with several levels the whole path."""
    found: dict[int, str] = {}
    for one in series:
        if local_name(one) not in kinds:
            continue
        levels = [part for part in one.iter() if local_name(part) == "lvl"][:_MOST_LEVELS] or [one]
        for level in reversed(levels):
            values = dict(_values(level))
            before = ""
            if len(levels) > 1:
                for index in range(max((*found, *values), default=-1) + 1):
                    before = values.get(index, before)
                    found[index] = f"{found[index]} {before}".strip() if index in found else before
            else:
                found.update(values)
    return found


def _values(level: "_Element") -> Iterator[tuple[int, str]]:
    for one in level.iter():
        if local_name(one) == "pt":
            index = whole_number(attribute(one, "idx"))
            value = next((child.text or "" for child in one if local_name(child) == "v"), "")
            if index < _MOST_POINTS:
                yield index, _shown(one_line(value))


def _shown(value: str) -> str:
    try:
        return f"{float(value):.15g}"
    except ValueError:
        return value
