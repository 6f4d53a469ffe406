"""The blocks of a page, read element by element: paragraphs, lists, code and tables under their headings."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.document import Kind
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.markup.elements import BLOCKS, CELLS, HEADINGS, LEADING, LISTS, PREFORMATTED, holds
from ragloop.corpus.parsing.markup.formulas import formula, lowered, raised, tex
from ragloop.corpus.parsing.markup.grid import Facts, Grid, facts_of_tables
from ragloop.corpus.parsing.markup.images import PageImages
from ragloop.corpus.parsing.markup.names import Purpose
from ragloop.corpus.parsing.markup.numbering import marker
from ragloop.corpus.parsing.markup.omissions import Omissions
from ragloop.corpus.parsing.markup.tabs import labels_of_panels

if TYPE_CHECKING:
    from lxml.etree import _Element

_BREAK, _INDENT, _BULLET = "\x0b", "\x0e", "\x0f"
"""A line break, one level of a list, and the end of an item's mark. None of them can be in the text of a page."""
_MARKS = (_BREAK, _INDENT, _BULLET)
_DEEPEST_LIST = 8
_LONGEST_SCRIPT = 64
_LONGEST_CELL = 200
_NO_HEADING = ("table", "pre", "ul", "ol", "dl", *HEADINGS)
_INLINE = frozenset(
    "b strong em i u code tt kbd samp var small big font abbr cite mark s strike del ins time wbr".split()
)
_ARTICLES = frozenset(("article", "blockquote", "figure"))
_READINGS = frozenset(("rt", "rp", "rtc"))


def read_page(root: "_Element", source: str, into: Extraction, images: PageImages) -> None:
    """Add what `root` holds to `into`; `source` is the page as it was written, `images` those that it shows."""
    labels, told = labels_of_panels(root, source)
    _Reading(Omissions(root, source), facts_of_tables(root), labels, told, into, images).read(root)


@dataclass
class _Reading:
    omissions: Omissions
    tables: "dict[_Element, Facts]"
    labels: "dict[_Element, str]"
    told: "set[_Element]"
    parts: Extraction
    images: PageImages
    line: list[str] = field(default_factory=list)
    heading: int = 0
    grid: Grid | None = None
    depth_in_table: int = 0
    preformatted: int = 0
    lists: list[list[int]] = field(default_factory=list)
    articles: int = 0
    mains: int = 0
    leads: bool = False
    after_line: bool = False
    alternative: str = ""
    scripts: list[int] = field(default_factory=list)
    codes: "list[_Element]" = field(default_factory=list)
    shown: "list[_Element]" = field(default_factory=list)

    def read(self, root: "_Element") -> None:
        from lxml import etree

        skipped: _Element | None = None
        asked = self.omissions.asked
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if event == "start":
                tag = str(element.tag)
                if tag not in _INLINE and self._passes_over(element, tag):
                    walk.skip_subtree()
                    skipped = element
                    continue
                text = element.text
            else:
                if element is skipped:
                    skipped = None
                elif (tag := str(element.tag)) not in _INLINE:
                    self._end(element, tag)
                if asked and asked[-1] is element:
                    asked.pop()
                text = element.tail if element is not root else None
            if text:
                self._text(text)
        self._flush()

    def _text(self, text: str) -> None:
        if self.preformatted:
            if self.after_line and text[0] in "\r\n":
                text = text[2:] if text.startswith("\r\n") else text[1:]
            self.after_line = False
            if text:
                self.line.append(text)
        elif not text.isspace():
            self.leads = False
            self.line.append(text)
        elif self.line and self.line[-1][-1] not in _MARKS:
            self.line.append(" ")

    def _passes_over(self, element: "_Element", tag: str) -> bool:
        """Begin an element; return whether what it holds is passed over."""
        if tag == "span" and self.preformatted:
            said = self.omissions.purpose(element)
            if said is Purpose.LINE:
                self._begin_line()
            return said is Purpose.LINE_NUMBER
        if tag == "math":
            self._text(formula(element) or " ")
            return True
        if tag in _READINGS:
            return not holds(element, "rb")
        if (self.told and element in self.told) or self.omissions.leaves_out(
            element, tag, in_article=self.articles > 0, in_main=self.mains > 0
        ):
            return True
        self._start(element, tag)
        return False

    def _start(self, element: "_Element", tag: str) -> None:
        if tag == "br":
            self.line.append("\n" if self.preformatted else " " if self.heading or self.grid else _BREAK)
        elif tag == "a" and not _is_reference(element, tag):
            before = element.getprevious()
            if before is not None and before.tag == "a" and not before.tail and not self.preformatted:
                self.line.append(" ")
        elif tag in ("sup", "sub") or _is_reference(element, tag):
            self.scripts.append(len(self.line))
        elif tag == "img":
            self._image(element)
        elif tag in ("label", "button"):
            self._text(" ")
        elif tag in ("span", "tex", "input", "font"):
            self._inline(element, tag)
        elif self.preformatted:
            self._start_in_code(element, tag)
        elif self.grid is not None:
            self._start_in_table(element, tag)
        elif self.heading:
            self._text(" ")
        else:
            self._start_block(element, tag)

    def _inline(self, element: "_Element", tag: str) -> None:
        if tag == "input":
            if element.get("type") == "checkbox" and self.lists:
                self.line.append("[x] " if "checked" in element.attrib else "[ ] ")
        elif tag == "tex":
            element.text = tex(element.text or "")
        elif self.omissions.purpose(element) is Purpose.APART or "display:block" in element.get("style", ""):
            self.line.append(" ")

    def _image(self, element: "_Element") -> None:
        """An image stands for its alternative text where that is a formula, or all that a heading or a cell says."""
        text = element.get("alt", "")
        names = (element.get("class") or "").lower()
        if ("math" in names or "tex" in names.split()) and self.omissions.purpose(element) is not Purpose.FORMULA:
            self._text(tex(text) or " ")
            return
        self.shown.append(element)
        if self.heading or self.grid is not None:
            self.alternative = self.alternative or text

    def _start_in_code(self, element: "_Element", tag: str) -> None:
        if tag in BLOCKS or tag in ("tr", "li") or tag in PREFORMATTED:
            self._begin_line()

    def _begin_line(self) -> None:
        if self.line and not self.line[-1].endswith("\n"):
            self.line.append("\n")
        self.after_line = False

    def _start_in_table(self, element: "_Element", tag: str) -> None:
        assert self.grid is not None
        if tag == "table":
            self.depth_in_table += 1
        if self.depth_in_table == 1 and (tag in CELLS or tag in ("tr", "caption")):
            self._outside_cells()
            if tag == "tr":
                parent = element.getparent()
                self.grid.row(heads=parent is not None and parent.tag == "thead")
        elif tag not in ("thead", "tbody", "tfoot"):
            self.line.append(" ")

    def _outside_cells(self) -> None:
        """A caption, or text between the cells, is a paragraph before the table."""
        self.parts.add(_lines("".join(self.line)))
        self.line, self.alternative = [], ""

    def _start_block(self, element: "_Element", tag: str) -> None:
        said = self.omissions.purpose(element) if tag in ("div", "p") else Purpose.UNKNOWN
        facts = self.tables.get(element) if tag == "table" else None
        if tag in PREFORMATTED or (said is Purpose.CODE and tag == "div") or (facts is not None and facts.is_code):
            self._flush()
            self.preformatted += 1
            self.codes.append(element)
        elif facts is not None:
            self._flush()
            if not facts.arranges:
                self.grid, self.depth_in_table = Grid(), 1
        elif tag in LISTS:
            if not self.lists:
                self._flush()
            self.lists.append([0])
        elif tag == "li":
            self._item(element)
        elif tag in HEADINGS or said is Purpose.TITLE:
            self._flush()
            self.heading = HEADINGS.get(tag, 1) if not holds(element, *_NO_HEADING) else 0
        elif tag in CELLS:
            if self.line and sum(map(len, self.line)) < _LONGEST_CELL:
                self.line.append(" | ")
            else:
                self._flush()
        elif tag in BLOCKS or tag in LEADING or tag in ("tr", "caption"):
            self._separate()
            self.articles += tag in _ARTICLES
            self.mains += tag == "main"
            if said is Purpose.CHECKED or said is Purpose.UNCHECKED:
                self.line.append("[x] " if said is Purpose.CHECKED else "[ ] ")
        if self.labels and (label := self.labels.get(element)):
            self._flush()
            self.line.append(label + _BREAK)
            self.leads = True

    def _item(self, element: "_Element") -> None:
        counted = self.lists[-1] if self.lists else [0]
        depth = max(0, min(len(self.lists) - 1, _DEEPEST_LIST))
        self.line.append(f"{_BREAK}{2 * depth * _INDENT}{marker(element, counted)} {_BULLET}")

    def _end(self, element: "_Element", tag: str) -> None:
        if tag in ("sup", "sub"):
            self._end_script(tag)
        elif tag == "a" and _is_reference(element, tag):
            self._end_script("sup")
        elif self.codes and self.codes[-1] is element:
            self.codes.pop()
            self.preformatted -= 1
            self._flush_code()
        elif self.preformatted:
            if tag in BLOCKS or tag in ("tr", "li") or tag in PREFORMATTED:
                self._begin_line()
                self.after_line = True
        elif self.grid is not None:
            self._end_in_table(element, tag)
        elif self.heading:
            if tag in HEADINGS or tag == "p":
                self._flush_heading()
            elif tag in BLOCKS or tag in ("button", "label"):
                self._text(" ")
        else:
            self._end_block(element, tag)

    def _end_script(self, tag: str) -> None:
        """A number that is raised or lowered stays apart from the one before it: 10^6 is not 106."""
        start = self.scripts.pop() if self.scripts else len(self.line)
        text = "".join(self.line[start:]).strip()
        if self.preformatted or not text or len(text) > _LONGEST_SCRIPT or start > len(self.line):
            return
        before = self.line[start - 1][-1:] if start else ""
        self.line[start:] = [(raised if tag == "sup" else lowered)(text, before)]

    def _end_in_table(self, element: "_Element", tag: str) -> None:
        assert self.grid is not None
        if tag == "table":
            self.depth_in_table -= 1
            if not self.depth_in_table:
                self._outside_cells()
                self.grid.write(self.parts)
                self.grid = None
                self._add_images()
        elif self.depth_in_table == 1 and tag in CELLS:
            text = "".join(self.line)
            self.grid.cell(element, text if text.strip() else self.alternative)
            self.line, self.alternative = [], ""
        elif self.depth_in_table == 1 and tag == "caption":
            self._outside_cells()
        elif tag in CELLS or tag in BLOCKS or tag in HEADINGS or tag in LISTS or tag == "li":
            self.line.append(" ")

    def _end_block(self, element: "_Element", tag: str) -> None:
        if tag in LISTS and self.lists:
            self.lists.pop()
            if not self.lists:
                self._flush("list")
        elif tag in LEADING or tag == "button":
            if self.line:
                self.line.append(_BREAK)
                self.leads = True
        elif tag in BLOCKS or tag in HEADINGS or tag in ("table", "tr"):
            self.articles -= tag in _ARTICLES
            self.mains -= tag == "main"
            self.leads = False
            self._separate()

    def _separate(self) -> None:
        """End a block, or a line in a list, unless the line so far is the first of what follows."""
        if self.leads:
            return
        if not self.lists:
            self._flush()
        elif self.line and self.line[-1][-1] not in _MARKS:
            self.line.append(_BREAK + 2 * min(len(self.lists), _DEEPEST_LIST) * _INDENT)

    def _flush(self, kind: Kind | None = None) -> None:
        if self.line:  # most blocks hold others, and nothing before the first
            self.parts.add(_lines("".join(self.line)), kind or ("list" if self.lists else "paragraph"))
            self.line = []
        self.leads = False
        self.scripts.clear()
        if self.shown:
            self._add_images()

    def _add_images(self) -> None:
        """Add what the images of the block that ended say."""
        shown, self.shown = self.shown, []
        for one in shown:
            self.images.add(one, self.parts)

    def _flush_code(self) -> None:
        self.parts.add("".join(self.line).replace("\xa0", " ").rstrip(), "code")
        self.line, self.after_line = [], False
        self.scripts.clear()

    def _flush_heading(self) -> None:
        text = " ".join("".join(self.line).split())
        self.parts.add(text or self.alternative, level=self.heading)
        self.line, self.heading, self.alternative = [], 0, ""
        self.scripts.clear()
        self._add_images()


def _is_reference(element: "_Element", tag: str) -> bool:
    """Return whether a link is the number of a note that is raised by its style alone."""
    if tag != "a" or "noteref" not in (element.get("epub:type") or element.get("role") or ""):
        return False
    above = element.getparent()
    return (above is None or above.tag not in ("sup", "sub")) and not holds(element, "sup", "sub")


def _lines(text: str) -> str:
    """Readable lines: white space made single spaces but for the indentation of lists, and none empty."""
    if _BREAK not in text:
        return " ".join(text.split()).removesuffix(" |")
    lines = []
    for line in text.split(_BREAK):
        rest = line.lstrip(_INDENT)
        mark, _, words = rest.rpartition(_BULLET)
        words = " ".join(words.split()).removesuffix(" |")
        if words:
            lines.append(" " * (len(line) - len(rest)) + mark + words)
    return "\n".join(lines)
