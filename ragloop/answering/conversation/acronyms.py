"""Short forms and what they stand for, as documents define them: "Time To Live (TTL)". Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

_SHORT = re.compile(r"\b[A-Z][A-Z0-9&]{1,6}(?=s?\b)")
_IN_BRACKETS = re.compile(r"\(([A-Z][A-Z0-9&]{1,6})s?\)")
_SPELLED = re.compile(r"\b([A-Z][A-Z0-9&]{1,6})s?\s{0,2}\(([A-Za-z][\w\- ]{2,80})\)")
_WORDS = re.compile(r"[A-Za-z][\w]*")
_LOOKED_BACK = 120
_SMALL = frozenset("of the and for in on to a an".split())
MOST_ASKED = 2
"""Short forms of a question that are looked for in the documents; 10 ms each."""
_COMMON = frozenset(
    "API CLI CSS CSV HTML HTTP HTTPS ID IP JSON OS PDF REST SQL SSH TCP TLS UDP UI URI URL USB UTC UTF XML YAML TOML "
    "CPU GPU RAM SDK IDE ASCII AND OR NOT GET PUT POST".split()
)
"""What everybody writes short: no document explains it, and a question for it needs none to."""


def short_forms(question: str) -> tuple[str, ...]:
    """Return the short forms in a question that documents may define; none of a question written in capitals."""
    found = tuple(dict.fromkeys(_SHORT.findall(question)))
    spoken = question.split()
    shouted = 2 * sum(one.isupper() for one in spoken) > len(spoken) > 2
    return () if shouted else tuple(one for one in found if one not in _COMMON)[:MOST_ASKED]


def meaning_in(short: str, texts: Iterable[str]) -> str:
    """Return what a short form stands for, as the first of these texts that defines it says; empty where none does."""
    for text in texts:
        for found, meaning in _definitions(" ".join(text.split())):
            if found == short:
                return meaning
    return ""


def _definitions(text: str) -> Iterator[tuple[str, str]]:
    """Yield the short forms that a text defines, each with the words whose first letters it is made of."""
    for found in _IN_BRACKETS.finditer(text):
        if meaning := _spelling(found[1], text[max(0, found.start() - _LOOKED_BACK) : found.start()]):
            yield found[1], meaning
    for found in _SPELLED.finditer(text):
        if _initials(found[2]) == found[1].casefold():
            yield found[1], found[2].strip()


def _spelling(short: str, before: str) -> str:
    """Return the words before a short form whose first letters it is made of, small words left out."""
    spans = [one.span() for one in _WORDS.finditer(before)]
    for start, _ in reversed(spans[-2 * len(short) :]):
        words = before[start:].strip()
        if _initials(words) == short.casefold() and _is_one_phrase(before, [one for one in spans if one[0] >= start]):
            return words
    return ""


def _is_one_phrase(text: str, spans: list[tuple[int, int]]) -> bool:
    return all(text[end:start] in (" ", "-") for (_, end), (start, _) in pairwise(spans))


def _initials(words: str) -> str:
    found = _WORDS.findall(words)
    return "".join(one[0] for one in found if one.casefold() not in _SMALL or one[0].isupper()).casefold()


def expanded(question: str, meanings: Mapping[str, str], standing: frozenset[str]) -> str:
    """Return the question with the meaning of each short form in its place, and the short form beside it where
    `standing` says that documents write it, too. A meaning that the question has already is not written again."""
    for short, meaning in meanings.items():
        if meaning.casefold() in question.casefold():
            continue
        written = f"{meaning} ({short})" if short in standing and f"({short})" not in meaning else meaning
        question = _replaced(question, short, written)
    return question


def _replaced(question: str, short: str, written: str) -> str:
    """Return the question with what is written in the place of the first short form that stands by itself."""
    at = question.find(short)
    while at >= 0:
        end = at + len(short)
        end += question[end : end + 1] == "s" and not _goes_on(question[end + 1 : end + 2])
        if not _goes_on(question[max(0, at - 1) : at]) and not _goes_on(question[end : end + 1]):
            return f"{question[:at]}{written}{question[end:]}"
        at = question.find(short, at + 1)
    return question


def _goes_on(sign: str) -> bool:
    return sign.isalnum() or sign in ("_", "-")
