"""Units → the text of an answer: sentences follow each other, code and rows of tables are blocks of their own. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragloop.language.blocks import FENCE
from ragloop.language.citations import defused
from ragloop.language.exact import is_identifier
from ragloop.language.sentences import CLOSING, END_MARKS
from ragloop.models.generation.quoting.layout import Kind, Part
from ragloop.models.generation.quoting.units import Unit, pieces_of, stems

MOST_CODE_LINES = 20
"""Longer code is quoted up to here: the citation leads to the rest."""
AROUND = 300
"""Characters of what follows a unit that are quoted with it where the unit lacks a word of the question."""
_PRONOUNS = frozenset(
    "it its this these that those they their he she his her both such here then otherwise instead also".split()
)
_GOES_ON = frozenset((Kind.PROSE, Kind.CODE, Kind.ITEM))


@dataclass(frozen=True)
class _Piece:
    """What is quoted of a passage at once. `is_line`: it stands on lines of its own."""

    text: str
    passage: int
    is_line: bool

    @property
    def marked(self) -> str:
        between = "\n" if self.text.startswith((FENCE, "|")) else " "
        return f"{self.text}{between}[{self.passage}]"


def composed(units: Sequence[Unit], asked: frozenset[str], *, shows_code: bool) -> str:
    """Write the answer that these units give, in their order, each piece with its mark and none twice.

    Where a unit lacks one of the words `asked`, what follows it is quoted with it. `shows_code`: whether the code that
    follows a sentence is quoted in any case.
    """
    pieces: dict[str, _Piece] = {}
    for unit in units:
        for piece in _pieces(unit, asked, shows_code=shows_code):
            pieces.setdefault(piece.text, piece)
    if shows_code and not any(one.startswith(FENCE) for one in pieces):
        code = [piece for piece in map(_nearest_code, units) if piece]
        pieces |= {one.text: one for one in code[:1]}
    answer, before = "", None
    for piece in pieces.values():
        parting = "" if before is None else "\n" if piece.is_line or before.is_line else " "
        answer += parting + piece.marked
        before = piece
    return answer


def _pieces(unit: Unit, asked: frozenset[str], *, shows_code: bool) -> Iterator[_Piece]:
    """Yield what is quoted for a unit: what must be said before it, the unit, and what goes on from it."""
    for sentence in _before(unit):
        yield _Piece(_sentence(sentence), unit.passage, is_line=False)
    yield _own(unit)
    after = list(_after(unit))
    if (shows_code and after and after[0].kind is Kind.CODE) or (_is_announcement(unit.text) and after):
        yield _of(after.pop(0), unit.passage)
    if unit.kind in _GOES_ON and asked - unit.words:
        for part in _up_to(after, AROUND):
            yield _of(part, unit.passage)


def _nearest_code(unit: Unit) -> _Piece | None:
    """Return the code of a unit's passage that stands nearest to it under the same term."""
    term = unit.parts[unit.part].term
    found = [n for n, part in enumerate(unit.parts) if part.kind is Kind.CODE and part.term == term]
    nearest = min(found, key=lambda n: (abs(n - unit.part), -n), default=None)
    return None if nearest is None else _of(unit.parts[nearest], unit.passage)


def _own(unit: Unit) -> _Piece:
    if unit.kind is Kind.ROW:
        return _Piece(_row(unit), unit.passage, is_line=True)
    piece = _of(Part(unit.kind, unit.text, language=unit.language), unit.passage)
    about = _about(unit)
    return _Piece(f"{about}: {piece.text}", unit.passage, piece.is_line) if about else piece


def _about(unit: Unit) -> str:
    """Return the option, setting or name that a sentence is said of, where it does not name it itself."""
    if unit.kind is Kind.CODE:
        return ""
    about = unit.term or unit.heading
    named = [one for one in about.split() if one.strip("/|,")]
    is_name = bool(named) and all(is_identifier(one.strip("`*,")) or one.startswith("-") for one in named)
    return about if is_name and not stems(about) <= stems(unit.text) else ""


def _before(unit: Unit) -> list[str]:
    """Return what must be said before a unit: who its pronoun is, what its code does."""
    if not unit.lead:
        return []
    first = unit.text.split(maxsplit=1)[0].strip(",*_`").casefold()
    if unit.kind is Kind.PROSE:
        return [unit.lead] if first in _PRONOUNS and not _is_announcement(unit.lead) else []
    return [unit.lead] if unit.kind is Kind.CODE else []


def _after(unit: Unit) -> Iterator[Part]:
    """Yield what follows a unit in its passage under the same term, sentence by sentence."""
    own = unit.parts[unit.part]
    rest = pieces_of(own)[unit.place + 1 :]
    yield from (Part(own.kind, one, own.term) for one in rest)
    for part in unit.parts[unit.part + 1 :]:
        if part.kind not in _GOES_ON or part.term != own.term:
            return
        yield from (Part(part.kind, one, part.term, language=part.language) for one in pieces_of(part))


def _up_to(parts: Sequence[Part], characters: int) -> Iterator[Part]:
    """Yield parts as long as they have no more characters together; none that announces what is not quoted."""
    chosen: list[Part] = []
    for part in parts:
        characters -= len(part.text)
        if characters < 0 and chosen:
            break
        chosen.append(part)
        if characters < 0:
            break
    while chosen and chosen[-1].kind is not Kind.CODE and _is_announcement(chosen[-1].text):
        chosen.pop()
    yield from chosen


def _is_announcement(sentence: str) -> bool:
    return sentence.rstrip("*_` ").endswith((":", "\uff1a"))


def _of(part: Part, passage: int) -> _Piece:
    if part.kind is Kind.CODE:
        lines = part.text.split("\n")[:MOST_CODE_LINES]
        return _Piece("\n".join((f"{FENCE}{part.language}", *lines, FENCE)), passage, is_line=True)
    if part.kind is Kind.PROSE:
        return _Piece(_sentence(part.text), passage, is_line=False)
    return _Piece(defused(part.text), passage, is_line=True)


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
