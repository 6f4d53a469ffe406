"""Sentences of a document that speak to a model instead of to a reader. Pure.

Such a sentence names what only a model has: instructions that it was given, a system prompt, its answer or response; or
it plays another role of the conversation, or is written so that a reader does not see it. A manual that tells a person
what to do names none of these. It is found sentence by sentence. What follows it in its paragraph is left out with it,
since that is what it wants said; the rest of the passage can be read.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from unicodedata import normalize

from ragloop.hashes import sha256_of_text
from ragloop.language.sentences import CLOSING, COLONS, END_MARKS, sentences
from ragloop.language.spoken import RULES, Rule, is_spoken, possible

_UNSEEN = re.compile("[\U000e0020-\U000e007f]{3,}|(?:[a-zA-Z][\u200b\u200c\u2060]){6,}")
"""Letters of the block of tags, which no reader sees, and words that signs of no width cut into letters."""
_WIDTHLESS = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")
_ENCODED = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{24,4000}={0,2}(?![A-Za-z0-9+/=])")
_RUN = re.compile(r"[A-Za-z0-9+/]{24}")
_ENDS = END_MARKS | frozenset(COLONS)
_ITEM = re.compile(r"\s*(?:[-*+\u2022#>|`]|\d{1,4}[.)]\s)")
"""Begins what is no part of the paragraph before it: an item, a heading, a row, code."""
_LONGEST = 2_000
_VERSION = "1"
"""Change it where other sentences are found and no form of them changed."""
RULES_HASH = sha256_of_text("\n".join([_VERSION, *(rule.form.pattern for rule in RULES)]))[:16]
"""What was found by other rules than these has to be looked for anew."""


def is_planted(sentence: str, rules: Sequence[Rule] = RULES) -> bool:
    """Return whether a sentence speaks to a model; `rules` are those that it may have the form of."""
    if _UNSEEN.search(sentence):
        return True
    text = _plain(sentence[:_LONGEST])
    return is_spoken(text, rules) or any(is_spoken(one, rules) for one in _decoded(text))


def _possible(text: str) -> Sequence[Rule]:
    """Return the rules by which something may be found in a text, without looking at its sentences one by one."""
    if not text.isascii() and _UNSEEN.search(text):
        return RULES
    plain = _plain(text)
    if len(plain) > _LONGEST and _RUN.search(plain):
        return RULES  # what is cut off a sentence that long may be what cannot be decoded, or is too long for it
    return possible("\n".join([plain, *_decoded(plain)]))


def _plain(text: str) -> str:
    return text if text.isascii() else normalize("NFKC", _WIDTHLESS.sub("", text))


def _decoded(text: str) -> Iterator[str]:
    """Yield what stands in Base64 in a text, where that is text."""
    for found in _ENCODED.finditer(text):
        try:
            yield base64.b64decode(found[0] + "=" * (-len(found[0]) % 4), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            continue


@lru_cache(maxsize=2048)
def planted_spans(text: str) -> tuple[tuple[int, int], ...]:
    """Return where what is planted begins and ends: a sentence that speaks to a model, and what follows it."""
    rules = _possible(text)
    found = list[tuple[int, int]]()
    for start, end in spans_of(text, lambda sentence: is_planted(sentence, rules)) if rules else ():
        if not found or start >= found[-1][1]:
            found.append((start, _end_of_paragraph(text, end)))
    return tuple(found)


def _end_of_paragraph(text: str, at: int) -> int:
    """Return where the paragraph ends: with a line that ends a sentence, or before a line that begins another item."""
    begin = text.rfind("\n", 0, at) + 1
    for line in text[begin:].splitlines(keepends=True):
        own = line.rstrip()
        if begin > at and (not own or _ITEM.match(own)):
            break
        at = max(at, begin + len(own))
        if own.rstrip(CLOSING)[-1:] in _ENDS:
            break
        begin += len(line)
    return at


def spans_of(text: str, is_meant: Callable[[str], bool]) -> tuple[tuple[int, int], ...]:
    """Return where the sentences of a text begin and end that are meant."""
    return tuple(
        (begin + start, begin + end)
        for begin, line in _lines(text)
        for start, end in sentences(line)
        if is_meant(line[start:end])
    )


def _lines(text: str) -> Iterator[tuple[int, str]]:
    at = 0
    for line in text.splitlines(keepends=True):
        yield at, line
        at += len(line)
