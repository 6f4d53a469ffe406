"""Name a topic by its most typical question, and find the words that set it apart. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import log

import numpy as np

from ragloop.language.forms import comparable
from ragloop.language.function_words import FUNCTION_WORDS
from ragloop.language.words import words
from ragloop.models import Vectors

TERMS = 4
LONGEST = 120
"""Characters of a name: one line of a table."""


def typical(texts: Sequence[str], vectors: Vectors, asked: Sequence[int]) -> str:
    """Return the question that is nearest to the mean of all, each as often as it was asked; the first of equals."""
    times = np.asarray(asked, np.float32)
    centre = times @ vectors
    return shortened(texts[int(np.argmax(np.round(vectors @ centre, 5)))])


def shortened(text: str) -> str:
    """Return a text as one line that fits a table."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"


def terms(texts: Sequence[str], everywhere: Mapping[str, int], questions: int) -> tuple[str, ...]:
    """Return the words that more questions of a topic have than of all `questions`, of which `everywhere` counts them.

    A word counts by its share in the topic times how many bits it tells. Words of one question alone tell nothing.
    """
    own = counted(texts)
    fewest = 2 if len(texts) > 1 else 1
    told = {
        word: count / len(texts) * log(count / len(texts) * questions / max(count, everywhere.get(word, 0)))
        for word, count in own.items()
        if count >= fewest
    }
    best = sorted(told, key=lambda word: (-told[word], word))
    return tuple(word for word in best if told[word] > 0 or questions == len(texts))[:TERMS]


def counted(texts: Sequence[str]) -> Counter[str]:
    """Count in how many of these questions each word stands that has a meaning of its own."""
    return Counter(word for text in texts for word in set(words(comparable(text).casefold())) - FUNCTION_WORDS)
