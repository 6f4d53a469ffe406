"""Words: what stands between spaces and signs, and in scripts without spaces a character or a word of ICU's dictionary.

Chinese, Japanese and Korean texts are compared by characters: a dictionary cuts a question and its answer differently,
and the particles of Korean are written into its words. Thai, Lao, Khmer and Burmese write a syllable in several
characters, so that their words are taken from ICU (docs/decisions/0014-word-boundaries.md).
"""

import re
from collections.abc import Iterator
from itertools import pairwise

_IDEOGRAPHS = "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HANGUL = "\uac00-\ud7af"
_CHARACTERS = _IDEOGRAPHS + _HANGUL
_BY_DICTIONARY = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0eff\u1000-\u1049\u1050-\u109f\u1780-\u17d3\u17d7\u17dc"
    "\ua9e0-\ua9ff\uaa60-\uaa7f"
)
MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u07a6-\u07b0\u0816-\u082d\u0859-\u085b\u08d3-\u0903"
    "\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0df3\u0f18\u0f19\u0f35\u0f37\u0f39\u0f3e\u0f3f\u0f71-\u0f84"
    "\u0f8d-\u0fbc\u135d-\u135f\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u200d\u20d0-\u20ff\ufe20-\ufe2f"
)
"""Signs that belong to the letter before them, which `\\w` leaves out: vowels of India's scripts, accents, joiners."""
_WORD = re.compile(
    rf"[{_CHARACTERS}]|[{_BY_DICTIONARY}]+"
    rf"|[^\W{_CHARACTERS}{_BY_DICTIONARY}](?:[\w{MARKS}.+-]*[\w{MARKS}+#])?"
)
_UNSPACED = re.compile(f"[{_IDEOGRAPHS}{_BY_DICTIONARY}]")
_UNSPACED_WORD = re.compile(f"[{_CHARACTERS}{_BY_DICTIONARY}]")
_UNSPACED_RUN = re.compile(f"[{_CHARACTERS}{_BY_DICTIONARY}]+")
_DICTIONARY_WORD = re.compile(f"[{_BY_DICTIONARY}]")
WINDOW = 65_536
"""Characters of a run that ICU takes at once: it holds about 50 bytes for each."""


def words(text: str) -> list[str]:
    """Return the words and numbers of a text in order, as they are written; see forms.comparable."""
    if text.isascii() or not _DICTIONARY_WORD.search(text):
        return _WORD.findall(text)
    return [text[start:end] for start, end in word_spans(text)]


def word_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the words of a text begin and end."""
    for found in _WORD.finditer(text):
        start, end = found.span()
        if end - start > 1 and _DICTIONARY_WORD.match(text, start):
            yield from pairwise((start, *boundaries(text, start, end), end))
        else:
            yield start, end


def is_unspaced(word: str) -> bool:
    """Return whether a word is a character or a part of a text that has no spaces between words."""
    return bool(_UNSPACED_WORD.match(word))


def apart(text: str) -> str:
    """Return a text with spaces around what is written without any: `nginx服务器` is read as a name and characters."""
    return text if text.isascii() else _UNSPACED_RUN.sub(r" \g<0> ", text)


def without_unspaced(text: str) -> str:
    """Return the text with a space in the place of each run of characters that `is_unspaced` tells."""
    return text if text.isascii() else _UNSPACED_RUN.sub(" ", text)


def is_latin(text: str) -> bool:
    """Return whether no more than half of the letters of a text are of another script than Latin."""
    if text.isascii():
        return True
    letters = [one for one in text if one.isalpha()]
    return 2 * sum(one > "\u024f" and not "\u1e00" <= one <= "\u1eff" for one in letters) <= len(letters)


def has_unspaced(text: str, start: int = 0, end: int | None = None) -> bool:
    """Return whether any of text[start:end] is of a script that puts no spaces between words."""
    return not text.isascii() and bool(_UNSPACED.search(text, start, len(text) if end is None else end))


def boundaries(text: str, start: int, end: int) -> Iterator[int]:
    """Yield where words end inside text[start:end], as ICU finds them: by dictionary where no spaces stand."""
    # It maps 40 MB when it is loaded, which a question in a script with spaces never needs.
    from icu4py.breakers import WordBreaker

    begin = start
    while begin < end:
        stop = min(end, begin + WINDOW)
        at = last = begin
        for word in WordBreaker(_accepted(text[begin:stop]), "en"):  # its segments() counts in UTF-16
            last, at = at, at + len(word)
            if at < stop:
                yield at
        if stop == end:
            return
        # The last word of a window may go on behind it.
        begin = last if last > begin else stop
        if begin == stop:
            yield stop


def _accepted(text: str) -> str:
    """Return a text as long that ICU takes: it refuses lone surrogates."""
    return text if text.isprintable() else text.encode("utf-8", "replace").decode()
