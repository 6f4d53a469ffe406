"""Which passages hold the exact terms and the rare words of a question. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ragloop.answering.support.terms import content_words
from ragloop.language.exact import ExactTerm, TermKind, kind_of, standing
from ragloop.language.forms import searchable
from ragloop.language.function_words import FUNCTION_WORDS
from ragloop.language.words import is_unspaced, words

STEM_LETTERS = 5
MOST_TERMS = 16
"""Exact terms of a question that are looked for; a pasted log has hundreds."""
_TEXTS = 4_096
"""Texts whose words are kept, some 10 kB each: questions find the same passages again and again."""

Row = Mapping[str, Any]


def by_terms(rows: Iterable[Row], terms: Sequence[ExactTerm]) -> list[str]:
    """Rank the rows that hold exact terms: those with more of them first, rare ones weighing more."""
    held = {row["id"]: standing(terms, told_by(row)) for row in rows}
    count = Counter(term for found in held.values() for term in found)
    weight = {term: math.log(1 + len(held) / (1 + count[term])) for term in terms}
    scores = {one: sum(weight[term] for term in found) for one, found in held.items() if found}
    return sorted(scores, key=lambda one: (-scores[one], one))


def by_place(rows: Iterable[Row], terms: Sequence[ExactTerm]) -> list[str]:
    """Return the rows whose path or title holds a version that the question names, the most similar first."""
    versions = [one for one in terms if one.kind is TermKind.VERSION]
    found = [row for row in rows if standing(versions, f"{_path(row)} {row['title'] or ''}")]
    return [row["id"] for row in sorted(found, key=lambda row: (-row["similarity"], row["id"]))]


def told_by(row: Row) -> str:
    """Return all that a row tells: its text, its headings, its title and its path."""
    return " \n ".join((row["text"], row["heading"] or "", row["title"] or "", _path(row)))


def _path(row: Row) -> str:
    return " ".join((row["uri"] or "").replace("/", " ").split())


def seldom(question: str, rows: Iterable[Row]) -> list[str]:
    """Return the words of plain language in a question that at most one of these rows has."""
    asked = [one for one in plain_words(question) if not is_unspaced(one)]
    told = [_stems_of(told_by(row)) for row in rows] if asked else []
    return [one for one in asked if sum(_stem(one) in stems for stems in told) <= 1]


def plain_words(question: str) -> list[str]:
    """Return the words of a question that carry meaning and are no exact terms, sorted."""
    spoken = content_words(question) - FUNCTION_WORDS
    return sorted(one for one in spoken if len(one) > 2 and kind_of(one) is None)


def holds_word(text: str, word: str) -> bool:
    """Return whether a text has a word, whatever its ending."""
    return _stem(word) in _stems_of(text)


@lru_cache(maxsize=_TEXTS)
def _stems_of(text: str) -> frozenset[str]:
    return frozenset(map(_stem, words(text)))


def _stem(word: str) -> str:
    return searchable(word).casefold()[:STEM_LETTERS]
