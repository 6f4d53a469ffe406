"""Text that is put together while it is extracted: blocks joined by blank lines, each with its headings and place."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from ragloop.corpus.parsing.document import Kind, ParsedDocument
from ragloop.corpus.parsing.outline import Outline
from ragloop.corpus.parsing.table import column_names, header_of, table_row
from ragloop.errors import DocumentError


@dataclass(frozen=True)
class Part:
    """A block of text; `level` is that of the section it is the title of, 0 for none.

    `title` is the section's title where the text says more, such as its number: the text is then a block as well.
    """

    text: str
    kind: Kind = "paragraph"
    level: int = 0
    place: str = ""
    title: str = ""


@dataclass
class Extraction:
    """The parts of a document, at most `most` characters of them, and what of it was left out, in sentences."""

    most: int
    parts: list[Part] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    _characters: int = 0

    def add(self, text: str, kind: Kind = "paragraph", *, level: int = 0, place: str = "", title: str = "") -> None:
        """Add a block, or with `level` the title of a section. Raises DocumentError when the text grows too long."""
        text = text.strip("\r\n") if kind == "code" else text.strip()
        if not text:
            return
        self._characters += len(text)
        if self._characters > self.most:
            raise DocumentError(
                f"found more than {self.most:,} characters of text, expected fewer; "
                "raise sync.max_document_mb to take it, or split the document"
            )
        self.parts.append(Part(text, kind, level, place, title))

    def table(self, rows: Sequence[Sequence[str]], *, header: int | None = None, place: str = "") -> None:
        """Add a table: its cells by row, a cell that spans rows or columns in each of them.

        `header` counts the rows that name the columns where the format says so, 0 for none; None: it is found out. The
        rows above the one that names the columns become a paragraph.
        """
        rows = [row for row in rows if any(cell.strip() for cell in row)]
        at = header_of(rows) if header is None else header - 1
        if at is None or not 0 <= at < len(rows):
            self.add("\n".join(filter(None, map(table_row, rows))), "table", place=place)
            return
        columns = column_names(rows[at], rows[at])
        self.add("\n".join(map(table_row, rows[:at])), place=place)
        self.add("\n".join(filter(None, (table_row(row, columns) for row in rows[at + 1 :]))), "table", place=place)

    def include(self, parts: Sequence[Part], *, below: int = 0, place: str = "") -> None:
        """Add the parts of a document inside this one, its titles `below` levels deeper."""
        for part in parts:
            level = part.level + below if part.level else 0
            self.add(part.text, part.kind, level=level, place=place or part.place, title=part.title)

    def enclose(self, document: ParsedDocument, title: str, *, level: int) -> None:
        """Add a document inside this one, such as an attachment, as a section of its own; its titles go below.

        Without a title it stands where it is as a part of this document.
        """
        self.add(title, level=level)
        before: tuple[str, ...] = ()
        for block in document.blocks:
            same = takewhile(lambda pair: pair[0] == pair[1], zip(before, block.heading, strict=False))
            shared = len(list(same))
            for depth, above in enumerate(block.heading[shared:], start=shared + 1):
                self.add(above, level=level + depth)
            before = block.heading
            self.add(document.text[block.start : block.end], block.kind, place=block.place)
        self.left_out += [f"{title}: {one}" if title else one for one in document.left_out]

    def document(self, name: str, *, title: str = "", root: str = "") -> ParsedDocument:
        """The document; `root` heads what stands under no title of level 1. Without a title, its first heading."""
        text = "\n\n".join(part.text for part in self.parts)
        outline = Outline(text, root=root)
        position = 0
        for part in self.parts:
            end = position + len(part.text)
            if part.level:
                outline.section(part.level, part.title or part.text, position, end, part.place)
                if part.title:
                    outline.block(position, end, "heading", part.place)
            else:
                outline.block(position, end, part.kind, part.place)
            position = end + 2
        blocks = outline.finish()
        left_out = tuple(dict.fromkeys(self.left_out))
        return ParsedDocument(text, title or root or outline.first_title or name, blocks, left_out=left_out)
