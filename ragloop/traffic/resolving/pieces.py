"""A text → its pieces: the words of each statement and of each title, in order, with where the statement came from."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ragloop.answering.support.statements import statements
from ragloop.corpus.parsing import parse, taken_as
from ragloop.errors import DocumentError
from ragloop.traffic.resolving.words import tokens

_BETWEEN = " > "
_PLACE = re.compile(r"(?:page|slide|chapter) \d+")


class Piece(NamedTuple):
    """Words that belong together. `digest` is that of the statement, empty for a title."""

    words: tuple[str, ...]
    digest: str = ""


def pieces_of_text(text: str, heading: str = "") -> list[Piece]:
    """Return the pieces of a text as it stands."""
    found = (Piece(tuple(tokens(one.text)), one.digest) for one in statements(heading, text))
    return [one for one in found if one.words]


def pieces_below(before: str, heading: str) -> list[Piece]:
    """Return the titles of a heading path that the path before it does not have."""
    old, new = _titles(before), _titles(heading)
    same = next(
        (at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), min(len(old), len(new))
    )
    return [Piece(words) for one in new[same:] if (words := tuple(tokens(one)))]


def _titles(heading: str) -> list[str]:
    return [one for one in heading.split(_BETWEEN) if one and not _PLACE.fullmatch(one)]


def pieces_as_parsed(text: str, name: str) -> list[Piece]:
    """Return the pieces of a text that the parser of a document of this name finds in it; none where it cannot."""
    try:
        document = parse(text.encode("utf-8", "replace"), taken_as(name), name)
    except DocumentError:
        return []
    blocks = [(_BETWEEN.join(one.heading), document.text[one.start : one.end]) for one in document.blocks]
    return list(_in_order(blocks))


def _in_order(blocks: Sequence[tuple[str, str]]) -> Iterator[Piece]:
    before = ""
    for heading, text in blocks:
        yield from pieces_below(before, heading)
        yield from pieces_of_text(text)
        before = heading
