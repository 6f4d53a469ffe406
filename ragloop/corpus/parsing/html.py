"""HTML: the text a reader would see, one block per paragraph, list, table or preformatted text.

The text of an HTML document is not a slice of its source: it is the extracted text, blocks joined by blank lines.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ragloop.corpus.document import Kind, ParsedDocument
from ragloop.corpus.parsing.outline import Outline
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
_META_CHARSET = re.compile(rb"<meta[^>]+?charset\s*=\s*[\"']?\s*([\w:.-]+)", re.IGNORECASE)
_LABELS = {
    "windows-874": "cp874",
    "windows-949": "cp949",
    "windows-31j": "cp932",
    "x-sjis": "cp932",
    "x-gbk": "gbk",
    "x-mac-cyrillic": "mac-cyrillic",
    "iso-8859-8-i": "iso8859-8",
}
"""Labels of the standard that Python does not know."""
_CODECS = frozenset(
    """utf-8 cp866 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-9 iso8859-10 iso8859-11
    iso8859-13 iso8859-14 iso8859-15 iso8859-16 koi8-r koi8-u mac-roman mac-cyrillic cp874 tis-620 cp1250 cp1251 cp1252
    cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 gbk gb2312 gb18030 big5 big5hkscs euc_jp iso2022_jp shift_jis cp932 euc_kr
    cp949""".split()
)
"""Python's names of the encodings in the WHATWG encoding standard (https://encoding.spec.whatwg.org/#names-and-labels).

A page must not reach the other codecs: `undefined` always raises, `punycode` takes the square of its input.
"""
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_META_WINDOW = 2_048
_DEEPEST = 2_048  # libxml2, with huge_tree
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ufffe\uffff]")

_Event = tuple[Literal["start", "end", "text"], "_Element", str]


def declared_encoding(data: bytes) -> str | None:
    """The Python codec for what `<meta charset>` says; None for what no browser takes from there.

    A UTF-16 there cannot be true, since the declaration itself was read as ASCII.
    """
    found = _META_CHARSET.search(data[:_META_WINDOW])
    if found is None:
        return None
    label = found[1].decode("ascii").lower()
    try:
        codec = codecs.lookup(_LABELS.get(label, label)).name
    except LookupError:
        return None
    if codec in ("iso8859-1", "ascii"):
        return "cp1252"  # as the WHATWG standard has it
    return codec if codec in _CODECS else None


def parse_html(source: str, name: str) -> ParsedDocument:
    """Scripts, styles, navigation, form controls and hidden elements are dropped; tables read row by row.

    Raises DocumentError if elements are nested too deep for the parser.
    """
    tree = _tree(source, name)
    if tree is None:
        return ParsedDocument("", name, ())
    title = _SPACE.sub(" ", str(tree.xpath("string((//title)[1])"))).strip()
    extraction = _Extraction(_layout_tables(tree))
    for event in _events(tree):
        extraction.take(event)
    extraction.flush()
    return extraction.document(title, name)


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
class _Extraction:
    layout_tables: set["_Element"]
    parts: list[tuple[str, Kind, int]] = field(default_factory=list)  # text, kind, heading level (0: none)
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
        text = _tidy("".join(self.line), self.kind)
        if text:
            self.parts.append((text, self.kind, self.level))
        self.line, self.kind, self.level = [], "paragraph", 0

    def document(self, title: str, name: str) -> ParsedDocument:
        text = "\n\n".join(part for part, _, _ in self.parts)
        outline = Outline(text, root=title)
        position = 0
        for part, kind, level in self.parts:
            end = position + len(part)
            if level:
                outline.section(level, part, position, end)
            else:
                outline.block(position, end, kind)
            position = end + 2
        blocks = outline.finish()
        return ParsedDocument(text, title or outline.first_title or name, blocks)


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
