"""Text that is put together while it is extracted: blocks joined by blank lines, each with its headings and place."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from ragloop.corpus.parsing.document import Kind, ParsedDocument
from ragloop.corpus.parsing.outline import Outline
from ragloop.corpus.parsing.table import Table, read_table
from ragloop.errors import DocumentError


@dataclass(frozen=True)
class Part:
    """A block of text; `level` is that of the section it is the title of, 0 for none.

    `title` is the section's title where the text says more, such as its number: the text is then a block as well.
    `header` is the span in `text` of the row that names the columns of a table, `confidence` that of recognised text.
    """

    text: str
    kind: Kind = "paragraph"
    level: int = 0
    place: str = ""
    header: tuple[int, int] | None = None
    title: str = ""
    confidence: float | None = None


@dataclass
class Extraction:
    """The parts of a document, at most `most` characters of them, and what of it was left out, in sentences.

    `recognised` names the images whose text is kept because of it.
    """

    most: int
    parts: list[Part] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    recognised: list[str] = field(default_factory=list)
    _characters: int = 0

    def add(
        self,
        text: str,
        kind: Kind = "paragraph",
        *,
        level: int = 0,
        place: str = "",
        header: tuple[int, int] | None = None,
        title: str = "",
        confidence: float | None = None,
    ) -> None:
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
        self.parts.append(Part(text, kind, level, place, header, title, confidence))

    def table(
        self,
        rows: Iterable[Sequence[str]],
        *,
        header: int | None = None,
        place: str = "",
        named: bool = False,
        above: Table | None = None,
    ) -> Table:
        """Add a table: its cells by row, a cell that spans rows or columns in each of them.

        `header` counts the rows that name the columns where the format says so, 0 for none; None: it is found out. The
        rows above the one that names the columns become a paragraph. A short table is written as its rows, a long one
        and with `named` any as "name: value", so that each row can be understood by itself. Rows without names, such as
        those behind an empty row of a sheet, may continue the table `above`.
        """
        table = read_table(rows, header, above)
        self.add("\n".join(table.titles), place=place)
        named = named or table.is_long
        lines: list[str] = []
        room = self.most - self._characters
        for line in table.lines(named=named):
            lines.append(line)
            room -= len(line) + 1
            if room < -1:
                break  # the text is too long already
        text = "\n".join(lines).strip()
        has_header = bool(table.columns) and not named
        self.add(text, "table", place=place, header=(0, text.find("\n")) if has_header and "\n" in text else None)
        return table

    def include(self, parts: Sequence[Part], *, below: int = 0, place: str = "") -> None:
        """Add the parts of a document inside this one, its titles `below` levels deeper."""
        for part in parts:
            level = part.level + below if part.level else 0
            place_of = place or part.place
            self.add(
                part.text,
                part.kind,
                level=level,
                place=place_of,
                header=part.header,
                title=part.title,
                confidence=part.confidence,
            )

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
            header = (block.header[0] - block.start, block.header[1] - block.start) if block.header else None
            text = document.text[block.start : block.end]
            self.add(text, block.kind, place=block.place, header=header, confidence=block.confidence)
        self.recognised += document.recognised
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
                header = (position + part.header[0], position + part.header[1]) if part.header else None
                outline.block(position, end, part.kind, part.place, header, part.confidence)
            position = end + 2
        blocks = outline.finish()
        left_out = tuple(dict.fromkeys(self.left_out))
        recognised = tuple(dict.fromkeys(self.recognised))
        titled = title or root or outline.first_title or name
        return ParsedDocument(text, titled, blocks, left_out=left_out, recognised=recognised)
