"""What a parser yields and the chunker takes: the text of a document and where its blocks stand in it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["paragraph", "list", "code", "table", "front-matter", "heading"]


@dataclass(frozen=True)
class Block:
    """One stretch of a document's text. `start` and `end` are character offsets, `heading` the path of section titles.

    A block of kind "heading" is a section title with nothing under it, which would otherwise be in no chunk, or has a
    number that the path leaves out. `place` is where a reader finds the block, such as "page 5". It is shown and never
    embedded: a page that is inserted moves the places of all that follows it. `header` is the span of the rows that
    name the columns of a table: they are repeated above its rows in each later chunk. `confidence`, from 0 to 1, is
    that of text that was recognised in an image, None for any other.
    """

    start: int
    end: int
    kind: Kind
    heading: tuple[str, ...] = ()
    place: str = ""
    header: tuple[int, int] | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"a block needs 0 <= start < end, not {self.start} and {self.end}")
        if self.header and not self.start <= self.header[0] < self.header[1] < self.end:
            raise ValueError(f"a header needs to stand above rows of the block, not at {self.header} of {self}")


@dataclass(frozen=True)
class ParsedDocument:
    """A document as it was read: its text, a title for people, and its blocks by ascending offset, none overlapping.

    `encoding` is the codec that a file of text was read with, empty for a binary format. `left_out` says in sentences
    what of the document was not read. `recognised` names the images whose text is kept because of it.
    """

    text: str
    title: str
    blocks: tuple[Block, ...]
    encoding: str = ""
    left_out: tuple[str, ...] = ()
    recognised: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        position = 0
        for block in self.blocks:
            if block.start < position:
                raise ValueError(f"block at {block.start} overlaps the one that ends at {position}")
            position = block.end
        if position > len(self.text):
            raise ValueError(f"the last block ends at {position}, beyond the text's {len(self.text)} characters")
