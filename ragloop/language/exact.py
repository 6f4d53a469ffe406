"""Terms that are found as they stand: identifiers, error codes, versions, numbers and quoted phrases. Pure.

In Chinese, Japanese, Thai and others a term stands between characters that are words: `SR99` in `将SR99提升到`.
They are found whole or not at all: `v1.2.3` does not stand in `v1.2.30`, nor `max_size` in `max_size_mb`. A number
stands in another way of writing it, `1,048,576` in `1048576`, and a version in a later part of itself, `4.2` in
`4.2.1`.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from ragloop.language.forms import comparable
from ragloop.language.words import is_unspaced, without_unspaced

_QUOTED = re.compile(
    r"[\"\u201c\u201d\u201e\u00ab\u00bb`]([^\"\u201c\u201d\u201e\u00ab\u00bb`\n]{2,120})[\"\u201c\u201d\u00bb\u00ab`]"
)
_GROUPS = re.compile(r"(?<=\d)[,\u202f\u00a0'](?=\d{3})")
_PREFIX = re.compile(r"(?<![\u05d0-\u06ff])[\u05d0-\u06ff]++(?=[0-9A-Za-z])")
"""Conjunctions, prepositions and articles that Hebrew and Arabic write onto a number or a name."""
_AROUND = "()[]{}<>'\u2018\u2019*_\""
_ENDS = ".,;:!?\u2026\u061f\u3002\uff1f\uff01"
_STARTS = _ENDS.replace(".", "")
"""Where no space follows a comma; a point begins names such as `.NET`."""
_INNER = frozenset("_/\\:#$@=.")
"""Signs that stand inside identifiers, paths and assignments."""
_SIGNED = ("++", "#")
"""What the names of languages end with: C++, F#."""
_BEFORE_RELEASE = ("-rc", "-alpha", "-beta", "-dev", "-pre")
_LOOKED_AT = 8
"""Characters behind a term that say whether it goes on."""
_ORDINALS = ("st", "nd", "rd", "th")


class TermKind(StrEnum):
    """What a term is: a version and an identifier name one thing, a number counts something."""

    PHRASE = "phrase"
    VERSION = "version"
    IDENTIFIER = "identifier"
    NUMBER = "number"


class ExactTerm(NamedTuple):
    """A term of a question, as it is written there."""

    text: str
    kind: TermKind


@lru_cache(maxsize=4096)
def exact_terms(text: str) -> tuple[ExactTerm, ...]:
    """Return the terms of a question that must be found as they stand."""
    written = comparable(text)
    phrases = [ExactTerm(" ".join(one.split()), TermKind.PHRASE) for one in _QUOTED.findall(written)]
    apart = _PREFIX.sub(" ", without_unspaced(_QUOTED.sub(" ", written)))
    bare = map(_bare, apart.split())
    found = [ExactTerm(one, kind) for one in bare if (kind := kind_of(one))]
    return tuple(dict.fromkeys([*phrases, *found]))


def _bare(word: str) -> str:
    """Return a word without the marks around it and without the `'s` of a genitive."""
    found = word.strip(_AROUND).rstrip(_ENDS).lstrip(_STARTS).strip(_AROUND)
    return found[:-2] if found.endswith(("'s", "\u2019s")) else found


def kind_of(word: str) -> TermKind | None:
    """Return of what kind an exact term a word is; None for one of plain language."""
    plain = _GROUPS.sub("", word)
    if plain.isdigit():
        return TermKind.NUMBER
    if _is_version(plain):
        return TermKind.VERSION
    return TermKind.IDENTIFIER if is_identifier(word) else None


def _is_version(word: str) -> bool:
    """Return whether it is dotted numbers, after a `v` or before a suffix such as `-rc.1`."""
    first, *rest = word.removeprefix("v").removeprefix("V").split(".")
    if not rest:
        return word[:1] in "vV" and first.isdigit()
    return first.isdigit() and rest[0][:1].isdigit()


def is_identifier(word: str) -> bool:
    """Return whether no dictionary has a word: it mixes letters with digits or signs, or has capitals inside."""
    if not any(one.isalpha() for one in word) or (word[0].isdigit() and word.endswith(_ORDINALS)):
        return False
    if any(one.isdigit() for one in word) or word.endswith(_SIGNED) or word.startswith(("--", ".")):
        return True
    inner = word.strip(".")
    if any(one in _INNER for one in inner[1:-1]):
        return not _is_abbreviation(inner)
    return any(one.islower() and other.isupper() for one, other in pairwise(word))


def _is_abbreviation(word: str) -> bool:
    """Return whether points or slashes part single letters or plain words: `e.g`, `and/or`."""
    return all(len(one) == 1 for one in word.split(".")) or (
        "/" in word and not word.startswith("/") and word.replace("/", "").isalpha()
    )


def stands_in(term: ExactTerm, text: str) -> bool:
    """Return whether a text has the term as it stands, whatever its case."""
    return _stands(term, _folded(text))


def standing(terms: Sequence[ExactTerm], text: str) -> frozenset[ExactTerm]:
    """Return the terms that stand in a text."""
    folded = _folded(text) if terms else ""
    return frozenset(one for one in terms if _stands(one, folded))


@lru_cache(maxsize=1024)
def _folded(text: str) -> str:
    return " ".join(_GROUPS.sub("", comparable(text)).casefold().split())


def _stands(term: ExactTerm, text: str) -> bool:
    wanted = _folded(term.text)
    if term.kind is TermKind.VERSION:
        wanted = wanted.removeprefix("v")
    ends = ((at, at + len(wanted)) for at in _places(wanted, text))
    return any(
        _is_whole(term.kind, wanted, text[max(0, at - 2) : at], text[end : end + _LOOKED_AT]) for at, end in ends
    )


def _places(wanted: str, text: str) -> Iterator[int]:
    at = text.find(wanted) if wanted else -1
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)


def _is_whole(kind: TermKind, wanted: str, before: str, after: str) -> bool:
    """Return whether a term that stands between these texts is not a part of a longer one."""
    if kind is TermKind.VERSION:
        begins = not before or (before[-1] == "v" and not before[-2:-1].isalnum()) or not _goes_on(before[-1], ".")
        return begins and not _goes_on(after[:1]) and not after.startswith(_BEFORE_RELEASE)
    if wanted[:1].isalnum() and _goes_on(before[-1:], "." if kind is TermKind.NUMBER else ""):
        return False
    if wanted[:1] == "-" and before[-1:] == "-":
        return False
    if not wanted[-1:].isalnum() and wanted[-1:] != "_":
        return True
    return not _goes_on(after[:1]) and not (
        after[:1] in ("-", ".") and _goes_on(after[1:2]) and _is_longer(kind, after)
    )


def _is_longer(kind: TermKind, after: str) -> bool:
    """Return whether what follows a hyphen or a point belongs to the term: an identifier or a number goes on."""
    return after[0] == "." and after[1].isdigit() if kind is not TermKind.IDENTIFIER else after[1].isdigit()


def _goes_on(letter: str, others: str = "") -> bool:
    """Return whether a term does not end before a letter. One of a script without spaces begins another word."""
    return bool(letter) and ((letter.isalnum() and not is_unspaced(letter)) or letter == "_" or letter in others)
