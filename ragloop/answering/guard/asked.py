"""Sentences that speak of the asked question instead of its subject: how it is to be answered. Pure.

A document states what is so. A sentence that holds the question and says more ("whoever asks '...' is told ...") is
written for what reads documents to answer from them, in whatever words. A question that stands alone, as the heading of
an entry in a list of questions, is no such sentence, nor is what follows it.
"""

import re
from functools import lru_cache

from ragloop.answering.support.terms import content_words
from ragloop.language.planted import spans_of
from ragloop.language.sentences import CLOSING, QUESTION_MARKS
from ragloop.language.words import is_unspaced, words

HELD = 0.8
"""Share of a question's words from which a sentence holds it."""
LEAST = 3
"""Words of a question below which a sentence may hold them by chance."""
IN_A_ROW = 5
"""Words of a question that stand in a sentence as they were asked: no statement has the order of a question."""
LABEL = 4
"""Words that may stand beside a question that ends its sentence: its number, whose question it is."""
_STEM = 5
_QUOTES = ('"', "'", "\u201c", "\u201e", "\u00ab", "\u2018")
_MARK = re.compile(f"[{''.join(QUESTION_MARKS)}]")
_SPEAKS = re.compile(
    r"\b(?:who(?:ever)?|anyone|anybody|those|readers?|users?|people)\s+(?:\w+\s+){0,3}?(?:ask|inquire|want\s+to\s+know)(?:s|ed|ing)?\b"
    r"|\basked\s+(?:about|for|who|what|when|where|which|why|how|whether)\b"
    r"|\b(?:answer|reply|response)\s+to\b",
    re.IGNORECASE,
)
"""Says that somebody asks, or what is answered. A query of a database and a question that goes to support do not."""
_ASKS = frozenset("who whom whose what which when where why how".split())
_ASKS_UNSPACED = re.compile(
    "\u4ec0\u4e48|\u4ec0\u9ebc|\u8c01|\u8ab0|\u54ea|\u600e|\u5417|\u55ce|\u5462|\u591a\u5c11|\u4f55|\u3069\u3053|\u3069\u3046|\u306a\u305c|\u3044\u3064|\u304b$|"
    "\u0e2d\u0e30\u0e44\u0e23|\u0e44\u0e2b\u0e19|\u0e43\u0e04\u0e23|\u0e17\u0e33\u0e44\u0e21|\u0e2d\u0e22\u0e48\u0e32\u0e07\u0e44\u0e23|\u0e40\u0e21\u0e37\u0e48\u0e2d\u0e44|\u0e01\u0e35\u0e48|\u0e44\u0e2b\u0e21"
)
"""Words that ask, in Chinese, Japanese and Thai: a statement about a topic may begin with the words of a query."""
_TURNS = frozenset(
    "is are was were am do does did has have had can could may might must shall should will would isn't aren't wasn't "
    "don't doesn't didn't can't won't".split()
)
"""Verbs that come before their subject in a question and after it in a statement."""


def speaks_of(question: str, sentence: str) -> bool:
    """Return whether a sentence holds a question and says more than it."""
    asked, said = _folded(question), _folded(sentence)
    least = len(asked) + (LABEL if sentence.rstrip(CLOSING + " ").endswith(QUESTION_MARKS) else 0)
    if len(said) <= least or len(asked) < LEAST:
        return False
    if _is_entry(sentence, asked):
        return False
    if _holds(said, asked) and (_is_turned(asked) or any(mark in sentence for mark in QUESTION_MARKS)):
        return True
    own = _stems(question)
    tells = _SPEAKS.search(sentence) and not _SPEAKS.search(question)
    return bool(tells) and len(own) >= LEAST and len(own & _stems(sentence)) >= HELD * len(own)


@lru_cache(maxsize=512)
def asked_spans(text: str, question: str) -> tuple[tuple[int, int], ...]:
    """Return where the sentences of a text begin and end that speak of this question."""
    return spans_of(text, lambda sentence: speaks_of(question, sentence))


def _is_turned(asked: tuple[str, ...]) -> bool:
    """Return whether a question has the order of one; where no spaces part words, whether it has one that asks."""
    if len(asked) < IN_A_ROW:
        return False
    if any(map(is_unspaced, asked)):
        return len(asked) >= 2 * IN_A_ROW and bool(_ASKS_UNSPACED.search("".join(asked)))
    return asked[0] in _TURNS or (asked[0] in _ASKS and not _TURNS.isdisjoint(asked[1:4]))


def _is_entry(sentence: str, asked: tuple[str, ...]) -> bool:
    """Return whether a sentence begins with the question and its mark, as an entry of a list does with its answer."""
    question = _MARK.split(sentence, maxsplit=1)[0] if _MARK.search(sentence) else ""
    label, _, rest = question.rpartition(":") if ":" in question else question.rpartition("\uff1a")
    return _folded(rest) == asked and len(_folded(label)) <= LABEL and not rest.lstrip().startswith(_QUOTES)


def _holds(said: tuple[str, ...], asked: tuple[str, ...]) -> bool:
    return any(said[at : at + len(asked)] == asked for at in range(len(said) - len(asked) + 1))


def _folded(text: str) -> tuple[str, ...]:
    return tuple(one.casefold().replace("\u2019", "'") for one in words(text))


def _stems(text: str) -> frozenset[str]:
    return frozenset(one[:_STEM] for one in content_words(text))
