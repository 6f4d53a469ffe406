"""Documents to chunks: content-defined boundaries, so that an edit makes few new chunk texts, wherever it stands. Pure.

Blocks (parts of them where they are larger than a chunk) are the units. Neighbouring units of one section are joined
while the result fits the budget, in the order of a hash of the text at their boundary. Whether two units are joined
depends on the few boundaries around them, so what an edit changes dies out within a chunk or two; filling chunks from
the start of the section would move every boundary behind the edit. The idea is that of content-defined chunking
(Muthitacharoen et al., "A Low-bandwidth Network File System", SOSP 2001), with units in the place of bytes.
benchmarks/chunk_stability.py measures it beside the alternatives. A change of any output changes versions.CHUNKER.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from ragloop.corpus.document import Block, ParsedDocument
from ragloop.corpus.splitting import RULES, spans

CountTokens = Callable[[Sequence[str]], list[int]]
Join = Callable[[Sequence[int], Sequence[tuple[int, bytes]], int], list[int]]
"""(size per unit, key per unit, room) to the indices of the units that begin a chunk.

A key tells of the boundary before its unit."""

_CHARACTERS_PER_TOKEN = 20
_HEADING_SHARE = 4
_SEPARATOR = " > "
_KEY_CHARACTERS = 64
_GROUPED = 6


@dataclass(frozen=True)
class Chunk:
    """What is embedded, searched and cited.

    `text` is document.text[start:end]. `heading` is the whole path of section titles and the place of the first block;
    `embedded` has the innermost of the titles, at most a quarter of the budget, above the text. `text_hash` is the
    SHA-256 of `embedded` in hex. `tokens` counts `embedded`, as the sum over the units that the chunk joins.
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
    size: int


@dataclass(frozen=True)
class _Prefix:
    text: str
    tokens: int
    room: int


def join_by_hash(sizes: Sequence[int], keys: Sequence[tuple[int, bytes]], room: int) -> list[int]:
    """Join neighbours by ascending key of the boundary between them while they fit; O(n log n).

    One pass is enough: pieces only grow, so a boundary that was passed over once can never be joined later.
    """
    count = len(sizes)
    first, last = list(range(count)), list(range(count))  # of the piece that begins (ends) at a unit: its other end
    total = list(sizes)  # by the unit that begins the piece
    starts = [True] * count
    for right in sorted(range(1, count), key=keys.__getitem__):
        left = first[right - 1]
        if total[left] + total[right] <= room:
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
    prefixes = _prefixes({block.heading for block in blocks}, counter, budget, [_text(document, one) for one in blocks])
    chunks: list[Chunk] = []
    for run in _runs(document, _units(document, prefixes, counter)):
        prefix = prefixes[blocks[run[0].block].heading]
        begins = join([unit.size for unit in run], _keys(document, run), prefix.room)
        for begin, end in zip(begins, [*begins[1:], len(run)], strict=True):
            chunks.append(_chunk(document, run[begin:end], prefix))
    return chunks


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
        yield from ((prefix + text).replace("\r\n", "\n") for prefix in prefixes)


def _groupings(parts: Sequence[str]) -> list[list[str]]:
    """The paths that read alike; of a path so long that they are many, itself only."""
    if not parts or len(parts) > _GROUPED:
        return [list(parts)]
    found = [[_SEPARATOR.join(parts)]]
    for end in range(1, len(parts)):
        found += [[_SEPARATOR.join(parts[:end]), *rest] for rest in _groupings(parts[end:])]
    return found


class _Counter:
    """Counts each distinct text once, a batch at a time."""

    def __init__(self, count_tokens: CountTokens) -> None:
        self._count_tokens = count_tokens
        self._known: dict[str, int] = {"": 0}

    def __call__(self, texts: Sequence[str]) -> list[int]:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._count_tokens(new), strict=True))
        return [self._known[text] for text in texts]

    def one(self, text: str) -> int:
        """The count of one text, as a rule known by now."""
        known = self._known.get(text)
        return self([text])[0] if known is None else known


def _size(tokens: int, characters: int) -> int:
    return max(tokens, -(-characters // _CHARACTERS_PER_TOKEN))


def _text(document: ParsedDocument, block: Block) -> str:
    return document.text[block.start : block.end]


def _prefixes(
    paths: set[tuple[str, ...]], counter: _Counter, budget: int, texts: Sequence[str]
) -> dict[tuple[str, ...], _Prefix]:
    """Per heading path what stands above the text and how many tokens it leaves. Counts `texts` in the same batch."""
    titles = sorted({title for path in paths for title in path})
    counter([_SEPARATOR, *titles, *texts])
    limit = budget // _HEADING_SHARE
    shortened = {title: _shortened(title, limit, counter) for title in titles}
    return {path: _prefix([shortened[title] for title in path], counter, limit, budget) for path in paths}


def _shortened(title: str, limit: int, counter: _Counter) -> str:
    while _size(counter.one(title), len(title)) > limit:
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


def _units(document: ParsedDocument, prefixes: dict[tuple[str, ...], _Prefix], counter: _Counter) -> list[_Unit]:
    """Blocks, and the parts of those that do not fit; all that are too large are cut by their next rule at once."""
    text, units = document.text, []
    waiting = [(index, block.start, block.end, 0) for index, block in enumerate(document.blocks)]
    while waiting:
        counts = counter([text[start:end] for _, start, end, _ in waiting])
        parts = []
        for (index, start, end, rule), tokens in zip(waiting, counts, strict=True):
            block = document.blocks[index]
            size = _size(tokens, end - start)
            if size <= prefixes[block.heading].room or rule == len(RULES[block.kind]):
                units.append(_Unit(index, start, end, tokens, size))
            else:
                cut = spans(text, start, end, RULES[block.kind][rule])
                parts += [(index, left, right, rule + 1) for left, right in cut]
        waiting = parts
    return sorted(units, key=lambda unit: unit.start)


def _runs(document: ParsedDocument, units: Sequence[_Unit]) -> Iterator[list[_Unit]]:
    """Units that may be joined: of one heading path, with nothing but white space between them."""
    run: list[_Unit] = []
    for unit in units:
        if run and not (
            document.blocks[run[-1].block].heading == document.blocks[unit.block].heading
            and not document.text[run[-1].end : unit.start].strip()
        ):
            yield run
            run = []
        run.append(unit)
    if run:
        yield run


def _keys(document: ParsedDocument, run: Sequence[_Unit]) -> list[tuple[int, bytes]]:
    """Per unit the rank of the boundary before it: inside a block, after a colon, any other. Weakest first.

    Within a rank the hash decides. It is made of the text at the boundary only, so that an edit further inside a unit
    leaves it as it was.
    """
    keys: list[tuple[int, bytes]] = [(0, b"")]
    for left, right in pairwise(run):
        before = document.text[max(left.start, left.end - _KEY_CHARACTERS) : left.end]
        after = document.text[right.start : min(right.end, right.start + _KEY_CHARACTERS)]
        rank = 0 if left.block == right.block else 1 if before.endswith(":") else 2
        keys.append((rank, _hash(after)))
    return keys


def _hash(text: str) -> bytes:
    return hashlib.blake2b(" ".join(text.split()).encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _chunk(document: ParsedDocument, units: Sequence[_Unit], prefix: _Prefix) -> Chunk:
    start, end = units[0].start, units[-1].end
    text, first = document.text[start:end], document.blocks[units[0].block]
    embedded = (prefix.text + text).replace("\r\n", "\n")  # a change of line ends embeds nothing
    return Chunk(
        heading=_SEPARATOR.join((*first.heading, first.place) if first.place else first.heading),
        start=start,
        end=end,
        text=text,
        embedded=embedded,
        text_hash=hashlib.sha256(embedded.encode("utf-8", "surrogatepass")).hexdigest(),
        tokens=prefix.tokens + sum(unit.tokens for unit in units),
    )
