"""What stands above the text of a chunk: the innermost titles, and the names of a table's columns."""

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.language.forms import embeddable

CountTokens = Callable[[Sequence[str]], list[int]]

CHARACTERS_PER_TOKEN = 20
SEPARATOR = " > "
HEADING_SHARE = 4
_GROUPED = 6
_COUNTS_KEPT = 1_000_000
_WORD = re.compile(r"\w")


@dataclass(frozen=True)
class Prefix:
    """The titles above a text, their tokens, and how many tokens they leave to it."""

    text: str
    tokens: int
    room: int


@dataclass(frozen=True)
class Header:
    """The names of a table's columns, as a line above rows of it."""

    text: str = ""
    tokens: int = 0
    size: int = 0


NO_HEADER = Header()


def embedded_string(above: str, text: str) -> str:
    """Return what is embedded of a text below its titles, alike for all line ends and all forms of its letters."""
    return embeddable((above + text).replace("\r\n", "\n"))


def embedded_strings(
    heading: str, text: str, count_tokens: CountTokens | None = None, budget: int = 200
) -> Iterator[str]:
    """What a chunk with this `heading` and `text` may have as `embedded`: which titles stand in it, neither says.

    With `count_tokens`, what `chunk` makes of the titles, though one is shortened or holds the separator; without, what
    it makes where no title is or does.
    """
    parts = heading.split(SEPARATOR)
    for path in (parts, parts[:-1]):  # the last one may be a place
        if count_tokens is None:
            prefixes = [_above(path[first:]) for first in range(len(path) + 1)]
        else:
            counter, limit = TokenCounter(count_tokens), budget // HEADING_SHARE
            prefixes = [
                _prefix([_shortened(title, limit, counter) for title in titles], counter, limit, budget).text
                for titles in _groupings(path)
            ]
        yield from (embedded_string(prefix, text) for prefix in prefixes)


def _groupings(parts: Sequence[str]) -> list[list[str]]:
    """The paths that read alike; of a path so long that they are many, itself only."""
    if not parts or len(parts) > _GROUPED:
        return [list(parts)]
    found = [[SEPARATOR.join(parts)]]
    for end in range(1, len(parts)):
        found += [[SEPARATOR.join(parts[:end]), *rest] for rest in _groupings(parts[end:])]
    return found


class TokenCounter:
    """Counts each distinct text once, a batch at a time, as long as the texts that it knows are not too many."""

    def __init__(self, count_tokens: CountTokens) -> None:
        self._count_tokens = count_tokens
        self._known: dict[str, int] = {"": 0}
        self._characters = 0

    def __call__(self, texts: Sequence[str]) -> list[int]:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._count_tokens(new), strict=True))
            self._characters += sum(map(len, new))
        counts = [self._known[text] for text in texts]
        if self._characters > _COUNTS_KEPT:
            self._known, self._characters = {"": 0}, 0
        return counts

    def one(self, text: str) -> int:
        """The count of one text, as a rule known by now."""
        known = self._known.get(text)
        return self([text])[0] if known is None else known


def size_of(tokens: int, characters: int) -> int:
    """Return what a text takes of a budget: its tokens, and at least one for each 20 characters."""
    return max(tokens, -(-characters // CHARACTERS_PER_TOKEN))


def prefixes_of(paths: set[tuple[str, ...]], counter: TokenCounter, budget: int) -> dict[tuple[str, ...], Prefix]:
    """Per heading path what stands above the text and how many tokens it leaves."""
    titles = sorted({title for path in paths for title in path})
    limit = budget // HEADING_SHARE
    counter([SEPARATOR, *(title for title in titles if len(title) <= limit * CHARACTERS_PER_TOKEN)])
    shortened = {title: _shortened(title, limit, counter) for title in titles}
    return {path: _prefix([shortened[title] for title in path], counter, limit, budget) for path in paths}


def _shortened(title: str, limit: int, counter: TokenCounter) -> str:
    while len(title) > limit * CHARACTERS_PER_TOKEN or size_of(counter.one(title), len(title)) > limit:
        title = title[: len(title) // 2].rstrip()
    return title


def _prefix(path: Sequence[str], counter: TokenCounter, limit: int, budget: int) -> Prefix:
    """The innermost titles that fit the limit."""
    kept: list[str] = []
    tokens = size = 0
    for title in reversed(path):
        added = counter.one(title) + (counter.one(SEPARATOR) if kept else 0)
        if size + size_of(added, len(title)) > limit:
            break
        kept.insert(0, title)
        tokens, size = tokens + added, size + size_of(added, len(title))
    return Prefix(_above(kept), tokens, budget - size)


def _above(titles: Sequence[str]) -> str:
    text = SEPARATOR.join(title for title in titles if title)
    return text + "\n" if text else ""


class Headers:
    """The headers of tables, each counted when its table is first cut: most tables fit a chunk."""

    def __init__(self, document: ParsedDocument, counter: TokenCounter, limit: int) -> None:
        self._document, self._counter, self._limit = document, counter, limit
        self._counted: dict[int, Header] = {}

    def above(self, block: int, start: int) -> Header:
        """Return what stands above a chunk or a part of one that begins at `start`: nothing, or the table's header."""
        span = self._document.blocks[block].header
        if span is None or start < span[1]:
            return NO_HEADER
        if block not in self._counted:
            self._counted[block] = self._written(self._document.text[slice(*span)])
        return self._counted[block]

    def rooms(self, blocks: Sequence[int], starts: Sequence[int], room: int) -> Sequence[int]:
        """Return the most tokens of a chunk that begins with each unit, given its block and where it begins."""
        rooms: Sequence[int] = array("q", (room,)) * len(blocks)
        if self._counted:
            sizes = (self.above(block, start).size for block, start in zip(blocks, starts, strict=True))
            return array("q", (room - size for size in sizes))
        return rooms

    def _written(self, source: str) -> Header:
        """Return a header as one line; the borders drawn around it say nothing."""
        lines = (" ".join(line.split()) for line in source.splitlines() if _WORD.search(line))
        text = _shortened(" ".join(lines), self._limit, self._counter)
        tokens = self._counter.one(text)
        return Header(f"{text}\n" if text else "", tokens, size_of(tokens, len(text)))
