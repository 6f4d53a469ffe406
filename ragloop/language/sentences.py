"""Where sentences end, in any script. Every rule looks at the text around an end only.

Marks such as the full stop end a sentence where a space follows, and no lower-case letter after it; those of scripts
that write none of them inside a sentence end it as they stand. Thai and Lao have no mark: a space between two runs of
letters does. Closing quotes, brackets and marks of citations belong to the sentence before them.
"""

import re
from collections.abc import Iterator

from ragloop.language.citations import MARK

CLOSING = "\"'\u00bb\u2019\u201c\u201d)]}*_\u203a\u3009\u300b\u300d\u300f\u3011\u3015\uff02\uff07\uff09\uff3d\uff63"
"""Closing quotes and brackets, and the signs that end emphasis."""
_CLOSING = CLOSING.replace("]", r"\]")
_STOPS = ".!?\u2026\u0589\u06d4\u203c\u2047-\u2049"
"""Of Latin, Greek and Cyrillic texts; the full stops of Armenian and Urdu."""
_MARKS = (
    "\u061f\u0964\u0965\u0df4\u0f0d-\u0f11\u104b\u1362\u1367\u1368\u17d4\u17d5\u1803\u1809\u1b5e\u1b5f\u1c7e\u1c7f"
    "\u2e2e\u3002\ua9c9\uabeb\uff01\uff1f\uff61"
)
"""The question mark of Arabic; dandas; marks of Tibetan, Burmese, Amharic, Khmer, Mongolian, Balinese, Santali; those
of Chinese and Japanese."""
_SPACED = "\u0e01-\u0e45\u0e47-\u0e4e\u0e81-\u0ec5\u0ec7-\u0ecd"
"""Letters of Thai and Lao, without the sign that repeats a word, after which a space stands in any case."""
_RUN = 8
"""Letters that must stand on both sides of such a space: it parts short items of a list, too."""

_CITED = rf"(?:[^\S\r\n]*+{MARK})"
_END = re.compile(
    rf"(?<=[{_STOPS}])[{_CLOSING}]*+{_CITED}*+(?:\s++(?=\S))"
    rf"|(?<=[{_MARKS}])(?!\u179b\u17d4)(?:\s*+[{_MARKS}!?])*+[{_CLOSING}]*+{_CITED}*+\s*+"
    rf"|(?<=[{_SPACED}]{{{_RUN}}})\ +(?=[{_SPACED}]{{{_RUN}}})"
)
END_MARKS = frozenset(".!?\u2026\u0589\u06d4\u061f\u0964\u0965\u104b\u1362\u1367\u17d4\u3002\uff01\uff1f\uff61")
"""The marks that an answer's sentence may end with."""
QUESTION_MARKS = ("?", "\uff1f", "\u061f", "\u1367", "\u037e")
COLONS = (":", "\uff1a", "\u17d6")
_INITIAL = re.compile(r"\b[^\W\d_]\.$")
_TITLES = frozenset("dr mr mrs ms prof st mt messrs hon rev gen sgt capt hr fr vs".split())
_BEFORE_NUMBERS = frozenset(
    "no nr fig figs art abs abb vol pp p sec chap kap tab bd cap n\u00ba ca approx s.p num eq".split()
)
_GERMAN_MONTHS = tuple(
    "Januar Februar M\u00e4rz April Mai Juni Juli August September Oktober November Dezember".split()
)
_LAST_WORD = re.compile(r"([\w.]{1,12})\.$")
_LOOKED_BACK = 14


def sentence_ends(text: str, start: int = 0, end: int | None = None) -> Iterator[int]:
    """Yield where the sentences after the first one of text[start:end] begin."""
    stop = len(text) if end is None else end
    for found in _END.finditer(text, start, stop):
        at = found.end()
        if start < at < stop and not (_is_stop(text, found.start()) and _goes_on(text, found, start)):
            yield at


def sentences(text: str) -> list[tuple[int, int]]:
    """Return where each sentence of a text begins and ends, the white space around it left out."""
    begins = [0, *sentence_ends(text)]
    found = []
    for begin, after in zip(begins, [*begins[1:], len(text)], strict=True):
        piece = text[begin:after]
        if stripped := piece.strip():
            left = begin + len(piece) - len(piece.lstrip())
            found.append((left, left + len(stripped)))
    return found


def _is_stop(text: str, at: int) -> bool:
    return text[at - 1] in ".!?\u2026"


def _goes_on(text: str, found: re.Match[str], start: int) -> bool:
    """Return whether the sentence goes on behind a full stop: a lower-case letter follows, or it only shortens."""
    after = text[found.end()]
    if after.islower():
        return True
    before = text[max(start, found.start() - _LOOKED_BACK) : found.start()]
    if not before.endswith(".") or "[" in found[0]:
        return False
    if _INITIAL.search(before):
        return True
    last = _LAST_WORD.search(before)
    word = last[1].casefold() if last else ""
    if word.isdigit():
        return len(word) < 3 and text.startswith(_GERMAN_MONTHS, found.end())
    return word in _TITLES or (word in _BEFORE_NUMBERS and after.isdigit())
