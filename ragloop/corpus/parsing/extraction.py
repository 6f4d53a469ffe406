"""Text that is put together while it is extracted: blocks joined by blank lines, each with its headings and place."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from ragloop.corpus.parsing.document import Kind, ParsedDocument
from ragloop.corpus.parsing.outline import Outline
from ragloop.errors import DocumentError

_CELL = " | "


@dataclass(frozen=True)
class Part:
    """A block of text; `level` is that of the section it is the title of, 0 for none."""

    text: str
    kind: Kind = "paragraph"
    level: int = 0
    place: str = ""


@dataclass
class Extraction:
    """The parts of a document, at most `most` characters of them, and what of it was left out, in sentences."""

    most: int
    parts: list[Part] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    _characters: int = 0

    def add(self, text: str, kind: Kind = "paragraph", *, level: int = 0, place: str = "") -> None:
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
        self.parts.append(Part(text, kind, level, place))

    def include(self, parts: Sequence[Part], *, below: int = 0, place: str = "") -> None:
        """Add the parts of a document inside this one, its titles `below` levels deeper."""
        for part in parts:
            level = part.level + below if part.level else 0
            self.add(part.text, part.kind, level=level, place=place or part.place)

    def enclose(self, document: ParsedDocument, title: str, *, level: int) -> None:
        """Add a document inside this one, such as an attachment, as a section of its own; its titles go below."""
        self.add(title, level=level)
        before: tuple[str, ...] = ()
        for block in document.blocks:
            same = takewhile(lambda pair: pair[0] == pair[1], zip(before, block.heading, strict=False))
            shared = len(list(same))
            for depth, above in enumerate(block.heading[shared:], start=shared + 1):
                self.add(above, level=level + depth)
            before = block.heading
            self.add(document.text[block.start : block.end], block.kind, place=block.place)
        self.left_out += [f"{title}: {one}" for one in document.left_out]

    def document(self, name: str, *, title: str = "", root: str = "") -> ParsedDocument:
        """The document; `root` heads what stands under no title of level 1. Without a title, its first heading."""
        text = "\n\n".join(part.text for part in self.parts)
        outline = Outline(text, root=root)
        position = 0
        for part in self.parts:
            end = position + len(part.text)
            if part.level:
                outline.section(part.level, part.text, position, end, part.place)
            else:
                outline.block(position, end, part.kind, part.place)
            position = end + 2
        blocks = outline.finish()
        left_out = tuple(dict.fromkeys(self.left_out))
        return ParsedDocument(text, title or root or outline.first_title or name, blocks, left_out=left_out)


def one_line(text: str) -> str:
    """White space of any kind made single spaces."""
    return " ".join(text.split())


def table_row(cells: Sequence[str], columns: Sequence[str] = ()) -> str:
    """One row as a line: the cells, or with `columns` those that are not empty as "name: value".

    A row that names its columns can be understood, embedded and cited without the row that heads the table.
    """
    values = [one_line(cell) for cell in cells]
    if not columns:
        while values and not values[-1]:
            values.pop()
        return _CELL.join(values) if any(values) else ""
    names = [*columns, *[""] * (len(values) - len(columns))]
    pairs = zip(names, values, strict=False)
    return _CELL.join(f"{name}: {value}" if name else value for name, value in pairs if value)


def column_names(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """The first row's cells where it names columns: as wide as the second, words that differ, no numbers. Else none."""
    names = [one_line(cell) for cell in first]
    while names and not names[-1]:
        names.pop()
    distinct = len(set(names)) == len(names) and all(names)
    wordy = all(len(name) <= 80 and any(char.isalpha() for char in name) for name in names)
    width = len(second) - next((i for i, cell in enumerate(reversed(second)) if cell.strip()), len(second))
    return names if len(names) > 1 and distinct and wordy and width > 1 else []
