"""A passage → its parts: paragraphs, items, fields, rows of tables, and blocks of code that stay whole. Pure.

It reads Markdown, reStructuredText, and the plain text that other formats become. Each part knows the term that it
defines (`.. option:: --all`), the head of its table, and whether the part before it announces it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

_FENCE = re.compile(r"(```+|~~~+)[ \t]*(\{?[\w+-]*\}?)")
_DIRECTIVE = re.compile(r"\.\. ((?:[\w+-]|:(?!:))++)::(?:[ \t]++([^\n]*+))?")
_OPTION = re.compile(r":[\w-]+:(?:[ \t]|$)")
_ITEM = re.compile(r"(?:[-*+\u2022]|\d{1,3}[.)]|#\.)[ \t]+(?=\S)")
_FIELD = re.compile(r":?\w[\w -]{0,40}:(?:[ \t]|$)")
_RULE = re.compile(r"[|:\s=+~*_-]+")
_COLUMNS = re.compile(r"=+(?:[ \t]+=+)+")
_GAP = re.compile(r"[ \t]{2,}")
_PROMPT = re.compile(r"(?:\$|>>>|\.\.\.|>|PS>|C:\\>)[ \t]")
_SHELL_LINE = re.compile(r"[a-z][\w.-]*(?:[ \t]+(?:-{1,2}\w|[\w./@:=~'\"-])[^\n]*)?")
_CODE_DIRECTIVES = frozenset(("code-block", "code", "sourcecode", "literalinclude", "parsed-literal", "prompt"))
_TEXT_DIRECTIVES = frozenset(
    "note warning tip hint important caution danger attention seealso versionadded versionchanged deprecated "
    "admonition tab topic rubric".split()
)
_SILENT_DIRECTIVES = frozenset("image figure toctree include contents index module currentmodule".split())
_TEXT_SIGNS = ("!", "[", "<", "*", "|", "`", "_", "(", '"')
"""What links, images, emphasis and asides begin with, and no line of code without a fence."""


class Kind(StrEnum):
    """What a part is."""

    PROSE = "prose"
    ITEM = "item"
    FIELD = "field"
    ROW = "row"
    CODE = "code"


@dataclass(frozen=True)
class Part:
    """`text` has single spaces, but that of code, which keeps its lines. `head` names the columns of a row."""

    kind: Kind
    text: str
    term: str = ""
    head: tuple[str, ...] = ()
    language: str = ""
    introduced: bool = False


@dataclass(frozen=True)
class _Line:
    indent: int
    text: str
    raw: str


def parts_of(text: str) -> list[Part]:
    """Return the parts of a passage in order; front matter is none."""
    lines = [_line(one) for one in without_front_matter(text).expandtabs(4).splitlines()]
    found = list(_parts(lines, ""))
    return [replace(one, introduced=at > 0 and _announces(found[at - 1])) for at, one in enumerate(found)]


def without_front_matter(text: str) -> str:
    """Return a text without the fields between two rules at its beginning, unless it is nothing else."""
    if not text.startswith("---\n"):
        return text
    _, rule, rest = text[4:].partition("\n---")
    return rest.partition("\n")[2] if rule and rest.strip() else text


def is_front_matter(text: str) -> bool:
    """Return whether a text is nothing but fields between two rules."""
    return text.startswith("---\n") and text.rstrip().endswith("\n---") and text.count("\n---") == 1


def _announces(part: Part) -> bool:
    return part.kind in (Kind.PROSE, Kind.ITEM) and part.text.endswith((":", "\uff1a"))


def _line(raw: str) -> _Line:
    text = raw.strip()
    while text.startswith("> ") or text == ">":
        text = text[1:].strip()
    return _Line(len(raw) - len(raw.lstrip()), text, raw.rstrip())


def _parts(lines: Sequence[_Line], term: str) -> Iterator[Part]:
    """Yield the parts of lines that stand below a term."""
    at = 0
    while at < len(lines):
        after, found = _next(lines, at, term)
        yield from found
        at = after


def _next(lines: Sequence[_Line], at: int, term: str) -> tuple[int, list[Part]]:
    """Return where the part that begins here ends, and the parts that it is made of."""
    line = lines[at]
    if not line.text or (_RULE.fullmatch(line.text) and "|" not in line.text and not _COLUMNS.fullmatch(line.text)):
        return at + 1, []
    if fence := _FENCE.match(line.text):
        return _fenced(lines, at, fence, term)
    if directive := _DIRECTIVE.match(line.text):
        return _directed(lines, at, directive, term)
    if _COLUMNS.fullmatch(line.text):
        return _simple_table(lines, at)
    if line.text.startswith("|") or " | " in line.text or line.text.startswith("+-"):
        return _table(lines, at)
    if _PROMPT.match(line.text):
        end = _while(lines, at, lambda one: bool(one.text))
        return end, [Part(Kind.CODE, _dedented(lines[at:end]), term)]
    return _paragraph(lines, at, term)


def _fenced(lines: Sequence[_Line], at: int, fence: re.Match[str], term: str) -> tuple[int, list[Part]]:
    end = _while(lines, at + 1, lambda one: not one.text.startswith(fence[1]))
    inside = lines[at + 1 : end]
    if fence[2].startswith("{") and fence[2].strip("{}") not in _CODE_DIRECTIVES:
        return end + 1, list(_parts(inside, term))
    code = _dedented(inside)
    return end + 1, [Part(Kind.CODE, code, term, language=fence[2].strip("{}"))] if code.strip() else []


def _directed(lines: Sequence[_Line], at: int, directive: re.Match[str], term: str) -> tuple[int, list[Part]]:
    """Read a directive of reStructuredText with the lines that are indented below it."""
    end = _below(lines, at)
    name, argument = directive[1].rpartition(":")[2], (directive[2] or "").strip()
    inside = [one for one in lines[at + 1 : end] if not _OPTION.match(one.text)]
    if name in _CODE_DIRECTIVES:
        code = _dedented(inside)
        return end, [Part(Kind.CODE, code, term, language=argument)] if code.strip() else []
    if name in _SILENT_DIRECTIVES:
        return end, []
    return end, list(_parts(inside, term if name in _TEXT_DIRECTIVES else argument or term))


def _below(lines: Sequence[_Line], at: int) -> int:
    """Return where the lines end that are indented below this one."""
    end = at + 1
    while end < len(lines) and (not lines[end].text or lines[end].indent > lines[at].indent):
        end += 1
    return end


def _while(lines: Sequence[_Line], at: int, holds: Callable[[_Line], bool]) -> int:
    while at < len(lines) and holds(lines[at]):
        at += 1
    return at


def _dedented(lines: Sequence[_Line]) -> str:
    kept = [one for one in lines if one.text]
    least = min((one.indent for one in kept[1:] or kept), default=0)
    return "\n".join(one.raw[min(least, one.indent) :] for one in lines).strip("\n")


def _simple_table(lines: Sequence[_Line], at: int) -> tuple[int, list[Part]]:
    """Read a table of reStructuredText whose cells stand two blanks apart."""
    end = _while(lines, at, lambda one: bool(one.text))
    rules = [n for n in range(at, end) if _RULE.fullmatch(lines[n].text)]
    rows = [tuple(_GAP.split(lines[n].text)) for n in range(at, end) if n not in rules]
    headed = len(rules) > 2 and rules[1] == rules[0] + 2
    return end, _rows(rows, headed=headed)


def _table(lines: Sequence[_Line], at: int) -> tuple[int, list[Part]]:
    end = _while(lines, at, lambda one: "|" in one.text or one.text.startswith("+-"))
    ruled = [n for n in range(at, end) if _RULE.fullmatch(lines[n].text)]
    rows = [_cells(lines[n].text) for n in range(at, end) if n not in ruled]
    headed = (at + 1 in ruled and not lines[at].text.startswith("+")) or (at in ruled and at + 2 in ruled)
    return end, _rows(rows, headed=headed or _is_head(rows))


def _is_head(rows: Sequence[tuple[str, ...]]) -> bool:
    """Return whether the first row names columns where no rule says so: it has no number, others have."""
    numbered = [any(map(str.isdigit, "".join(one))) for one in rows]
    named = ": " not in " ".join(rows[0]) if rows else False
    return len(rows) > 1 and named and not numbered[0] and any(numbered[1:]) and len(rows[0]) > 1


def _cells(line: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in line.strip("|").split("|"))


def _rows(rows: Sequence[tuple[str, ...]], *, headed: bool) -> list[Part]:
    head = rows[0] if headed and rows else ()
    kept = rows[1:] if head else rows
    return [Part(Kind.ROW, " | ".join(one), head=head if len(one) == len(head) else ()) for one in kept if any(one)]


def _paragraph(lines: Sequence[_Line], at: int, term: str) -> tuple[int, list[Part]]:
    """Read lines up to an empty one, or to the next item, field, fence or directive; code may follow `::`."""
    end = at + 1
    while end < len(lines) and lines[end].text and not _begins(lines, end):
        end += 1
    chosen = lines[at:end]
    if _is_code(chosen):
        return end, [Part(Kind.CODE, _dedented(chosen), term)]
    text = " ".join(one.text for one in chosen)
    item = _ITEM.match(text)
    kind = Kind.ITEM if item else Kind.FIELD if _is_field(text) else Kind.PROSE
    text = " ".join(text[item.end() if item else 0 :].split())
    if not text.endswith("::"):
        return end, [Part(kind, text, term)]
    after = _below(lines, end - 1) if end < len(lines) else end
    code = _dedented(lines[end:after])
    spoken = [Part(kind, text[:-1], term)] if text != "::" else []
    return after, [*spoken, *([Part(Kind.CODE, code, term)] if code.strip() else [])]


def _is_field(text: str) -> bool:
    return bool(_FIELD.match(text)) and not text.endswith(":")


def _begins(lines: Sequence[_Line], at: int) -> bool:
    text = lines[at].text
    if _FENCE.match(text) or _DIRECTIVE.match(text) or _ITEM.match(text) or text.startswith("|"):
        return True
    if _RULE.fullmatch(text):
        return True
    return bool(_FIELD.match(text)) and bool(_FIELD.match(lines[at - 1].text) or _ITEM.match(lines[at - 1].text))


def _is_code(lines: Sequence[_Line]) -> bool:
    """Return whether lines without a fence are code or commands: none is a sentence, an item or a field, and each has a
    sign of it."""
    return all(_looks_like_code(one.text) for one in lines)


def _looks_like_code(text: str) -> bool:
    if (
        _ITEM.match(text)
        or text.startswith(_TEXT_SIGNS)
        or text.endswith((".", "?", "!", ":", "\u3002"))
        or not text.isascii()
    ):
        return False
    signs = sum(text.count(one) for one in "(){}[];=<>$\\")
    words = text.split()
    if signs >= 2 and not text[0].isupper():
        return True
    return bool(_SHELL_LINE.fullmatch(text)) and any(one.startswith("-") or "/" in one for one in words[1:])
