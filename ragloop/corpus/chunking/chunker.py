"""Documents to chunks: content-defined boundaries, so that an edit makes few new chunk texts, wherever it stands. Pure.

Blocks (parts of them where they are larger than a chunk) are the units. Neighbouring units of one section are joined
while the result fits the budget, in the order of a hash of the text at their boundary. Whether two units are joined
depends on the few boundaries around them, so what an edit changes dies out within a chunk or two; filling chunks from
the start of the section would move every boundary behind the edit. The idea is that of content-defined chunking
(Muthitacharoen et al., "A Low-bandwidth Network File System", SOSP 2001), with units in the place of bytes.
benchmarks/chunk_stability.py measures it beside the alternatives. A change of any output changes versions.CHUNKER.
"""

import hashlib
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

from ragloop.corpus.chunking.cuts import RULES, RULES_OF_ROWS, joined, spans
from ragloop.corpus.parsing.document import Block, ParsedDocument
from ragloop.errors import DocumentError
from ragloop.hashes import sha256_of_text
from ragloop.language.forms import embeddable

CountTokens = Callable[[Sequence[str]], list[int]]
Join = Callable[[Sequence[int], Sequence[int], Sequence[int]], list[int]]
"""(size, key and room per unit) to the indices of the units that begin a chunk.

A key tells of the boundary before its unit, a room how large a chunk may be that begins with it."""

MOST_CHUNKS = 100_000
"""Most chunks of a document: what a sync holds of it at once, beside its text and its vectors. 64 MiB of prose have
80,000 of 200 tokens."""
MOST_HEADING_CHARACTERS = 64 * 2**20
"""Most characters of the headings that are stored with all chunks of a document: each has its whole path."""
LONG_BLOCK = 65_536
"""Characters of a block above which very short pieces are joined before chunks are made of them: millions of lines or
words of a few characters would take a minute and a gigabyte."""
_LEAST_CHARACTERS = 32
_CHARACTERS_PER_TOKEN = 20
_HEADING_SHARE = 4
_SEPARATOR = " > "
_KEY_CHARACTERS = 64
_GROUPED = 6
_HASH_BITS = 64
_START = attrgetter("start")
_COUNTED_TOGETHER = 32_768
_COUNTS_KEPT = 1_000_000
_WORD = re.compile(r"\w")


@dataclass(frozen=True)
class Chunk:
    """What is embedded, searched and cited.

    `text` is document.text[start:end]. Where that begins among the rows of a table, a line that names the columns, at
    most a quarter of the budget, stands above it and is no part of the span. `heading` is the whole path of section
    titles and the place of the first block; `embedded` has the innermost of the titles, at most another quarter, above
    the text. `text_hash` is the SHA-256 of `embedded` in hex. `tokens` counts `embedded`, as the sum over the units
    that the chunk joins.
    """

    heading: str
    start: int
    end: int
    text: str
    embedded: str
    text_hash: str
    tokens: int


class _Unit(NamedTuple):
    block: int
    start: int
    end: int
    tokens: int


class _Part(NamedTuple):
    """A part of a block that the rules before `rule` made."""

    block: int
    start: int
    end: int
    rule: int


def _numbers() -> "array[int]":
    return array("i")


@dataclass
class _Units:
    """Units by ascending offset, in columns: a document may have a unit for each of its words."""

    block: "array[int]" = field(default_factory=_numbers)
    start: "array[int]" = field(default_factory=_numbers)
    end: "array[int]" = field(default_factory=_numbers)
    tokens: "array[int]" = field(default_factory=_numbers)

    def add(self, units: Iterable[_Unit]) -> None:
        for block, start, end, tokens in units:
            self.block.append(block)
            self.start.append(start)
            self.end.append(end)
            self.tokens.append(tokens)

    def sizes(self, first: int, end: int) -> list[int]:
        return [_size(self.tokens[unit], self.end[unit] - self.start[unit]) for unit in range(first, end)]


@dataclass(frozen=True)
class _Prefix:
    text: str
    tokens: int
    room: int


@dataclass(frozen=True)
class _Header:
    """The names of a table's columns, as a line above rows of it."""

    text: str = ""
    tokens: int = 0
    size: int = 0


_NO_HEADER = _Header()


def join_by_hash(sizes: Sequence[int], keys: Sequence[int], rooms: Sequence[int]) -> list[int]:
    """Join neighbours by ascending key of the boundary between them while they fit; O(n log n).

    One pass is enough: pieces only grow, so a boundary that was passed over once can hardly be joined later.
    """
    count = len(sizes)
    first, last = array("q", range(count)), array("q", range(count))  # of the piece that begins (ends) here: its end
    total = array("q", sizes)  # by the unit that begins the piece
    starts = bytearray(b"\1") * count
    for right in sorted(range(1, count), key=keys.__getitem__):
        left = first[right - 1]
        if total[left] + total[right] <= rooms[left]:
            total[left] += total[right]
            last[left] = last[right]
            first[last[right]] = left
            starts[right] = False
    return [unit for unit in range(count) if starts[unit]]


def chunk(
    document: ParsedDocument, count_tokens: CountTokens, budget: int = 200, join: Join = join_by_hash
) -> list[Chunk]:
    """The chunks of a document, by ascending offset.

    `budget` is the most tokens that `embedded` may have; only a single character can exceed it. A token is taken to
    stand for at most 20 characters, since WordPiece counts any word above 100 characters as one. `count_tokens` takes
    texts to tokens per text, special tokens left out; the sum over parts must not be less than the count of the whole.
    """
    if budget < 1:
        raise ValueError(f"found a budget of {budget} tokens, expected at least 1")
    counter = _Counter(count_tokens)
    blocks = document.blocks
    prefixes = _prefixes({block.heading for block in blocks}, counter, budget)
    headers = _Headers(document, counter, budget // _HEADING_SHARE)
    units = _units(document, prefixes, headers, counter)
    headings: dict[tuple[tuple[str, ...], str], str] = {}
    chunks: list[Chunk] = []
    characters = 0
    for first, end in _runs(document, units):
        prefix = prefixes[blocks[units.block[first]].heading]
        rooms = headers.rooms(units, first, end, prefix.room)
        begins = [first + at for at in join(units.sizes(first, end), _keys(document, units, first, end), rooms)]
        for begin, after in zip(begins, [*begins[1:], end], strict=True):
            header = headers.above(units.block[begin], units.start[begin])
            chunks.append(_chunk(document, units, begin, after, prefix, header, headings))
            characters += len(chunks[-1].heading)
        _check(len(chunks), characters)
    return chunks


def _check(chunks: int, characters: int) -> None:
    if chunks > MOST_CHUNKS:
        raise DocumentError(
            f"found more than {MOST_CHUNKS:,} chunks, expected fewer; split the document, or raise index.chunk_tokens"
        )
    if characters > MOST_HEADING_CHARACTERS:
        raise DocumentError(
            f"found headings of more than {MOST_HEADING_CHARACTERS:,} characters over all chunks, expected fewer; "
            "shorten the titles of its sections, or split the document"
        )


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
    parts = heading.split(_SEPARATOR)
    for path in (parts, parts[:-1]):  # the last one may be a place
        if count_tokens is None:
            prefixes = [_above(path[first:]) for first in range(len(path) + 1)]
        else:
            counter, limit = _Counter(count_tokens), budget // _HEADING_SHARE
            prefixes = [
                _prefix([_shortened(title, limit, counter) for title in titles], counter, limit, budget).text
                for titles in _groupings(path)
            ]
        yield from (embedded_string(prefix, text) for prefix in prefixes)


def _groupings(parts: Sequence[str]) -> list[list[str]]:
    """The paths that read alike; of a path so long that they are many, itself only."""
    if not parts or len(parts) > _GROUPED:
        return [list(parts)]
    found = [[_SEPARATOR.join(parts)]]
    for end in range(1, len(parts)):
        found += [[_SEPARATOR.join(parts[:end]), *rest] for rest in _groupings(parts[end:])]
    return found


class _Counter:
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


def _size(tokens: int, characters: int) -> int:
    return max(tokens, -(-characters // _CHARACTERS_PER_TOKEN))


def _prefixes(paths: set[tuple[str, ...]], counter: _Counter, budget: int) -> dict[tuple[str, ...], _Prefix]:
    """Per heading path what stands above the text and how many tokens it leaves."""
    titles = sorted({title for path in paths for title in path})
    limit = budget // _HEADING_SHARE
    counter([_SEPARATOR, *(title for title in titles if len(title) <= limit * _CHARACTERS_PER_TOKEN)])
    shortened = {title: _shortened(title, limit, counter) for title in titles}
    return {path: _prefix([shortened[title] for title in path], counter, limit, budget) for path in paths}


def _shortened(title: str, limit: int, counter: _Counter) -> str:
    while len(title) > limit * _CHARACTERS_PER_TOKEN or _size(counter.one(title), len(title)) > limit:
        title = title[: len(title) // 2].rstrip()
    return title


def _prefix(path: Sequence[str], counter: _Counter, limit: int, budget: int) -> _Prefix:
    """The innermost titles that fit the limit."""
    kept: list[str] = []
    tokens = size = 0
    for title in reversed(path):
        added = counter.one(title) + (counter.one(_SEPARATOR) if kept else 0)
        if size + _size(added, len(title)) > limit:
            break
        kept.insert(0, title)
        tokens, size = tokens + added, size + _size(added, len(title))
    return _Prefix(_above(kept), tokens, budget - size)


def _above(titles: Sequence[str]) -> str:
    text = _SEPARATOR.join(title for title in titles if title)
    return text + "\n" if text else ""


class _Headers:
    """The headers of tables, each counted when its table is first cut: most tables fit a chunk."""

    def __init__(self, document: ParsedDocument, counter: _Counter, limit: int) -> None:
        self._document, self._counter, self._limit = document, counter, limit
        self._counted: dict[int, _Header] = {}

    def above(self, block: int, start: int) -> _Header:
        """Return what stands above a chunk or a part of one that begins at `start`: nothing, or the table's header."""
        span = self._document.blocks[block].header
        if span is None or start < span[1]:
            return _NO_HEADER
        if block not in self._counted:
            self._counted[block] = self._written(self._document.text[slice(*span)])
        return self._counted[block]

    def rooms(self, units: _Units, first: int, end: int, room: int) -> Sequence[int]:
        """Return per unit the most tokens of a chunk that begins with it."""
        rooms = array("q", (room,)) * (end - first)
        if self._counted:
            for unit in range(first, end):
                rooms[unit - first] -= self.above(units.block[unit], units.start[unit]).size
        return rooms

    def _written(self, source: str) -> _Header:
        """Return a header as one line; the borders drawn around it say nothing."""
        lines = (" ".join(line.split()) for line in source.splitlines() if _WORD.search(line))
        text = _shortened(" ".join(lines), self._limit, self._counter)
        tokens = self._counter.one(text)
        return _Header(f"{text}\n" if text else "", tokens, _size(tokens, len(text)))


def _units(
    document: ParsedDocument, prefixes: dict[tuple[str, ...], _Prefix], headers: _Headers, counter: _Counter
) -> _Units:
    """Blocks, and the parts of those that do not fit."""
    units = _Units()
    for parts in _together(_countable(document, prefixes, headers)):
        units.add(sorted(_fitting(document, parts, prefixes, headers, counter), key=_START))
    return units


def _countable(
    document: ParsedDocument, prefixes: dict[tuple[str, ...], _Prefix], headers: _Headers
) -> Iterator[_Part]:
    """Blocks and parts of blocks in order, none longer than a chunk may be, so that tokens decide whether it fits."""
    for index, block in enumerate(document.blocks):
        room = prefixes[block.heading].room
        whole = _Part(index, block.start, block.end, 0)
        if block.end - block.start <= room * _CHARACTERS_PER_TOKEN:
            yield whole
        else:
            if block.header:
                room -= headers.above(index, block.header[1]).size
            yield from _shorter(document, whole, room * _CHARACTERS_PER_TOKEN)


def _shorter(document: ParsedDocument, part: _Part, most: int) -> Iterator[_Part]:
    last = len(RULES[document.blocks[part.block].kind])
    for cut in _cut(document, part, most // _CHARACTERS_PER_TOKEN):
        if cut.end - cut.start <= most or cut.rule == last:
            yield cut
        else:
            yield from _shorter(document, cut, most)


def _cut(document: ParsedDocument, part: _Part, room: int) -> Iterator[_Part]:
    """Cut a part by its rule. The header of a table stays with the first row, a border with the row above it."""
    index, start, end, rule = part
    header = document.blocks[index].header
    if header is None or rule >= RULES_OF_ROWS:
        for left, right in _pieces(document, part, room):
            yield _Part(index, left, right, rule + 1)
        return
    kind = document.blocks[index].kind
    first, last, has_row = start, end, False
    for left, right in spans(document.text, max(start, header[1]), end, RULES[kind][rule]):
        is_row = _WORD.search(document.text, left, right) is not None
        if is_row and has_row:
            yield _Part(index, first, last, rule + 1)
            first = left
        last, has_row = right, has_row or is_row
    yield _Part(index, first, last, rule + 1)


def _pieces(document: ParsedDocument, part: _Part, room: int) -> Iterator[tuple[int, int]]:
    """Cut a part by its next rule; of a long block, very short pieces are joined."""
    block = document.blocks[part.block]
    rules = RULES[block.kind]
    pieces = spans(document.text, part.start, part.end, rules[part.rule])
    if block.end - block.start <= LONG_BLOCK or part.rule + 1 == len(rules):
        return pieces
    return joined(pieces, min(_LEAST_CHARACTERS, room // 2))


def _together(parts: Iterable[_Part]) -> Iterator[list[_Part]]:
    """Parts whose tokens are counted in one batch: all of a short document, some of a long one."""
    group: list[_Part] = []
    characters = 0
    for part in parts:
        group.append(part)
        characters += part.end - part.start + 1
        if characters >= _COUNTED_TOGETHER:
            yield group
            group, characters = [], 0
    if group:
        yield group


def _fitting(
    document: ParsedDocument,
    parts: list[_Part],
    prefixes: dict[tuple[str, ...], _Prefix],
    headers: _Headers,
    counter: _Counter,
) -> Iterator[_Unit]:
    """The parts, in no order; all that are too large are cut by their next rule at once."""
    text = document.text
    while parts:
        counts = counter([text[start:end] for _, start, end, _ in parts])
        smaller: list[_Part] = []
        for part, tokens in zip(parts, counts, strict=True):
            index, start, end, rule = part
            block = document.blocks[index]
            room = prefixes[block.heading].room
            if block.header:
                room -= headers.above(index, start).size
            if _size(tokens, end - start) <= room or rule == len(RULES[block.kind]):
                yield _Unit(index, start, end, tokens)
            else:
                smaller += _cut(document, part, room)
        parts = smaller


def _runs(document: ParsedDocument, units: _Units) -> Iterator[tuple[int, int]]:
    """(first, one past the last) of units that may be joined: of one heading path, white space between them only."""
    first = 0
    for unit in range(1, len(units.block)):
        left, right = units.block[unit - 1], units.block[unit]
        same = left == right or document.blocks[left].heading == document.blocks[right].heading
        if not same or document.text[units.end[unit - 1] : units.start[unit]].strip():
            yield first, unit
            first = unit
    if units.block:
        yield first, len(units.block)


def _keys(document: ParsedDocument, units: _Units, first: int, end: int) -> list[int]:
    """Per unit the rank of the boundary before it: inside a block, after a colon, any other. Weakest first.

    Within a rank the hash decides. It is made of the text at the boundary only, so that an edit further inside a unit
    leaves it as it was.
    """
    text, keys = document.text, [0]
    for unit in range(first + 1, end):
        start = units.start[unit]
        rank = 0
        if units.block[unit - 1] != units.block[unit]:
            rank = 1 if text[units.end[unit - 1] - 1] == ":" else 2
        keys.append(rank << _HASH_BITS | _hash(text[start : min(units.end[unit], start + _KEY_CHARACTERS)]))
    return keys


def _hash(text: str) -> int:
    joined = " ".join(text.split()).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(joined, digest_size=_HASH_BITS // 8).digest(), "big")


def _chunk(
    document: ParsedDocument,
    units: _Units,
    begin: int,
    after: int,
    prefix: _Prefix,
    header: _Header,
    headings: dict[tuple[tuple[str, ...], str], str],
) -> Chunk:
    """The chunk of some units. `headings` holds the written path of each that was asked for, which chunks share."""
    start, end = units.start[begin], units.end[after - 1]
    text, first = header.text + document.text[start:end], document.blocks[units.block[begin]]
    embedded = embedded_string(prefix.text, text)
    return Chunk(
        heading=_heading(first, headings),
        start=start,
        end=end,
        text=text,
        embedded=embedded,
        text_hash=sha256_of_text(embedded),
        tokens=prefix.tokens + header.tokens + sum(units.tokens[begin:after]),
    )


def _heading(block: Block, headings: dict[tuple[tuple[str, ...], str], str]) -> str:
    found = headings.get((block.heading, block.place))
    if found is None:
        found = _SEPARATOR.join((*block.heading, block.place) if block.place else block.heading)
        headings[block.heading, block.place] = found
    return found
