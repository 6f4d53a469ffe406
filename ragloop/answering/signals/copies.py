"""Passages that say nearly the same: copies of a document, and its versions. Pure."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ragloop.language.exact import ExactTerm, TermKind, standing
from ragloop.language.words import words

ALIKE, ALIKE_VERSIONS = 0.85, 0.5
"""Share of their words from which two passages count as copies, and as versions of one passage."""
LEAST_WORDS = 8
"""Shorter passages are alike by chance."""
_VERSION = re.compile(r"(?<![\w.])v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?![\w])")
_TEXTS = 4_096
"""Texts whose words are kept, some 10 kB each."""

Row = Mapping[str, Any]


class Kept(NamedTuple):
    """The rows of which none is a copy of another, and the copies that were passed over by the id of the row kept."""

    rows: list[Row]
    copies: dict[str, list[Row]]


def without_copies(rows: Sequence[Row], terms: Sequence[ExactTerm], most: int) -> Kept:
    """Return the first rows, at most so many, of which none is a copy of another.

    Of copies the one stays whose path or title has a version that is asked for; where none is asked for, the one of the
    newest version; else the first.
    """
    kept: list[Row] = []
    said: list[frozenset[str]] = []
    passed: list[list[Row]] = []
    for row in rows:
        told = _told(row["text"])
        at = next(
            (n for n, one in enumerate(said) if _is_copy(told, one) or _is_version(row, kept[n], told, one)), None
        )
        if at is not None:
            goes_before = _goes_before(row, kept[at], terms)
            passed[at].append(kept[at] if goes_before else row)
            if goes_before:
                kept[at], said[at] = row, told
        elif len(kept) < most:
            kept.append(row)
            said.append(told)
            passed.append([])
        else:
            break
    return Kept(kept, {row["id"]: copies for row, copies in zip(kept, passed, strict=True) if copies})


@lru_cache(maxsize=_TEXTS)
def _told(text: str) -> frozenset[str]:
    return frozenset(words(text))


def _is_copy(one: frozenset[str], other: frozenset[str]) -> bool:
    """Return whether two passages differ in few words, none of them a number, a name or an identifier."""
    telling = any(not word.islower() or any(map(str.isdigit, word)) for word in one ^ other)
    return min(len(one), len(other)) >= LEAST_WORDS and not telling and _share(one, other) >= ALIKE


def _is_version(row: Row, other: Row, told: frozenset[str], of_other: frozenset[str]) -> bool:
    """Return whether two passages stand at one place of two versions of a document, as their paths tell."""
    if row["heading"] != other["heading"] or version_of(row) == version_of(other):
        return False
    return _unversioned(row) == _unversioned(other) and _share(told, of_other) >= ALIKE_VERSIONS


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one else 0.0


def _unversioned(row: Row) -> str:
    return _VERSION.sub("*", row["uri"] or "")


def _goes_before(row: Row, other: Row, terms: Sequence[ExactTerm]) -> bool:
    versions = [one for one in terms if one.kind is TermKind.VERSION]
    asked, of_other = (bool(standing(versions, _place(one))) for one in (row, other))
    if versions:
        return asked and not of_other
    return row["document_id"] != other["document_id"] and version_of(row) > version_of(other) > ()


def version_of(row: Row) -> tuple[int, ...]:
    """Return the version in the path of a row, empty where there is none."""
    found = _VERSION.search(row["uri"] or "")
    return tuple(int(one) for one in found.groups(default="0")) if found else ()


def _place(row: Row) -> str:
    return f"{(row['uri'] or '').replace('/', ' ')} {row['title'] or ''}"
