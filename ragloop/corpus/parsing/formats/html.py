"""HTML: the text a reader would see, one block per paragraph, list, table or preformatted text.

The text of an HTML document is not a slice of its source: it is the extracted text, blocks joined by blank lines.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ragloop.corpus.parsing.document import Kind, ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_DROPPED = frozenset(
    (
        "script",
        "style",
        "template",
        "nav",
        "noscript",
        "svg",
        "iframe",
        "object",
        "embed",
        "head",
        "select",
        "button",
        "textarea",
        "input",
        "dialog",
        "canvas",
    )
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    (
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hr",
        "html",
        "legend",
        "main",
        "menu",
        "p",
        "section",
        "summary",
    )
)
_LISTS = frozenset(("ul", "ol", "menu", "dir"))
_CELLS = frozenset(("td", "th"))
_SPACE = re.compile(r"\s+")
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_DEEPEST = 2_048  # libxml2, with huge_tree
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ufffe\uffff]")

_Event = tuple[Literal["start", "end", "text"], "_Element", str]


def parse_html(source: str, name: str, limits: ParseLimits) -> ParsedDocument:
    """Scripts, styles, navigation, form controls and hidden elements are dropped; tables read row by row.

    Raises DocumentError if elements are nested too deep for the parser, or the text is too long.
    """
    title, extraction = html_parts(source, name, limits)
    return extraction.document(name, root=title)


def html_parts(source: str, name: str, limits: ParseLimits) -> tuple[str, Extraction]:
    """The title of a page and its parts."""
    parts = Extraction(limits.characters)
    tree = _tree(source, name)
    if tree is None:
        return "", parts
    reading = _Reading(_layout_tables(tree), parts)
    for event in _events(tree):
        reading.take(event)
    reading.flush()
    return _SPACE.sub(" ", str(tree.xpath("string((//title)[1])"))).strip(), parts


def _tree(source: str, name: str) -> "_Element | None":
    from lxml import etree  # 20 ms that answering a question never needs

    source = _UNREADABLE.sub(" ", _XML_DECLARATION.sub("", source))
    if not source.strip():
        return None
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    root: _Element | None = etree.fromstring(source.encode("utf-8", "replace"), parser)
    for error in parser.error_log.filter_from_fatals():
        if error.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT:  # libxml2 drops the rest of the page and goes on
            raise DocumentError(
                f"{name} exceeds a limit of the HTML parser ({error.message.strip()}); expected elements "
                f"nested at most {_DEEPEST:,} deep: simplify it or leave it out"
            )
    return root


def _events(root: "_Element") -> Iterator[_Event]:
    """Starts, ends and texts in document order. Iterative: nesting may be deeper than Python's stack."""
    stack: list[tuple[_Element, Iterator[_Element]]] = []
    element: _Element | None = root
    while element is not None or stack:
        if element is not None and not _dropped(element):
            yield "start", element, ""
            yield "text", element, element.text or ""
            stack.append((element, iter(element)))
        elif element is not None and element.tail:
            yield "text", stack[-1][0], element.tail
        if not stack:
            return
        element = next(stack[-1][1], None)
        if element is None:
            closed, _ = stack.pop()
            yield "end", closed, ""
            if stack and closed.tail:
                yield "text", stack[-1][0], closed.tail


def _dropped(element: "_Element") -> bool:
    if not isinstance(element.tag, str) or element.tag in _DROPPED or "hidden" in element.attrib:
        return True
    return _HIDDEN_STYLE.search(element.get("style", "")) is not None


def _layout_tables(root: "_Element") -> set["_Element"]:
    """Tables that hold headings or other tables: they arrange a page and are no data. One pass, innermost first."""
    arranging: set[_Element] = set()
    for element in reversed(list(root.iter("table", *_HEADINGS))):
        parent = element.getparent()
        while parent is not None and parent.tag != "table":
            parent = parent.getparent()
        if parent is not None:
            arranging.add(parent)
    return arranging


@dataclass
class _Reading:
    layout_tables: set["_Element"]
    parts: Extraction
    line: list[str] = field(default_factory=list)
    kind: Kind = "paragraph"
    level: int = 0
    table_depth: int = 0
    list_depth: int = 0
    pre_depth: int = 0

    def take(self, event: _Event) -> None:
        what, element, text = event
        if what == "text":
            self.line += [text if self.pre_depth else _SPACE.sub(" ", text)] if text else []
        elif what == "start":
            self._start(element, str(element.tag))
        else:
            self._end(element, str(element.tag))

    def _start(self, element: "_Element", tag: str) -> None:
        if tag == "br":
            self.line.append("\n")
        elif tag == "table" and element not in self.layout_tables:
            self._enter("table")
            self.table_depth += 1
        elif self.table_depth:
            if tag == "tr" or tag in _CELLS:
                self.line.append("\n" if tag == "tr" else " | ")
            elif tag in _BLOCKS or tag in _LISTS or tag == "li":
                self.line.append(" ")
        elif tag in _LISTS:
            if not self.list_depth:
                self._enter("list")
            self.list_depth += 1
        elif tag == "li" and self.list_depth:
            self.line.append("\n" + "  " * min(self.list_depth - 1, 8) + "- ")
        elif tag == "pre":
            if not self.list_depth:
                self._enter("code")
            self.pre_depth += 1
        elif tag in _HEADINGS:
            self.flush()
            self.level = _HEADINGS[tag]
        elif tag in _BLOCKS or tag == "table" or tag == "tr":
            self._separate()

    def _end(self, element: "_Element", tag: str) -> None:
        if tag == "table" and element not in self.layout_tables:
            self.table_depth -= 1
            self._leave()
        elif self.table_depth:
            return
        elif tag in _LISTS and self.list_depth:
            self.list_depth -= 1
            self._leave()
        elif tag == "pre" and self.pre_depth:
            self.pre_depth -= 1
            self._leave()
        elif tag in _HEADINGS:
            self.flush()
        elif tag in _BLOCKS or tag == "table" or tag == "tr" or tag in _CELLS:
            self._separate()

    def _enter(self, kind: Kind) -> None:
        if not (self.list_depth or self.table_depth or self.pre_depth):
            self.flush()
            self.kind = kind
        else:
            self.line.append("\n")

    def _leave(self) -> None:
        if not (self.list_depth or self.table_depth or self.pre_depth):
            self.flush()
        else:
            self.line.append("\n")

    def _separate(self) -> None:
        if self.list_depth or self.table_depth or self.pre_depth:
            at_bullet = self.line and self.line[-1].endswith("- ")
            self.line.append("\n" if self.list_depth and not self.pre_depth and not at_bullet else "")
        else:
            self.flush()

    def flush(self) -> None:
        self.parts.add(_tidy("".join(self.line), self.kind), self.kind, level=self.level)
        self.line, self.kind, self.level = [], "paragraph", 0


def _tidy(text: str, kind: Kind) -> str:
    """Readable lines: no white space around them, none empty; code keeps its own."""
    if kind == "code":
        return text.strip("\r\n").rstrip()
    lines = [line.rstrip() for line in text.split("\n")]
    if kind == "table":
        lines = [_SPACE.sub(" ", line).strip().removeprefix("| ") for line in lines]
    elif kind == "paragraph":
        lines = [line.strip() for line in lines]
    return "\n".join(line for line in lines if line.strip(" |-")).strip()
