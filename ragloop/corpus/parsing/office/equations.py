"""Equations of Office (OMML; ECMA-376, part 1, 22.1) as a line of text: (a+b)/2, x^2, sqrt(n)."""

from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import attribute, local_name

if TYPE_CHECKING:
    from lxml.etree import _Element

_APPLIED = "\u2061"  # an invisible sign between a function and what it is applied to


def equation(math: "_Element") -> str:
    """Return an equation in one line. Its depth is bounded by that of the XML parser."""
    return "".join(map(_part, math))


def _part(element: "_Element") -> str:
    name = local_name(element)
    if name == "t":
        return (element.text or "").replace(_APPLIED, "")
    if name.endswith("Pr") or name in ("del", "instrText"):
        return ""
    make = _MAKERS.get(name)
    return make(element) if make else equation(element)


def _child(element: "_Element", name: str) -> str:
    return next((equation(one) for one in element if local_name(one) == name), "")


def _group(text: str) -> str:
    """Return a term in brackets, unless it is one number or one letter."""
    return text if len(text) < 2 or text.replace(".", "").isalnum() or _is_bracketed(text) else f"({text})"


def _is_bracketed(text: str) -> bool:
    return text[0] in "([" and text[-1] in ")]" and not any(sign in text[1:-1] for sign in "()[]")


def _fraction(element: "_Element") -> str:
    return f"{_group(_child(element, 'num'))}/{_group(_child(element, 'den'))}"


def _scripts(element: "_Element") -> str:
    return _group(_child(element, "e")) + _limits(element)


def _limits(element: "_Element") -> str:
    low, high = _child(element, "sub"), _child(element, "sup")
    return (f"_{_group(low)}" if low else "") + (f"^{_group(high)}" if high else "")


def _root(element: "_Element") -> str:
    degree, under = _child(element, "deg"), _child(element, "e")
    return f"root({degree}, {under})" if degree else f"sqrt({under})"


def _sum(element: "_Element") -> str:
    return f"{_set(element, 'chr', '∫')}{_limits(element)} {_child(element, 'e')}".rstrip()


def _brackets(element: "_Element") -> str:
    inner = _set(element, "sepChr", "|").join(equation(one) for one in element if local_name(one) == "e")
    return f"{_set(element, 'begChr', '(')}{inner}{_set(element, 'endChr', ')')}"


def _function(element: "_Element") -> str:
    name, argument = _child(element, "fName"), _child(element, "e")
    return f"{name}{argument}" if argument[:1] in ("(", "[") else f"{name}({argument})" if argument else name


def _limit(element: "_Element") -> str:
    return f"{_child(element, 'e')}_{_group(_child(element, 'lim'))}"


def _matrix(element: "_Element") -> str:
    rows = (", ".join(equation(one) for one in row if local_name(one) == "e") for row in _named(element, "mr"))
    return f"[{'; '.join(rows)}]"


def _lines(element: "_Element") -> str:
    return "; ".join(equation(one) for one in element if local_name(one) == "e")


def _named(element: "_Element", name: str) -> "list[_Element]":
    return [one for one in element if local_name(one) == name]


def _set(element: "_Element", name: str, otherwise: str) -> str:
    """Return the character that the properties of an element name; `otherwise` where they name none."""
    for properties in element:
        if local_name(properties).endswith("Pr"):
            for one in properties:
                if local_name(one) == name:
                    return attribute(one, "val") or ""
    return otherwise


_MAKERS = {
    "f": _fraction, "sSup": _scripts, "sSub": _scripts, "sSubSup": _scripts, "rad": _root, "nary": _sum,
    "d": _brackets, "func": _function, "limLow": _limit, "limUpp": _limit, "m": _matrix, "eqArr": _lines,
}  # fmt: skip
