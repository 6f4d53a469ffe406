"""Markdown (CommonMark and tables) with YAML or TOML front matter.

markdown-it-py tells which lines each top-level block covers; its inline parser runs on headings only, since the text of
a chunk is the source itself.
"""

import re
from functools import cache
from html import unescape
from typing import TYPE_CHECKING, Any

from ragloop.corpus.parsing.document import Kind, ParsedDocument
from ragloop.corpus.parsing.outline import Outline, line_spans

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(
    r"\s*(?:---[^\S\r\n]*(?:\r\n?|\n)(?P<yaml>.*?)^(?:---|\.\.\.)|\+\+\+[^\S\r\n]*(?:\r\n?|\n)(?P<toml>.*?)^\+\+\+)[^\S\r\n]*$",
    re.DOTALL | re.MULTILINE,
)
_TITLE = re.compile(
    r"^title[^\S\r\n]*+[:=](?P<title>[^\r\n]*+)(?P<more>(?:(?:\r\n?|\n)[^\S\r\n]++[^\r\n]*+)*+)",
    re.MULTILINE | re.IGNORECASE,
)
_KEY = re.compile(r"[\w.@$/\"'-][\w .@$/\"'-]*")
_LONGEST_KEY = 200
_BLOCK_SCALAR = re.compile(r"[|>][-+\d]*$")
_HTML_HEADING = re.compile(r"<h(?P<level>[1-6])(?=[\s>])[^<>]*>", re.IGNORECASE)
_HTML_TAG = re.compile(r"<[^<>]*>")
_TABLE_TAG = re.compile(r"<(?P<close>/?)table(?=[\s>])", re.IGNORECASE)
_DEEPEST_TABLE, _LONGEST_TABLE = 16, 262_144
"""Tables inside each other, and characters, within which the end of one is looked for: a page may close none."""
_ALTERNATIVE = re.compile(
    r"(?<=[\s\"'])alt\s{0,4}=\s{0,4}(?:\"(?P<double>[^\"<>]*)|'(?P<single>[^'<>]*))", re.IGNORECASE
)
_WIKILINK = re.compile(r"\[\[(?:[^\[\]|]*+\|)?+(?P<shown>[^\[\]|]*+)\]\]|\[\^[^\[\]\s]*+\]")
_MARKUP = re.compile(r"[\[\]*_`<&\\!{~]")
_ATTRIBUTES = re.compile(r"(?<!\s)\s*+\{[#.:][^{}]*\}\s*$")  # begins where white space does, not at each blank of it
_LONGEST_HEADING = 1_000  # the inline parser and _ATTRIBUTES may take the square of its length
_COMMENT = re.compile(r"(?:\s*+<!--(?:(?!-->).)*+-->)*+\s*+", re.DOTALL)  # possessive: one way to match, or none
_KINDS: dict[str, Kind] = {
    "fence": "code",
    "code_block": "code",
    "table_open": "table",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
}


def parse_markdown(text: str, name: str, *, indented_code: bool = True) -> ParsedDocument:
    """Return the sections by headings outside lists and quotations; comments are in no block.

    Definitions of links and footnotes are blocks where they stand: that is where their addresses are found.
    """
    front = _front_matter(text)
    body = front.end() if front else 0
    outline = Outline(text, root=_front_title(front) if front else "")
    if front:
        outline.block(front.start(), front.end(), "front-matter")
    lines = [(start + body, end + body) for start, end in line_spans(text[body:])]
    found: dict[str, Any] = {}
    tokens = _block_parser(indented_code).parse(text[body:], found)
    definitions = _definitions(found)
    done = body
    for position, token in enumerate(tokens):
        if token.level or token.nesting < 0 or not token.map or token.type == "hr":
            continue
        while definitions and definitions[0][0] < token.map[0]:
            _add_definitions(outline, lines, definitions.pop(0))
        start, end = lines[token.map[0]][0], lines[min(token.map[1], len(lines)) - 1][1]
        if start < done:
            continue
        if token.type == "heading_open":
            outline.section(int(token.tag[1]), _heading_text(tokens[position + 1]), start, end)
        elif token.type == "html_block":
            done = _add_html(outline, start, end)
        else:
            header = lines[token.map[0]] if token.type == "table_open" else None
            outline.block(start, end, _KINDS.get(token.type, "paragraph"), header=header)
    for span in definitions:
        _add_definitions(outline, lines, span)
    blocks = outline.finish()
    return ParsedDocument(text, outline.root or outline.first_title or name, blocks)


def _front_matter(text: str) -> re.Match[str] | None:
    """Return the front matter; None where what stands between two rules is no mapping."""
    front = _FRONT_MATTER.match(text)
    if front is None:
        return None
    is_one = _is_mapping(front["yaml"], ":") if front["toml"] is None else _is_mapping(front["toml"], "=")
    return front if is_one else None


def _is_mapping(source: str, sign: str) -> bool:
    """Return whether each line that is not indented is a key, a comment, or an entry of the key above it."""
    value: str | None = None
    for start, end in line_spans(source):
        line = source[start:end]
        if not line.strip() or line[0] in " \t#]})":
            continue
        if line[0] == "[" or (line[0] == "-" and value == ""):
            continue
        key, found, rest = line[:_LONGEST_KEY].partition(sign)
        if not found or not _KEY.fullmatch(key) or rest[:1].strip():
            return False
        value = rest.strip()
    return value is not None or not source.strip()


def _front_title(front: re.Match[str]) -> str:
    """Return the scalar after `title:`; YAML is not loaded for it, so that front matter can neither fail nor expand."""
    found = _TITLE.search(front["yaml"] or front["toml"] or "")
    if not found:
        return ""
    title = found["title"].strip()
    if _BLOCK_SCALAR.match(title):
        return " ".join(found["more"].split())[:_LONGEST_HEADING]
    if title[:1] in "\"'" and title.endswith(title[:1]):
        return title[1:-1]
    return "" if title[:1] in ("&", "*", "{", "[") else title.split(" #")[0].strip()


def _definitions(found: dict[str, Any]) -> list[tuple[int, int]]:
    """Return the lines of the definitions of links that follow each other; comments in their form are none."""
    references = [(label, one) for label, one in found.get("references", {}).items()]
    references += [(one["label"], one) for one in found.get("duplicate_refs", [])]
    spans = sorted((one["map"][0], one["map"][1]) for label, one in references if one["href"] not in ("#", ""))
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _add_definitions(outline: Outline, lines: list[tuple[int, int]], span: tuple[int, int]) -> None:
    start, end = lines[span[0]][0], lines[min(span[1], len(lines)) - 1][1]
    if not outline.blocks or outline.blocks[-1].end <= start:
        outline.block(start, end, "list")


def _add_html(outline: Outline, start: int, end: int) -> int:
    """Add a block of HTML, its headings as headings; return where it ends: headings and tables may hold empty lines."""
    text, end = outline.text, _end_of_tables(outline.text, start, end)
    while heading := _HTML_HEADING.search(text, start, end):
        close = text.find(f"</{heading[0][1:3]}", heading.end(), heading.end() + _LONGEST_HEADING)
        if close < 0:
            break
        _add_html_paragraph(outline, start, heading.start())
        start = text.find(">", close) + 1 or len(text)
        outline.section(int(heading["level"]), _html_text(text[heading.end() : close]), heading.start(), start)
        end = max(end, start)
    _add_html_paragraph(outline, start, end)
    return end


def _end_of_tables(text: str, start: int, end: int) -> int:
    """Return where a block of HTML ends that is as long as the tables in it; an empty line ends it in Markdown."""
    depth = 0
    beyond = end + _LONGEST_TABLE if _TABLE_TAG.search(text, start, end) else end
    for tag in _TABLE_TAG.finditer(text, start, beyond):
        if (not depth and tag.start() >= end) or depth > _DEEPEST_TABLE:
            break
        depth = max(0, depth - 1) if tag["close"] else depth + 1
        if not depth and tag.end() > end:
            return text.find(">", tag.end()) + 1 or len(text)
    return end


def _add_html_paragraph(outline: Outline, start: int, end: int) -> None:
    if not _COMMENT.fullmatch(outline.text, start, end):
        header = _row_of_names(outline.text, start, end)
        outline.block(start, end, "table" if header else "paragraph", header=header)


def _row_of_names(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return where the row that names the columns stands in a block of HTML that is one table."""
    source = text[start:end].lower()
    if source.count("<table") != 1:
        return None
    row = source.find("<tr", source.find("<table"))
    close = source.find("</tr", row)
    after = source.find(">", close) + 1
    if row < 0 or close < 0 or not after or source.find("<tr", after) < 0:
        return None
    is_named = "<th" in source[row:close] and "<td" not in source[row:close]
    beyond = source.find("</table")
    is_all = beyond > after and not _html_text(source[beyond:])
    return (start + row, start + after) if is_named and is_all else None


def _html_text(source: str) -> str:
    """Return what a heading in HTML says: its text, or what its image stands for."""
    text = unescape(" ".join(_HTML_TAG.sub(" ", source).split()))
    image = None if text else _ALTERNATIVE.search(source)
    return unescape(image["double"] or image["single"] or "") if image else text


def _heading_text(inline: "Token") -> str:
    if len(inline.content) > _LONGEST_HEADING:
        return inline.content
    source = _WIKILINK.sub(lambda link: link["shown"] or "", _ATTRIBUTES.sub("", inline.content))
    if not _MARKUP.search(source):
        return source
    children = _inline_parser().parseInline(source)[0].children or []
    text = "".join(
        " " if child.type.endswith("break") else child.content for child in children if child.type != "html_inline"
    )
    return text if text.strip() else _html_text(source)


@cache
def _block_parser(indented_code: bool) -> "MarkdownIt":
    from markdown_it import MarkdownIt  # 90 ms that answering a question never needs

    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser if indented_code else parser.disable("code")


@cache
def _inline_parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark")
