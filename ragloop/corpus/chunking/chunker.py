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

from ragloop.corpus.chunking.above import (
    CHARACTERS_PER_TOKEN,
    HEADING_SHARE,
    SEPARATOR,
    CountTokens,
    Header,
    Headers,
    Prefix,
    TokenCounter,
    embedded_string,
    prefixes_of,
    size_of,
)
from ragloop.corpus.chunking.cuts import RULES, RULES_OF_ROWS, joined, spans
from ragloop.corpus.parsing.document import Block, ParsedDocument
from ragloop.errors import DocumentError
from ragloop.hashes import sha256_of_text

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
_KEY_CHARACTERS = 64
_HASH_BITS = 64
_START = attrgetter("start")
_COUNTED_TOGETHER = 32_768
_WORD = re.compile(r"\w")


@dataclass(frozen=True)
class Chunk:
    """What is embedded, searched and cited.

    `text` is document.text[start:end]. Where that begins among the rows of a table, a line that names the columns, at
    most a quarter of the budget, stands above it and is no part of the span. `heading` is the whole path of section
    titles and the place of the first block; `embedded` has the innermost of the titles, at most another quarter, above
    the text. `text_hash` is the SHA-256 of `embedded` in hex. `tokens` counts `embedded`, as the sum over the units
    that the chunk joins. `confidence` is that of its least certain recognised text, None where none of it is.
    """

    heading: str
    start: int
    end: int
    text: str
    embedded: str
    text_hash: str
    tokens: int
    confidence: float | None = None


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
        return [size_of(self.tokens[unit], self.end[unit] - self.start[unit]) for unit in range(first, end)]


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
    counter = TokenCounter(count_tokens)
    blocks = document.blocks
    prefixes = prefixes_of({block.heading for block in blocks}, counter, budget)
    headers = Headers(document, counter, budget // HEADING_SHARE)
    units = _units(document, prefixes, headers, counter)
    headings: dict[tuple[tuple[str, ...], str], str] = {}
    chunks: list[Chunk] = []
    characters = 0
    for first, end in _runs(document, units):
        prefix = prefixes[blocks[units.block[first]].heading]
        rooms = headers.rooms(units.block[first:end], units.start[first:end], prefix.room)
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


def _units(
    document: ParsedDocument, prefixes: dict[tuple[str, ...], Prefix], headers: Headers, counter: TokenCounter
) -> _Units:
    """Blocks, and the parts of those that do not fit."""
    units = _Units()
    for parts in _together(_countable(document, prefixes, headers)):
        units.add(sorted(_fitting(document, parts, prefixes, headers, counter), key=_START))
    return units


def _countable(document: ParsedDocument, prefixes: dict[tuple[str, ...], Prefix], headers: Headers) -> Iterator[_Part]:
    """Blocks and parts of blocks in order, none longer than a chunk may be, so that tokens decide whether it fits."""
    for index, block in enumerate(document.blocks):
        room = prefixes[block.heading].room
        whole = _Part(index, block.start, block.end, 0)
        if block.end - block.start <= room * CHARACTERS_PER_TOKEN:
            yield whole
        else:
            if block.header:
                room -= headers.above(index, block.header[1]).size
            yield from _shorter(document, whole, room * CHARACTERS_PER_TOKEN)


def _shorter(document: ParsedDocument, part: _Part, most: int) -> Iterator[_Part]:
    last = len(RULES[document.blocks[part.block].kind])
    for cut in _cut(document, part, most // CHARACTERS_PER_TOKEN):
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
    prefixes: dict[tuple[str, ...], Prefix],
    headers: Headers,
    counter: TokenCounter,
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
            if size_of(tokens, end - start) <= room or rule == len(RULES[block.kind]):
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
    prefix: Prefix,
    header: Header,
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
        confidence=_confidence(document.blocks[units.block[begin] : units.block[after - 1] + 1]),
    )


def _confidence(blocks: Sequence[Block]) -> float | None:
    return min((one.confidence for one in blocks if one.confidence is not None), default=None)


def _heading(block: Block, headings: dict[tuple[tuple[str, ...], str], str]) -> str:
    found = headings.get((block.heading, block.place))
    if found is None:
        found = SEPARATOR.join((*block.heading, block.place) if block.place else block.heading)
        headings[block.heading, block.place] = found
    return found
