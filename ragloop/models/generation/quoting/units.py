"""The units of a passage that can answer, each with what is read of it and what is quoted with it. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ragloop.language.forms import searchable
from ragloop.language.sentences import QUESTION_MARKS, sentences
from ragloop.language.words import words
from ragloop.models.generation.quoting.layout import Kind, Part, parts_of
from ragloop.records import Passage

STEM_LETTERS = 5
"""Words meet when they begin alike: "licence", "licensed" and "License" do, which endings alone would not give."""
READ_CHARACTERS = 400
"""Of a unit that are embedded; code goes on for pages."""
_MARKUP = re.compile(r"!?\[([^\[\]]*)\]\([^()]*(?:\([^()]*\)[^()]*)?\)|<[^<>]*>|(?<!\w)\w++://\S+")
_INNER = re.compile(r"[-_./+]")
_ROLE = re.compile(r":[\w:+-]{1,40}:`([^`<>]*)(?:<[^`<>]*>)?`")


@dataclass(frozen=True)
class Unit:
    """`text` is quoted, `read` is embedded, `words` are compared. `part` is its place in the passage, `position` among
    the units of all passages.

    `lead` announces it and `follows` goes on from it; both may be quoted with it. `own` are the words of its text.
    """

    kind: Kind
    text: str
    read: str
    passage: int
    part: int
    words: frozenset[str]
    own: frozenset[str]
    similarity: float
    score: float
    lead: str = ""
    follows: str = ""
    term: str = ""
    head: tuple[str, ...] = ()
    language: str = ""
    code_after: Part | None = None


def units_of(passage: Passage, number: int, asked: frozenset[str]) -> list[Unit]:
    """Return the units of a passage: no questions, no announcements of what follows, no lines without a word."""
    parts = parts_of(passage.text)
    context = stems(f"{passage.title} {passage.heading}")
    found = []
    for at, part in enumerate(parts):
        pieces = _sentences(part)
        for n, piece in enumerate(pieces):
            read = _read(piece, part, passage, asked)
            own = stems(read) | stems(" ".join(part.head))
            is_last = n == len(pieces) - 1
            after = parts[at + 1] if is_last and at + 1 < len(parts) else None
            code = after if after and after.kind is Kind.CODE and part.kind is not Kind.CODE else None
            if not own or not _answers(piece, part, passage, code):
                continue
            lead = pieces[n - 1] if n else _lead(parts, at)
            found.append(
                Unit(
                    part.kind,
                    piece,
                    _in_context(read, lead, part, passage),
                    number,
                    at,
                    own | context | stems(part.term) | (stems(lead) if part.kind is Kind.CODE else frozenset()),
                    own,
                    passage.similarity,
                    passage.score,
                    lead,
                    "" if is_last else pieces[n + 1],
                    part.term,
                    part.head,
                    part.language,
                    code,
                )
            )
    return found


def _sentences(part: Part) -> list[str]:
    if part.kind in (Kind.CODE, Kind.ROW, Kind.FIELD):
        return [part.text]
    return [part.text[start:end] for start, end in sentences(part.text)]


def _answers(piece: str, part: Part, passage: Passage, code: Part | None) -> bool:
    """Return whether a piece says something by itself, or announces code that does."""
    if len(piece) < 3 or piece in passage.heading.split(" > "):
        return False
    if part.kind is Kind.CODE:
        return True
    bare = piece.strip("*_` ")
    return not bare.endswith(QUESTION_MARKS) and (not bare.endswith((":", "\uff1a", "\u17d6")) or code is not None)


def _lead(parts: Sequence[Part], at: int) -> str:
    """Return the sentence that announces a part: the last one of the paragraph before it, or before its list."""
    before = at - 1
    while before >= 0 and parts[at].kind is Kind.ITEM and parts[before].kind is Kind.ITEM:
        before -= 1
    if before < 0 or parts[before].kind not in (Kind.PROSE, Kind.ITEM):
        return ""
    spoken = _sentences(parts[before])
    return spoken[-1] if spoken and (parts[at].kind is not Kind.PROSE or spoken[-1].endswith(":")) else ""


def _read(piece: str, part: Part, passage: Passage, asked: frozenset[str]) -> str:
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
