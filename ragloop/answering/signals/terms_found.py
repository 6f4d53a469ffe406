"""Which passages hold the exact terms and the rare words of a question. Pure."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ragloop.answering.support.terms import content_words
from ragloop.language.exact import ExactTerm, TermKind, kind_of, standing
from ragloop.language.forms import searchable
from ragloop.language.function_words import ASKING, FUNCTION_WORDS
from ragloop.language.words import apart, is_unspaced, words

STEM_LETTERS, ARABIC_LETTERS = 5, 4
"""First letters in which forms of a word agree. Arabic writes few vowels, so that its words are shorter: four letters
part right passages from others better, and rank them no better."""
_ARABIC = re.compile("[\u0621-\u064a]")
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


def weights(question: str, rows: Iterable[Row]) -> dict[str, float]:
    """Return the words that a passage must say to answer a question, each with its weight: the more rows have it, the
    less. Words that ask, and those that no dictionary has, are left out."""
    asked = [one for one in spoken_words(question) if searchable(one).casefold() not in ASKING]
    told = [_roots_of(told_by(row)) for row in rows] if asked else []
    held = {one: sum(_root(_stem(one)) in roots for roots in told) for one in asked}
    return {one: math.log(1 + len(told) / (1 + count)) for one, count in held.items()}


def said(text: str, weighed: Mapping[str, float]) -> float:
    """Return the share of these words that a text has, by their weight."""
    roots, whole = _roots_of(text), sum(weighed.values())
    return sum(weight for one, weight in weighed.items() if _root(_stem(one)) in roots) / whole if whole else 0.0


def spoken_words(question: str) -> list[str]:
    """Return the plain words of a question, and the characters of what is written without spaces, which often names a
    product in Latin letters."""
    spaced = apart(question)
    plain, unspaced = plain_words(spaced), {one for one in words(spaced) if is_unspaced(one)}
    return [*plain, *sorted(one for one in unspaced if len(one) == 1 or not plain)]


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


@lru_cache(maxsize=_TEXTS)
def _roots_of(text: str) -> frozenset[str]:
    return _stems_of(text) if text.isascii() else frozenset(map(_root, _stems_of(apart(text))))


def _root(stem: str) -> str:
    return stem[:ARABIC_LETTERS] if _ARABIC.match(stem) else stem
