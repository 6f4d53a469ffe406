"""Passages that say nearly the same: copies of a document, and its versions. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ragloop.language.exact import ExactTerm, TermKind, standing
from ragloop.language.words import words

ALIKE = 0.85
"""Share of their words from which two passages count as copies."""
LEAST_WORDS = 8
"""Shorter passages are alike by chance."""
_VERSION = re.compile(r"(?<![\w.])v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?![\w])")

Row = Mapping[str, Any]


def without_copies(rows: Sequence[Row], terms: Sequence[ExactTerm], most: int) -> tuple[list[Row], int]:
    """Return the first rows, at most so many, of which none is a copy of another, and how many copies were passed over.

    Of copies the one stays whose path or title has a version that is asked for; where none is asked for, the one of the
    newest version; else the first.
    """
    kept: list[Row] = []
    said: list[frozenset[str]] = []
    passed = 0
    for row in rows:
        told = frozenset(words(row["text"].casefold()))
        at = next((n for n, one in enumerate(said) if _alike(told, one)), None)
        if at is not None:
            passed += 1
            if _goes_before(row, kept[at], terms):
                kept[at] = row
        elif len(kept) < most:
            kept.append(row)
            said.append(told)
        else:
            break
    return kept, passed


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return min(len(one), len(other)) >= LEAST_WORDS and len(one & other) >= ALIKE * len(one | other)


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
