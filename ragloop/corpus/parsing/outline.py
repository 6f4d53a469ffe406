"""The outline that every parser fills: section titles and blocks in, blocks with their heading paths out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ragloop.corpus.parsing.document import Block, Kind

_NEWLINE = re.compile(r"\r\n?|\n")


@dataclass
class Outline:
    """Section titles open at one point of a document, and the blocks so far.

    `root` is a title from the document's metadata: it heads what stands under no level-1 title, so that the chunks of a
    page whose name is only in its front matter say what they are about.
    """

    text: str
    root: str = ""
    blocks: list[Block] = field(default_factory=list)
    first_title: str = ""
    _open: list[tuple[int, str]] = field(default_factory=list)
    _path: tuple[str, ...] = ()
    _childless: tuple[int, int, tuple[str, ...], str] | None = None

    def __post_init__(self) -> None:
        self._path = self._current_path()

    def section(self, level: int, title: str, start: int, end: int, place: str = "") -> None:
        """Open the section whose title stands at text[start:end], and close those at its level and below."""
        if self._childless and self._open and self._open[-1][0] >= level:
            self._keep_title()
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        above = self._current_path()
        title = " ".join(title.split())
        if title:
            self._open.append((level, title))
        self._path = self._current_path()
        self.first_title = self.first_title or title
        self._childless = (start, end, above, place)

    def block(
        self,
        start: int,
        end: int,
        kind: Kind,
        place: str = "",
        header: tuple[int, int] | None = None,
        confidence: float | None = None,
    ) -> None:
        """Add text[start:end] without the white space around it; nothing where there is only white space.

        `header` is the span of the rows that name the columns of a table, which is left out where no row follows it.
        """
        span = strip_span(self.text, start, end)
        if span is None:
            return
        self._childless = None
        above = strip_span(self.text, *header) if header else None
        if above and not self.text[above[1] : span[1]].strip():
            above = None
        self.blocks.append(Block(*span, kind, self._path, place, above, confidence))

    def finish(self) -> tuple[Block, ...]:
        if self._childless:
            self._keep_title()
        return tuple(self.blocks)

    def _keep_title(self) -> None:
        assert self._childless is not None
        start, end, above, place = self._childless
        self._childless = None
        span = strip_span(self.text, start, end)
        if span is not None:
            self.blocks.append(Block(*span, "heading", above, place))

    def _current_path(self) -> tuple[str, ...]:
        titles = tuple(title for _, title in self._open)
        if self.root and not (self._open and self._open[0][0] == 1):
            return (self.root, *titles)
        return titles


def strip_span(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The offsets of text[start:end] without the white space around it, None if nothing is left."""
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return (start + left, start + len(piece.rstrip())) if left < len(piece) else None


def line_spans(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of every line without its newline; only CR, LF and CR LF end a line, not U+2028 or form feeds."""
    start = 0
    for newline in _NEWLINE.finditer(text):
        yield start, newline.start()
        start = newline.end()
    if start < len(text):
        yield start, len(text)
