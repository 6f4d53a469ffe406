"""Where a block that is larger than a chunk may be cut, by kind of block and from the strongest cut to the weakest.

Every rule looks at the text around a cut only, so that an edit moves cuts near it and no others. Pure.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain, pairwise

from ragloop.corpus.parsing.document import Kind
from ragloop.language.sentences import sentence_ends
from ragloop.language.words import boundaries, has_unspaced

Cuts = Callable[[str, int, int], Iterator[int]]

_BLANK = re.compile(r"(?:\r\n?+|\n)(?:[^\S\r\n]*(?:\r\n?+|\n))+")  # possessive: CR LF is one line end
_LINE = re.compile(r"[\r\n](?P<indent>[^\S\r\n]*+)(?=\S)")  # the last of several line ends is enough
_ITEM = re.compile(
    r"(?:\r\n?|\n)(?P<indent>[^\S\r\n]*)(?=(?:[-*+\u2022]|\d{1,4}[.)]|\(?[a-zA-Z#][.)]|:[\w -]+:|\.\.|[|])[^\S\r\n])"
)
_BORDER = re.compile(r"(?:\r\n?|\n)[^\S\r\n]*+(?=\+[-=])")  # of a grid table of reStructuredText
_CELL = re.compile(r"[^\S\r\n]\|[^\S\r\n]")
_STOP = re.compile(r"[.!?\u2026][\"'\u201d\u2019)\]]*\s+")  # sentences may begin with a small letter
_WORD = re.compile(r"\s+")
_CLAUSE = re.compile(r"[,;:|&=\u055d\u060c\u061b\u104a\u1363-\u1366\u17d6\u3001\uff0c\uff1b\uff1a]")
# Runs without white space end after a character whose code is a multiple of 16, or after 64 characters.
_STOP_EACH, _LONGEST_RUN, _LONGEST_WORDS = 16, 64, 32
_STOPS = "".join(f"\\u{code:04x}" for code in range(0x20, 0xD800, _STOP_EACH))


def spans(text: str, start: int, end: int, cuts: Cuts) -> Iterator[tuple[int, int]]:
    """text[start:end] cut by one rule: the pieces without the white space around them, empty ones left out."""
    for left, right in pairwise(chain((start,), cuts(text, start, end), (end,))):
        piece = text[left:right]
        stripped = piece.strip()
        if stripped:
            begin = left + len(piece) - len(piece.lstrip())
            yield begin, begin + len(stripped)


def joined(pieces: Iterable[tuple[int, int]], least: int) -> Iterator[tuple[int, int]]:
    """Join pieces of fewer characters than `least` with those that follow them, until they have as many.

    After an edit the same pieces are joined again from the first one on that has enough by itself.
    """
    begin = end = -1
    for left, right in pieces:
        if begin >= 0 and right - left >= least:
            yield begin, end
            begin = -1
        begin, end = (left if begin < 0 else begin), right
        if end - begin >= least:
            yield begin, end
            begin = -1
    if begin >= 0:
        yield begin, end


def _after(pattern: re.Pattern[str]) -> Cuts:
    def cuts(text: str, start: int, end: int) -> Iterator[int]:
        return (found.end() for found in pattern.finditer(text, start, end) if start < found.end() < end)

    return cuts


def _least_indented(pattern: re.Pattern[str]) -> Cuts:
    """Cut before the lines that the pattern finds at the least indentation: what hangs below them stays with them."""

    def cuts(text: str, start: int, end: int) -> Iterator[int]:
        least = min((_indent(found) for found in pattern.finditer(text, start, end)), default=0)
        # A second time rather than kept: a block may have millions of lines.
        return (found.end() for found in pattern.finditer(text, start, end) if _indent(found) == least)

    return cuts


def _indent(found: re.Match[str]) -> int:
    return len(found["indent"].expandtabs(8))


@cache
def _run() -> re.Pattern[str]:
    # Compiled when it is first needed: it takes a quarter of a second, and a question never cuts a document.
    return re.compile(f"[^{_STOPS}]{{0,{_LONGEST_RUN - 1}}}(?:[{_STOPS}]|(?=.)|$)", re.DOTALL)


def _words(text: str, start: int, end: int) -> Iterator[int]:
    """Cut text without spaces between words, by the rule of runs; nothing of other text."""
    last = start
    for at in boundaries(text, start, end) if has_unspaced(text, start, end) else ():
        if ord(text[at - 1]) % _STOP_EACH == 0 or at - last >= _LONGEST_WORDS:
            yield at
            last = at


def _runs(text: str, start: int, end: int) -> Iterator[int]:
    return _after(_run())(text, start, end)


def _characters(text: str, start: int, end: int) -> Iterator[int]:
    return iter(range(start + 1, end))


_BLANKS, _ITEMS, _OUTLINE = _after(_BLANK), _least_indented(_ITEM), _least_indented(_LINE)
_FINE = (_after(_WORD), _after(_CLAUSE), _words, _runs, _characters)
_LINES = (_BLANKS, _OUTLINE, _OUTLINE, _OUTLINE, _after(_LINE), *_FINE)
_PROSE = (_BLANKS, _ITEMS, _ITEMS, _ITEMS, sentence_ends, _after(_STOP), *_FINE)

RULES: dict[Kind, tuple[Cuts, ...]] = {
    "paragraph": _PROSE,
    "list": _PROSE,
    "heading": _PROSE,
    "code": _LINES,
    "front-matter": _LINES,
    "table": (_after(_BORDER), _OUTLINE, _after(_LINE), _after(_CELL), *_FINE),
}
"""Rules by kind. Indentation is followed three levels down (a rule repeats), then every line may begin a part:
following it further would read deeply nested text once per level."""
RULES_OF_ROWS = 2
"""The first rules of a table cut between its rows. A row hangs together as the lines below it that are deeper do."""
