"""Formulas as a line of text: the TeX that a page holds beside them, else what MathML says, made linear."""

from typing import TYPE_CHECKING

from ragloop.corpus.parsing.table import one_line

if TYPE_CHECKING:
    from lxml.etree import _Element

_DISPLAY = "{\\displaystyle"
_DEEPEST = 64
_MARKS = {"msup": ("^",), "msub": ("_",), "msubsup": ("_", "^"), "mover": ("^",), "munder": ("_",), "mfrac": ("/",)}
_MARKS["munderover"] = _MARKS["msubsup"]
_DERIVED = ("annotation", "annotation-xml")


def formula(math: "_Element") -> str:
    """Return the text of a `<math>` element."""
    for annotation in math.iter("annotation"):
        if "tex" in annotation.get("encoding", "").lower():
            return tex("".join(map(str, annotation.itertext())))
    return tex(math.get("alttext", "")) or one_line(_linear(math, 0))


def tex(source: str) -> str:
    """Return TeX as one line, without what only sets its size."""
    source = one_line(source)
    if source.startswith(_DISPLAY) and source.endswith("}"):
        return source.removeprefix(_DISPLAY)[:-1].strip()
    return source


def raised(text: str, before: str) -> str:
    """Return a superscript as it reads in a line: a power, a note's number, or the end of an ordinal."""
    bare = text.strip("[]()")
    if not bare or not bare.isascii() or not any(map(str.isalnum, bare)) or bare.lower() in _ENDINGS:
        return text
    if not before or before.isspace():
        return f"[{bare}] " if bare.isdecimal() else f"{text} "
    return text if text != bare else f"^{_enclosed(text)}"


def lowered(text: str, before: str) -> str:
    """Return a subscript as it reads in a line: H2O, and v_max."""
    if not text.isascii() or not any(map(str.isalnum, text)) or (text.isdecimal() and before.isalpha()):
        return text
    return f"_{_enclosed(text)}"


_ENDINGS = frozenset("st nd rd th tm sm er re e eme me le de o a os as ers".split())


def _enclosed(text: str) -> str:
    return text if text.lstrip("+-−").replace(".", "").isalnum() else f"({text})"


def _linear(element: "_Element", depth: int) -> str:
    if depth > _DEEPEST:
        return "".join(map(str, element.itertext()))
    tag = str(element.tag)
    parts = [_linear(child, depth + 1) for child in element if child.tag not in _DERIVED]
    if tag in _MARKS and len(parts) == len(_MARKS[tag]) + 1:
        marked = zip(_MARKS[tag], parts[1:], strict=True)
        first = _enclosed(parts[0]) if tag == "mfrac" else parts[0]
        return first + "".join(mark + _enclosed(part) for mark, part in marked)
    if tag in ("msqrt", "mroot"):
        return f"sqrt({', '.join(parts)})"
    between = {"mtr": ", ", "mtable": "; ", "mfenced": ", "}.get(tag, "")
    text = (element.text or "") + between.join(filter(str.strip, parts))
    return f"({text})" if tag == "mfenced" else text if tag == "mtext" else text.strip()
