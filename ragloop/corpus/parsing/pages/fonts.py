"""Whether the characters of a page are those that it shows: a font need not say which character a shape stands for."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage

_SAMPLE = 48
_SUSPECT = 0.1
_MOST_UNREADABLE = 0.2
_FEWEST_VOWELS = 0.22
_VOWELS_OF_PROSE = 0.26
"""Share of the characters that makes a page Latin prose without a look at its fonts."""
_COMMON, _FEWEST_COMMON = frozenset("etaoinsrhl"), 0.46
"""Letters that are common in the languages of Latin script, and the least share of them: .48 of Polish and Swahili, .77
of English and Finnish, and .17 to .34 of English with each letter moved by one to three places in the alphabet."""
_FEWEST_ASCII, _LONGEST_WORDS = 0.4, 25
_ONE_SCRIPT, _LOOKED_AT = 0.8, 1_000
_FEWEST_LETTERS = 0.5
_MOST_DIGITS = 0.4
_ENOUGH = 20
"""Characters that are needed to judge letters by their frequency."""
_RUN = re.compile(r"(\S)\1{2,}")
_UNREADABLE_SIGN = re.compile("[\x00\x01\x03-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd\U000f0000-\U0010ffff]")
_UNREADABLE = ("Co", "Cn", "Cs", "Cc")
_VOWELS = frozenset("aeiouy")


class Lines(NamedTuple):
    """The lines of a page that can be read, and how many there were that cannot."""

    text: str
    unreadable: int = 0


def readable_lines(page: "PdfTextPage", text: str) -> Lines:
    """Return the text of a page without the lines whose font does not say which characters it shows."""
    if sum(map(text.count, "aeiou")) > _VOWELS_OF_PROSE * len(text) and not _UNREADABLE_SIGN.search(text):
        return Lines(text)
    if _unmapped_share(page) >= _SUSPECT:
        return _without_unmapped(page)
    if not is_plausible(text, mapped=True):
        return Lines("", len(text.splitlines()))
    return Lines(text)


def is_plausible(text: str, *, mapped: bool) -> bool:
    """Return whether text may be what its page shows. Without `mapped` its font names no characters, and it may not.

    Digits and signs of any kind are plausible where the font names them. Where it does not, the codes of its shapes
    stand for the characters: vowels are then rare, or signs abound.
    """
    if mapped and sum(map(str.isalpha, text)) * 2 > len(text) and not _UNREADABLE_SIGN.search(text):
        return True
    text = _RUN.sub(r"\1", text)  # leaders between a title and its page number
    signs = [char for char in text if not char.isspace() and char not in "\ufffe\x02"]
    if not signs:
        return True
    unreadable = sum(char == "\ufffd" or unicodedata.category(char) in _UNREADABLE for char in signs)
    if unreadable > _MOST_UNREADABLE * len(signs):
        return False
    letters = sum(map(str.isalpha, signs))
    if mapped:
        others = len(signs) - letters - sum(map(str.isdigit, signs))
        return len(signs) < _ENOUGH or letters >= others or letters + others < _MOST_DIGITS * len(signs)
    if letters < _FEWEST_LETTERS * len(signs) or not _is_one_script([char for char in signs if char.isalpha()]):
        return False
    latin = [char for char in signs if char.isalpha() and char < "\u0250"]
    return len(latin) < _ENOUGH or _is_written(latin, len(text.split()))


def _is_written(latin: Sequence[str], words: int) -> bool:
    """Return whether so many words of Latin letters may be of any language that has the script."""
    counts = Counter(unicodedata.normalize("NFD", char)[0].lower() for char in latin)
    vowels, common = (sum(counts[char] for char in some) for some in (_VOWELS, _COMMON))
    return (
        vowels >= _FEWEST_VOWELS * len(latin)
        and common >= _FEWEST_COMMON * len(latin)
        and sum(map(str.isascii, latin)) >= _FEWEST_ASCII * len(latin)
        and len(latin) <= _LONGEST_WORDS * words
    )


def _is_one_script(letters: Sequence[str]) -> bool:
    """Return whether letters are of one script, Latin ones apart: codes of shapes fall into any."""
    names = Counter(unicodedata.name(char, "none").split()[0] for char in letters[:_LOOKED_AT])
    latin = names.pop("LATIN", 0)
    east = sum(names.pop(one, 0) for one in ("CJK", "HIRAGANA", "KATAKANA", "HANGUL"))
    return max(east, *names.values(), 0) + latin >= _ONE_SCRIPT * min(len(letters), _LOOKED_AT)


def _unmapped_share(page: "PdfTextPage") -> float:
    from pypdfium2 import raw

    count = page.count_chars()
    places = range(0, count, count // _SAMPLE + 1)
    handle = page.raw
    return sum(raw.FPDFText_HasUnicodeMapError(handle, at) == 1 for at in places) / len(places) if count else 0.0


def _without_unmapped(page: "PdfTextPage") -> Lines:
    from pypdfium2 import raw

    lines: list[list[tuple[str, bool]]] = [[]]
    for at in range(page.count_chars()):
        code = raw.FPDFText_GetUnicode(page, at)
        if code in (10, 13):
            lines.append([])
        else:
            hyphen = raw.FPDFText_IsHyphen(page, at) == 1 and not raw.FPDFText_HasUnicodeMapError(page, at)
            lines[-1].append(("\ufffe" if hyphen else chr(code), raw.FPDFText_HasUnicodeMapError(page, at) == 1))
    written = [("".join(char for char, _ in line), sum(wrong for _, wrong in line)) for line in lines if line]
    unmapped = [line for line, wrong in written if wrong * 2 > len(line)]
    if is_plausible("\n".join(unmapped), mapped=False):
        return Lines("\n".join(line for line, _ in written))
    return Lines("\n".join(line for line, wrong in written if wrong * 2 <= len(line)), len(unmapped))
