"""Two documents that give two values for the same thing. Pure.

It is said only where both speak in the same words, under the same titles, of a quantity with its unit, a version or a
date, and differ in that value alone: a conflict that is none costs more trust than one that is not said.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragloop.answering.prompts import Cited
from ragloop.answering.support.statements import Statement, statements
from ragloop.answering.support.terms import Terms, content_words, terms_of
from ragloop.language.exact import TermKind, exact_terms, standing
from ragloop.records import Passage

ALIKE = 0.8
"""Share of the words of two statements that both must have."""
LEAST_WORDS = 3
"""Words that both must have: fewer are alike by chance."""
_TOLD = frozenset(("number",))
"""Kinds of values that are not compared: what a number without a unit counts, its sentence often leaves out."""
_DIGITS = re.compile(r"\d")
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True)
class Conflict:
    """A cited passage and another one, numbered from 1, the statements of both, and the two values."""

    cited: int
    other: int
    said: Statement
    statement: Statement
    values: tuple[str, str]


def conflict(question: str, cited: Cited, passages: Sequence[Passage]) -> Conflict | None:
    """Return the first statement of another document that gives another value than a cited one; None without one."""
    return next(_conflicts(question, cited, passages), None)


def _conflicts(question: str, cited: Cited, passages: Sequence[Passage]) -> Iterator[Conflict]:
    for n in cited.numbers:
        one = passages[n - 1]
        rests_on = frozenset(cited.rests_on[n])
        for said in statements(one.heading, one.text):
            value = _value(terms_of(said.text)) if said.digest in rests_on else None
            if value is None:
                continue
            for k, other in enumerate(passages, 1):
                if k != n and _are_of_one_thing(question, one, other):
                    yield from _against(n, k, said, value, other)


def _against(n: int, k: int, said: Statement, value: tuple[str, str], other: Passage) -> Iterator[Conflict]:
    told = terms_of(f"{said.context} , {said.text}")
    for rival in statements(other.heading, other.text):
        against = _value(terms_of(rival.text))
        if against is None or against[0] != value[0] or against[1] == value[1]:
            continue
        if _say_the_same(told, terms_of(f"{rival.context} , {rival.text}"), (value[1], against[1])):
            yield Conflict(n, k, said, rival, (value[1], against[1]))


def _value(terms: Terms) -> tuple[str, str] | None:
    """Return the one value of a statement with its kind; None where it has none, several, or other numbers besides."""
    return next(iter(terms.kinds)) if len(terms.kinds) == 1 and not {kind for kind, _ in terms.kinds} & _TOLD else None


def _say_the_same(one: Terms, other: Terms, values: tuple[str, str]) -> bool:
    first, second = ({word for word in terms.words if not _DIGITS.search(word)} for terms in (one, other))
    names = {name for name in one.names ^ other.names if not _DIGITS.search(name)}
    both = len(first & second)
    alike = both >= LEAST_WORDS and both >= ALIKE * len(first | second)
    return alike and not names and one.negations == other.negations


def _are_of_one_thing(question: str, one: Passage, other: Passage) -> bool:
    """Return whether two passages stand under the same titles in two documents, of which the question chooses none."""
    if one.document_id == other.document_id or _titles(one) != _titles(other):
        return False
    named = [term for term in exact_terms(question) if term.kind is TermKind.VERSION or _YEAR.fullmatch(term.text)]
    return not any(standing(named, f"{_place(passage)} {passage.text}") for passage in (one, other))


def _titles(passage: Passage) -> frozenset[str]:
    told = content_words(f"{passage.title} {passage.heading}")
    return frozenset(word for word in told if not _DIGITS.search(word))


def _place(passage: Passage) -> str:
    return f"{passage.uri.replace('/', ' ')} {passage.title} {passage.heading}"
