"""The lines of pages as paragraphs: words split at line ends made whole, lines that repeat on every page left out."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

from ragloop.corpus.parsing.table import one_line

ITEM = re.compile(r"(?:[-*\u2022\u2023\u25aa\u25cf\u25e6\uf0b7]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s")
SENTENCE_END = re.compile(r"[.!?:\u2026\u3002][\"'\u201d\u2019)\]]*$")
_SPLIT = "\ufffe"
_MARK = re.compile("[\ufffe\x02]")  # where PDFium took the hyphen and the line end away
_LINE_END_HYPHEN = re.compile(r"(?<=[^\W_])[-\u2010]\r?\n(?=[^\W_])")
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_LONGEST_WORD = 64
_SHORTEST_FULL_LINE = 30
_SHORTEST_NARROW_LINE = 16
_FULL = 0.8
_MOST_DIGITS = 0.15
_SUSPENDED = frozenset(("and", "or", "to", "und", "oder", "bis", "sowie"))
"""Words after a hyphen that stands for the rest of a word: "short- and long-term"."""
_FIRST = frozenset(
    "well self high low half long short full cross ex non two three four five six seven eight nine ten twenty thirty "
    "forty fifty sixty seventy eighty ninety".split()
)
_SECOND = frozenset(
    "aware based dependent driven free known level like old oriented powered quality related scale shaped sized "
    "specific step term year".split()
)
_SUFFIXES = frozenset("comings hand land lands less ness lessness light lights lighted ways wise".split())
_NUMBER = re.compile(r"\d{1,5}")
_EDGE = 2
"""Lines at the top and at the bottom of a page that may be a header or footer."""
_REPEATS = 3
_REPEATS_SHARE = 0.3


class Hyphens:
    """Makes words whole that were split at the end of a line; how the document writes them elsewhere decides."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._counted: Counter[str] | None = None

    def joined(self, text: str) -> str:
        """Return the text with each split word joined, its hyphen kept where the word is a compound."""
        if _SPLIT not in text:
            return text
        first, *following = text.split(_SPLIT)
        pieces = [first]
        last = first
        for piece in following:
            left, right = _last_word(last), _first_word(piece)
            before = last[: len(last) - len(left)]
            if right.lower() in _SUSPENDED:
                pieces.append("- ")
            elif self._is_compound(left, right, linked=before.endswith("-")):
                pieces.append("-")
            pieces.append(piece)
            last = piece if right != piece else left + right
        return "".join(pieces)

    def _is_compound(self, left: str, right: str, *, linked: bool) -> bool:
        if not left or not right:
            return True
        words = self._words
        first, second = left.lower(), right.lower()
        whole, parted = words[first + second], words[f"{first}-{second}"]
        if whole or parted:
            return parted > whole
        if left[-1].isdigit() or right[0].isdigit() or len(left) == 1:  # nobody splits a word after its first letter
            return True
        if right[0].isupper() and not (left.isupper() and right.isupper()):
            return True
        if linked and (first in words or len(first) < 4):
            return True
        return (first in _FIRST and len(second) > 3 and second not in _SUFFIXES) or (
            second in _SECOND and len(first) > 2
        )

    @property
    def _words(self) -> Counter[str]:
        if self._counted is None:
            found = list(chain.from_iterable(_WORD.findall(_without_split_words(text).lower()) for text in self._texts))
            inner = (part for word in found if word.count("-") > 1 for part in _pairs(word))
            self._counted = Counter(chain(found, inner))
        return self._counted


def _last_word(text: str) -> str:
    start = len(text)
    while start and start > len(text) - _LONGEST_WORD and text[start - 1].isalnum():
        start -= 1
    return text[start:]


def _first_word(text: str) -> str:
    end = 0
    while end < min(len(text), _LONGEST_WORD) and text[end].isalnum():
        end += 1
    return text[:end]


def _without_split_words(text: str) -> str:
    if _SPLIT not in text:
        return text
    pieces = text.split(_SPLIT)
    starts = [0, *(len(_first_word(piece)) for piece in pieces[1:])]
    ends = [*(len(piece) - len(_last_word(piece)) for piece in pieces[:-1]), len(pieces[-1])]
    return " ".join(piece[start:end] for piece, start, end in zip(pieces, starts, ends, strict=True))


def _pairs(word: str) -> Iterator[str]:
    parts = word.split("-")
    return (f"{one}-{other}" for one, other in pairwise(parts))


def marked(text: str) -> str:
    """Return a page's text with one mark wherever a line ends inside a word."""
    return _LINE_END_HYPHEN.sub(_SPLIT, _MARK.sub(_SPLIT, text))


def without_running_lines(texts: Sequence[str]) -> list[str]:
    """Return the pages' texts without the headers and footers that repeat, but for the first, and without page numbers.

    A line repeats where it is the same at the same edge of three pages and of a third of them, or differs in one number
    only, which counts the pages.
    """
    pages = [text.splitlines() for text in texts]
    if len(pages) < _REPEATS:
        return list(texts)
    for top in (True, False):
        for _ in range(_EDGE):
            if not _drop_edge(pages, top=top):
                break
    return [
        text if len(lines) == text.count("\n") + 1 else "\n".join(lines)
        for text, lines in zip(texts, pages, strict=True)
    ]


def _drop_edge(pages: list[list[str]], *, top: bool) -> bool:
    edges = [next((line for line in (lines if top else reversed(lines)) if line.strip()), "") for lines in pages]
    keys = [_keys(one_line(line), number) if line else [] for number, line in enumerate(edges)]
    counts = Counter(chain.from_iterable(keys))
    least = max(_REPEATS, _REPEATS_SHARE * len(pages))
    seen: set[tuple[str, int | None]] = set()
    dropped = False
    for lines, edge, found in zip(pages, edges, keys, strict=True):
        repeated = [key for key in found if counts[key] >= (least if key[1] is None else _REPEATS)]
        alone = sum(map(bool, map(str.strip, lines))) == 1
        if not repeated or (alone and repeated[0][1] is None):
            continue
        first, words = repeated[0] not in seen, any(map(str.isalpha, repeated[0][0]))
        seen.add(repeated[0])
        dropped = True
        if not (first and words and repeated[0][1] is None):
            at = lines.index(edge) if top else len(lines) - 1 - lines[::-1].index(edge)
            del lines[at]
    return dropped


def _keys(line: str, page: int) -> list[tuple[str, int | None]]:
    """Return what tells that a line repeats: itself, or itself but for a number and how that runs before the page's."""
    counted = [
        (f"{line[: one.start()]}\0{line[one.end() :]}", int(one.group()) - page) for one in _NUMBER.finditer(line[:300])
    ]
    return [(line, None), *counted] if any(map(str.isalpha, line)) else list(counted)


def paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a page, from its lines: a PDF does not mark them.

    A line about as long as most goes on in the next one, after a space; where most are short, as in a narrow column,
    only if that begins in lower case. A shorter one that ends a sentence ends its
    paragraph; any other (a heading, a row of a table, an address) keeps its line end. A word that is split counts as
    the end of a line.
    """
    lines = [one_line(line) for line in text.splitlines()]
    lengths = sorted(len(line) for line in text.replace(_SPLIT, "\n").splitlines())
    usual = _FULL * lengths[len(lengths) // 2] if lengths else 0
    full, narrow = max(_SHORTEST_FULL_LINE, usual), max(_SHORTEST_NARROW_LINE, usual)
    paragraph = ""
    goes_on = in_column = False
    for line in lines:
        if paragraph and (not line or (ITEM.match(line) and not ITEM.match(paragraph))):
            yield paragraph
            paragraph = ""
        goes_on = goes_on or (in_column and line[:1].islower())
        separator = " " if goes_on and not (ITEM.match(line) or _is_row(line)) else "\n"
        paragraph = f"{paragraph}{separator}{line}" if paragraph else line
        last = line.rpartition(_SPLIT)[2]
        goes_on = len(last) >= full and not _is_row(line)
        in_column = narrow <= len(last) < full and not _is_row(line) and not SENTENCE_END.search(line)
        if len(last) < full and SENTENCE_END.search(line):
            yield paragraph
            paragraph = ""
    if paragraph:
        yield paragraph


def _is_row(line: str) -> bool:
    """Return whether a line is a row of figures rather than prose."""
    return sum(map(str.isdigit, line)) > _MOST_DIGITS * len(line)
