"""Scores of an answer against a reference, 0 to 1: exact match and token F1.

The normalisation is that of SQuAD (Rajpurkar et al. 2016, evaluate-v1.1.py: lower case, no punctuation, no articles,
single spaces) with three changes, because the answers here are versions, licences and commands, where punctuation
carries meaning:

- Unicode: NFKC and case folding, and punctuation of every script is removed, not ASCII alone.
- A sign that stands between two digits stays ("3.9" is not "39", "1-2" is not "12"); commas that group thousands go
  ("1,000" is "1000"), any other comma between digits parts two tokens.
- A sign that changes what a number or a name means stays: comparisons before a number (">= 3.9" is ">=3.9", not "3.9"),
  a minus before a number, and plus or hash after a letter ("c++", "c#").

Where removing articles would leave nothing ("A"), they stay: two answers are never equal because both became empty.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

from ragloop.language.forms import comparable

_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_COMMA = re.compile(r"(?<=\d),(?=[\d<>=!~])")
_COMPARISON = re.compile(r"(===|[<>=!~]=|[<>=~≤≥])\s*(?=v?\d)")
_KEPT = re.compile(
    r"(?P<between>(?<=\d)[^\w\s](?=\d))"
    r"|(?P<comparison>(?<![<>=!~≤≥])[<>=!~≤≥]++(?=v?\d))"
    r"|(?P<minus>(?<![^\s(])-(?=\d))"
    r"|(?P<name>(?<=[^\W\d_])[+#]+(?!\w))"
)
_SIGN = re.compile(r"[^\w\s]|_")
"""What may be punctuation."""
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


@lru_cache(maxsize=65536)
def normalise(text: str) -> str:
    """Return the form in which answers and questions are compared: tokens parted by single spaces."""
    folded = unicodedata.normalize("NFKC", comparable(text)).casefold()
    folded = _COMMA.sub(" ", _THOUSANDS.sub(lambda found: found[0].replace(",", ""), folded))
    plain = _without_punctuation(_COMPARISON.sub(r"\1", folded))
    kept = " ".join(_ARTICLES.sub(" ", plain).split())
    return kept or " ".join(plain.split()) or " ".join(folded.split())


def tokens(text: str) -> list[str]:
    """Return the words of the normalised text, in order."""
    return normalise(text).split()


def exact_match(answer: str, reference: str) -> float:
    """Return 1.0 where both are equal once normalised, else 0.0."""
    return float(normalise(answer) == normalise(reference))


def token_f1(answer: str, reference: str) -> float:
    """Return the harmonic mean of token precision and recall, over bags of tokens (SQuAD). Two empty texts score 1."""
    given, wanted = Counter(tokens(answer)), Counter(tokens(reference))
    if not given or not wanted:
        return float(given == wanted)
    shared = sum((given & wanted).values())
    return 2 * shared / (sum(given.values()) + sum(wanted.values()))


def _without_punctuation(text: str) -> str:
    if not _SIGN.search(text):
        return text
    kept = {position for found in _KEPT.finditer(text) for position in range(*found.span())}

    def drop(sign: re.Match[str]) -> str:
        return sign[0] if sign.start() in kept or not _is_punctuation(sign[0]) else ""

    return _SIGN.sub(drop, text)


def _is_punctuation(character: str) -> bool:
    """Return whether a sign is punctuation of Unicode, or one of the ASCII symbols that SQuAD strips too."""
    return unicodedata.category(character).startswith("P") or character in "$+<=>^`|~≤≥"
