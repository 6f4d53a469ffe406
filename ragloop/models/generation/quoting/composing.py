"""Units → the text of an answer: sentences follow each other, code and rows of tables are blocks of their own. Pure."""

from collections.abc import Iterator, Sequence

from ragloop.language.blocks import FENCE
from ragloop.language.citations import defused
from ragloop.language.sentences import CLOSING, END_MARKS
from ragloop.models.generation.quoting.layout import Kind, Part
from ragloop.models.generation.quoting.units import Unit

MOST_CODE_LINES = 20
"""Longer code is quoted up to here: the citation leads to the rest."""
SHORT = 160
"""Characters of a sentence up to which the next one of its paragraph is quoted with it."""
_PRONOUNS = frozenset(
    "it its this these that those they their he she his her both such here then otherwise instead also".split()
)


def composed(units: Sequence[Unit], asked: frozenset[str], *, shows_code: bool) -> str:
    """Write the answer that these units give, in their order, each piece with its mark and none twice.

    Where a short sentence lacks one of the words `asked`, the next one of its paragraph is quoted with it.
    `shows_code`: whether the code that follows a sentence is quoted with it, too.
    """
    lines: list[str] = []
    flows = False
    once = {
        text: (mark, is_line) for text, mark, is_line in reversed(list(_pieces(units, asked, shows_code=shows_code)))
    }
    for text, (mark, is_line) in reversed(once.items()):
        if is_line:
            lines.append(f"{text}\n{mark}" if text.startswith((FENCE, "|")) else f"{text} {mark}")
        elif flows:
            lines[-1] += f" {text} {mark}"
        else:
            lines.append(f"{text} {mark}")
        flows = not is_line
    return "\n".join(lines)


def _pieces(units: Sequence[Unit], asked: frozenset[str], *, shows_code: bool) -> Iterator[tuple[str, str, bool]]:
    """Yield each piece that is quoted with its mark, and whether it stands on lines of its own."""
    for unit in units:
        mark = f"[{unit.passage}]"
        yield from ((_sentence(one), mark, False) for one in _before(unit))
        if unit.kind is Kind.CODE:
            yield _fenced(unit.text, unit.language), mark, True
        elif unit.kind is Kind.ROW:
            yield _row(unit), mark, True
        elif unit.kind is Kind.PROSE:
            yield _sentence(unit.text), mark, False
        else:
            yield defused(unit.text), mark, True
        if _goes_on(unit, asked):
            yield _sentence(unit.follows), mark, False
        if unit.code_after and (shows_code or _is_announcement(unit.text)):
            yield _of_part(unit.code_after), mark, True


def _goes_on(unit: Unit, asked: frozenset[str]) -> bool:
    """Return whether the next sentence is quoted with a unit."""
    is_short = unit.kind is Kind.PROSE and len(unit.text) <= SHORT
    return bool(unit.follows) and is_short and not _is_announcement(unit.follows) and bool(asked - unit.words)


def _before(unit: Unit) -> list[str]:
    """Return what must be said before a unit: who its pronoun is, what its code does."""
    if not unit.lead:
        return []
    first = unit.text.split(maxsplit=1)[0].strip(",*_`").casefold()
    if unit.kind is Kind.PROSE:
        return [unit.lead] if first in _PRONOUNS and not _is_announcement(unit.lead) else []
    return [unit.lead] if unit.kind is Kind.CODE else []


def _is_announcement(sentence: str) -> bool:
    return sentence.rstrip("*_` ").endswith((":", "\uff1a"))


def _of_part(part: Part) -> str:
    return _fenced(part.text, part.language)


def _fenced(code: str, language: str) -> str:
    lines = code.split("\n")[:MOST_CODE_LINES]
    return "\n".join((f"{FENCE}{language}", *lines, FENCE))


def _row(unit: Unit) -> str:
    """Write a row of a table below the names of its columns."""
    if not unit.head:
        return defused(unit.text)
    head, rule = " | ".join(unit.head), " | ".join("---" for _ in unit.head)
    return "\n".join(f"| {one} |" for one in (head, rule, defused(unit.text)))


def _sentence(sentence: str) -> str:
    """Return a sentence of the document. It ends with a mark of its own, so that the next one is not taken for its
    rest, and what looks like a citation in it becomes (n), since it cites nothing here."""
    sentence = defused(sentence)
    ends = sentence.rstrip(CLOSING + "`")[-1:] in END_MARKS or _is_announcement(sentence)
    return sentence if ends else sentence + "."
