"""The units of a passage that can answer, each with what is read of it and what is quoted with it. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ragloop.language.forms import searchable
from ragloop.language.sentences import QUESTION_MARKS, sentences
from ragloop.language.words import words
from ragloop.models.generation.quoting.layout import Kind, Part, parts_of
from ragloop.records import Passage

STEM_LETTERS = 5
"""Words meet when they begin alike: "licence", "licensed" and "License" do, which endings alone would not give."""
READ_CHARACTERS = 400
"""Of a unit that are embedded; code goes on for pages."""
_TEXTS = 4_096
"""Texts whose words, and parts whose sentences are kept: questions find the same passages again and again."""
_MARKUP = re.compile(r"!?\[([^\[\]]*)\]\([^()]*(?:\([^()]*\)[^()]*)?\)|<[^<>]*>|(?<!\w)\w++://\S+")
_INNER = re.compile(r"[-_./+]")
_ROLE = re.compile(r":[\w:+-]{1,40}:`([^`<>]*)(?:<[^`<>]*>)?`")


@dataclass(frozen=True)
class Unit:
    """`text` is quoted, `read` is embedded, `words` are compared: its own and those of what it stands under.

    `parts` are those of its passage, `part` and `place` say which sentence of which of them it is. `lead` announces it,
    `heading` is the title right above it.
    """

    kind: Kind
    text: str
    read: str
    passage: int
    similarity: float
    words: frozenset[str]
    parts: Sequence[Part]
    part: int
    place: int
    lead: str
    heading: str

    @property
    def term(self) -> str:
        return self.parts[self.part].term

    @property
    def head(self) -> tuple[str, ...]:
        return self.parts[self.part].head

    @property
    def language(self) -> str:
        return self.parts[self.part].language

    @property
    def announces_code(self) -> bool:
        """Whether code follows its sentence, the last one of its part."""
        after = self.parts[self.part + 1 : self.part + 2]
        is_last = self.place == len(pieces_of(self.parts[self.part])) - 1
        return is_last and self.kind is not Kind.CODE and any(one.kind is Kind.CODE for one in after)


def units_of(passage: Passage, number: int, asked: frozenset[str]) -> list[Unit]:
    """Return the units of a passage: no questions, no announcements of what follows, no lines without a word."""
    parts = parts_of(passage.text)
    found = (
        _unit(passage, number, parts, at, place, asked)
        for at, part in enumerate(parts)
        for place in range(len(pieces_of(part)))
    )
    return [unit for unit in found if _answers(unit, passage)]


def _unit(passage: Passage, number: int, parts: Sequence[Part], at: int, place: int, asked: frozenset[str]) -> Unit:
    part = parts[at]
    pieces = pieces_of(part)
    piece, path = pieces[place], passage.heading.split(" > ")
    lead = pieces[place - 1] if place else _lead(parts, at)
    read = _read(piece, part, asked)
    context = f"{passage.title} {passage.heading} {part.term} {' '.join(part.head)}"
    above = f"{context} {lead}" if part.kind is Kind.CODE else context
    return Unit(
        part.kind,
        piece,
        _in_context(read, lead, part, passage),
        number,
        passage.similarity,
        stems(read) | stems(above) if stems(read) else frozenset(),
        parts,
        at,
        place,
        lead,
        path[-1],
    )


@lru_cache(maxsize=_TEXTS)
def pieces_of(part: Part) -> tuple[str, ...]:
    """Return the sentences of a part; code, rows and fields are one."""
    if part.kind in (Kind.CODE, Kind.ROW, Kind.FIELD):
        return (part.text,)
    return tuple(part.text[start:end] for start, end in sentences(part.text))


def _answers(unit: Unit, passage: Passage) -> bool:
    """Return whether a unit says something by itself, or announces code that does."""
    if len(unit.text) < 3 or not unit.words or unit.text in passage.heading.split(" > "):
        return False
    bare = unit.text.strip("*_` ")
    if unit.kind is Kind.CODE:
        return True
    is_announcement = unit.read.strip("*_` ").endswith((":", "\uff1a", "\u17d6"))
    return not bare.endswith(QUESTION_MARKS) and (not is_announcement or unit.announces_code)


def _lead(parts: Sequence[Part], at: int) -> str:
    """Return the sentence that announces a part: the last one of the paragraph before it, or before its list."""
    before = at - 1
    while before >= 0 and parts[at].kind is Kind.ITEM and parts[before].kind is Kind.ITEM:
        before -= 1
    if before < 0 or parts[before].kind not in (Kind.PROSE, Kind.ITEM):
        return ""
    spoken = pieces_of(parts[before])
    return spoken[-1] if spoken and (parts[at].kind is not Kind.PROSE or spoken[-1].endswith(":")) else ""


def _read(piece: str, part: Part, asked: frozenset[str]) -> str:
    """Return a piece without markup."""
    if part.kind is Kind.CODE:
        return piece
    read = _MARKUP.sub(r"\1 ", _ROLE.sub(r"\1", piece)).strip("*_` ")
    if read.endswith(":") and "://" in piece and asked & stems(read.replace("-", " ")):
        return piece  # "Home-page: https://…" answers who asks for the home page, and no one else
    return read


def _in_context(read: str, lead: str, part: Part, passage: Passage) -> str:
    """Return what is embedded: a line such as "License: MIT" means little without what says whose licence it is."""
    if part.head:
        cells = read.split(" | ")
        read = "; ".join(f"{name}: {cell}" for name, cell in zip(part.head, cells, strict=False))
    if part.kind is Kind.CODE:
        read = f"{lead} {read}".strip()
    about = part.term or passage.heading.split(" > ")[0]
    return (read if about.lower() in read.lower() else f"{about}: {read}")[:READ_CHARACTERS]


@lru_cache(maxsize=_TEXTS)
def stems(text: str) -> frozenset[str]:
    """Return lower-case words, cut to their first letters. What has a digit stays whole; of what has a sign inside the
    parts are words, too."""
    found = set[str]()
    for word in words(searchable(text).lower()):
        if any(map(str.isdigit, word)):
            found.add(word.removeprefix("v") if word[1:2].isdigit() else word)
            continue
        parts = [word] if word.isalpha() else [word, *_INNER.split(word)]
        found.update(part[:STEM_LETTERS] if part.isalpha() else part for part in parts if part)
    return frozenset(found)
