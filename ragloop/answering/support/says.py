"""Whether a passage says what a sentence says, and in which of its statements. Pure.

One definition for citations in every lane, for closed-book answers, and for what a training row rests on: numbers with
their units, names and negations of the sentence stand together in one statement of the passage (in fields of one item
or cells of one row), with most of its other words; and no other statement that tells another number of that kind fits
the words better. It is lexical: it knows no synonyms, so it drops some sentences that are true.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby

from ragloop.answering.support.statements import Statement, statements
from ragloop.answering.support.terms import Terms, folded, plain, stems, telling, terms_of, tokens_of
from ragloop.language.opposites import opposed, singular
from ragloop.records import Passage

SHARE = 0.6
"""Share of a sentence's words that the statement must hold, its titles included."""
CLAUSE_SHARE = 0.9
"""The same where a part of the statement is negated and another is not."""
UNSPACED_SHARE = 0.9
"""The same for scripts without spaces, where a word is a character and names look like other words."""
FIT = 1.0
"""Share of the best statement's words of the question that the one with the answer must have."""
_SAID_IN = 3
"""Words from which on an answer may be said in other words; a shorter one is given as it stands."""
_CLAUSES = 8
_PASSAGES = 1_024
"""Passages whose statements are kept: each sentence of an answer is held against all of its passages."""
_LONGEST = 400
"""Words of a sentence; a longer one is said only where it is quoted."""

_PART = re.compile(r"[,;](?=\s)|\b(?:and|or|und|oder|et|ou|y|o)\b")
_CLAUSE = re.compile(
    r"[,:](?=\s)|[;()\u2013\u2014\uff0c\uff1b]|\b(?:but|while|although|though|however|whereas|aber|mais)\b"
)


@dataclass(frozen=True)
class Said:
    """A passage, by its position, and the statements of it that say something."""

    passage: int
    statements: tuple[Statement, ...]

    @property
    def digests(self) -> tuple[str, ...]:
        return tuple(one.digest for one in self.statements)


@dataclass(frozen=True)
class _Claim:
    terms: Terms
    tokens: Sequence[str]


@dataclass(frozen=True)
class _Place:
    """Statements that are read together, with the terms of what they hang under; `own` is without that.

    `elsewhere` are words that only other statements of the passage have.
    """

    passage: int
    statements: tuple[Statement, ...]
    own: Terms
    all: Terms
    elsewhere: frozenset[str] = frozenset()


def says(sentence: str, passages: Sequence[Passage]) -> list[Said]:
    """Find the passages that say what the sentence says, the best first."""
    claim = _Claim(terms_of(sentence), tokens_of(sentence))
    if not claim.terms.words:
        return []
    quoted = [found for n, one in enumerate(passages) if (found := _quoting(claim, n, one))]
    quoted_only = bool(quoted) or len(claim.tokens) > _LONGEST
    ranked = [] if quoted_only else _ranked(claim.terms, claim.terms, passages, lambda place: _holds(place, claim), 0.0)
    return _by_passage([*quoted, *ranked])


def answers(question: str, answer: str, passages: Sequence[Passage], fit: float = FIT) -> list[Said]:
    """Find the passages that give the answer to the question, the best first.

    What the answer only repeats of the question need not stand there, but numbers of the question must, as far as any
    statement that gives the answer has them. `fit` 0 takes it as true, and finds every statement that gives it.
    """
    asked, claim = terms_of(question), _Claim(terms_of(answer), tokens_of(answer))
    new = claim.terms.words - asked.words or claim.terms.words
    short = [singular(one) for one in folded(answer)]

    both = replace(claim.terms, words=claim.terms.words | asked.words)

    def gives(place: _Place) -> bool:
        held = [singular(one) for one in folded(_text(place.statements))]
        if _find(held, short) is not None:
            return not _is_of_another(place, both)
        return len(short) >= _SAID_IN and _holds(place, claim, new)

    return _by_passage(_ranked(claim.terms, asked, passages, gives, fit)) if new and len(short) <= _LONGEST else []


def _ranked(
    claim: Terms, asked: Terms, passages: Sequence[Passage], gives: Callable[["_Place"], bool], least: float
) -> list[_Place]:
    """Return the places that give it and that no other contradicts, best first."""
    places = [
        place
        for n, passage in enumerate(passages)
        for place in _places(n, passage.title, passage.heading, passage.text)
    ]
    given = _smallest([place for place in places if gives(place)])
    most = max((len(asked.numbers & place.all.exact) for place in given), default=0)
    counted = claim.kinds if claim is asked else claim.kinds - asked.kinds
    wanted = (claim.words | asked.words) - {number for _, number in counted}

    def fits(place: _Place) -> int:
        return len(wanted & place.all.words)

    best = max(map(fits, places), default=0)
    rival = max((fits(one) for one in places if _contradicts(one, claim)), default=0)
    given = [
        place
        for place in given
        if len(asked.numbers & place.all.exact) == most and fits(place) >= max(rival, least * best)
    ]
    return sorted(given, key=lambda place: -fits(place))


def _smallest(places: Sequence[_Place]) -> list[_Place]:
    """Leave out those that hold more statements than another among them needs."""
    single = {(place.passage, one) for place in places if len(place.statements) == 1 for one in place.statements}
    return [
        place
        for place in places
        if len(place.statements) == 1 or not any((place.passage, one) in single for one in place.statements)
    ]


def _contradicts(place: _Place, claim: Terms) -> bool:
    """Return whether it would say something else where it fits better: another number of a kind, or the negation."""
    kinds = {kind for kind, _ in claim.kinds}
    other = any(kind in kinds for kind, _ in place.own.kinds) and not place.own.kinds & claim.kinds
    return other or (len(place.statements) == 1 and place.all.negations != claim.negations and not claim.kinds)


def _holds(place: _Place, claim: _Claim, needed: frozenset[str] | None = None) -> bool:
    """Return whether the place says it: all numbers, units and names, as negated, and enough of the needed words."""
    terms = claim.terms
    needed = terms.words if needed is None else needed
    if len(place.statements) > 1 and not terms.measured:
        return False
    share = UNSPACED_SHARE if terms.unspaced else SHARE
    if not (_agrees(place.all, terms, needed, share) and needed & place.own.words):
        return False
    if opposed(claim.tokens, tokens_of(_text(place.statements))):
        return False
    if _is_of_another(place, terms) or _swapped(claim.tokens, tokens_of(_text(place.statements)), place.elsewhere):
        return False
    return place.all.negations == terms.negations or _holds_in_part(place, claim, needed)


def _is_of_another(place: _Place, claim: Terms) -> bool:
    """Return whether a number of the claim belongs to something else: in another part of the statement (a field of an
    item, or what `and`, a comma or a semicolon part) the claim's words stand beside another number of that kind."""
    fields = [one.text for one in place.statements]
    parts = [terms_of(one) for one in (fields if len(fields) > 1 else _PART.split(plain(fields[0])))]
    return any(_is_in_another_part(kind, number, parts, claim, len(fields) > 1) for kind, number in claim.kinds)


def _is_in_another_part(kind: str, number: str, parts: Sequence[Terms], claim: Terms, are_fields: bool) -> bool:
    """Decide this for one number.

    A later clause leaves out what it shares with the first one ("500 people work in Berlin and 300 in Paris"). So it is
    recognised by the words that it alone has, and a word that a later clause alone has is said of the number there.
    """
    numbers = {one for other, one in claim.kinds if other == kind}
    held = [{one for other, one in part.kinds if other == kind} for part in parts]
    own = next((n for n, one in enumerate(held) if number in one), None)
    others = [n for n, one in enumerate(held) if one - numbers and number not in one]
    if own is None or not others:
        return False
    every = frozenset(one for found in held for one in found)
    words = [part.words - every for part in parts]
    if are_fields:
        return max(len(claim.words & words[n]) for n in others) > len(claim.words & words[own])
    alone = words[own].difference(*(words[n] for n in range(len(parts)) if n != own))
    later = (words[n].difference(*words[:n]) & claim.words for n in others if n > own)
    return bool((own > min(others) and alone and not alone & claim.words) or any(later))


def _holds_in_part(place: _Place, claim: _Claim, needed: frozenset[str]) -> bool:
    """Return whether clauses that follow each other say it, where the whole negates more or less."""
    clauses = _CLAUSE.split(_text(place.statements))[:_CLAUSES]
    context = place.statements[0].context
    runs = (clauses[start:end] for start in range(len(clauses)) for end in range(start + 1, len(clauses) + 1))
    parts = (terms_of(" , ".join([context, *run])) for run in runs)
    return any(
        one.negations == claim.terms.negations and _agrees(one, claim.terms, needed, CLAUSE_SHARE) for one in parts
    )


def _agrees(held: Terms, claim: Terms, needed: frozenset[str], share: float) -> bool:
    together = claim.measured <= held.numbers and claim.names <= held.exact
    return together and len(needed & held.words) >= share * len(needed)


def _swapped(claim: Sequence[str], held: Sequence[str], elsewhere: frozenset[str]) -> bool:
    """Return whether the claim is the statement but for a number, a name, or a word of elsewhere in the place of
    another."""
    matcher = SequenceMatcher(None, [one.casefold() for one in held], [one.casefold() for one in claim], autojunk=False)
    operations = matcher.get_opcodes()
    same = sum(end - start for tag, _, _, start, end in operations if tag == "equal")
    if same < SHARE * len(claim):
        return False
    replaced = [(held[a:b], claim[c:d]) for tag, a, b, c, d in operations if tag == "replace"]
    return any(
        (telling(old) - telling(new) and telling(new) - telling(old))
        or (_stems_of(old) - _stems_of(new) and (_stems_of(new) - _stems_of(old)) & elsewhere)
        for old, new in replaced
    )


def _stems_of(tokens: Sequence[str]) -> frozenset[str]:
    return frozenset(stem for one in tokens for stem in stems(one))


def _by_passage(places: Sequence[_Place | Said]) -> list[Said]:
    found: dict[int, list[Statement]] = {}
    for place in places:
        found.setdefault(place.passage, []).extend(place.statements)
    return [Said(n, tuple(dict.fromkeys(ones))) for n, ones in found.items()]


@lru_cache(maxsize=_PASSAGES)
def _places(n: int, title: str, heading: str, passage: str) -> tuple[_Place, ...]:
    """Return each statement of a passage, then the fields and cells that belong together."""
    held = statements(heading, passage)
    above = terms_of(f"{title} , {heading}")
    groups = [tuple(ones) for _, ones in groupby(held, key=lambda one: one.group)]
    words = frozenset[str]().union(*(terms_of(one.text).words for one in held))
    found = []
    for ones in [*((one,) for one in held), *(group for group in groups if len(group) > 1)]:
        text, context = _text(ones), " , ".join(dict.fromkeys(one.context for one in ones))
        whole = _below(terms_of(f"{context} , {text}"), above, terms_of(ones[0].before))
        found.append(_Place(n, ones, terms_of(text), whole, words - whole.words))
    return tuple(found)


def _below(terms: Terms, above: Terms, before: Terms) -> Terms:
    """Add titles and the sentence before: they say what a statement is about; what they negate or count is not said
    again."""
    exact = terms.exact | above.exact | before.exact
    return replace(terms, words=terms.words | above.words, exact=exact, numbers=terms.numbers | above.numbers)


def _quoting(claim: _Claim, n: int, passage: Passage) -> Said | None:
    """Return the statements that the sentence stands in word for word, whole or as parts that follow each other."""
    wanted = [one.casefold() for one in claim.tokens]
    held = statements(passage.heading, passage.text)
    words = [(word, position) for position, one in enumerate(held) for word in folded(one.text)]
    at = _find([word for word, _ in words], wanted)
    if at is None:
        return None
    ones = tuple(held[position] for position in sorted({position for _, position in words[at : at + len(wanted)]}))
    # Whole statements say what they say; a part of one may leave out what negates it.
    is_whole = len(wanted) == sum(len(folded(one.text)) for one in ones)
    return Said(n, ones) if is_whole or _says_in_part(claim, n, ones) else None


def _says_in_part(claim: _Claim, n: int, ones: tuple[Statement, ...]) -> bool:
    """Return whether a part of these statements says it as they do, or clauses of them that follow each other."""
    whole = terms_of(" ".join(one.context for one in ones[:1]) + " , " + _text(ones))
    if whole.negations == claim.terms.negations:
        return True
    return _holds_in_part(_Place(n, ones, whole, whole), claim, claim.terms.words)


def _text(ones: Sequence[Statement]) -> str:
    return " , ".join(one.text for one in ones)


def _find(words: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Return where the wanted words follow each other; None where they do nowhere."""
    first = wanted[0] if wanted else None
    for at, word in enumerate(words):
        if word == first and list(words[at : at + len(wanted)]) == list(wanted):
            return at
    return None
