"""Markdown (CommonMark and tables) with YAML or TOML front matter.

markdown-it-py tells which lines each top-level block covers; its inline parser runs on headings only, since the text of
a chunk is the source itself.
"""

import re
from functools import cache
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.document import Kind, ParsedDocument
from ragloop.corpus.parsing.outline import Outline, line_spans

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(
    r"\s*(?:---[^\S\r\n]*(?:\r\n?|\n)(?P<yaml>.*?)^(?:---|\.\.\.)|\+\+\+[^\S\r\n]*(?:\r\n?|\n)(?P<toml>.*?)^\+\+\+)[^\S\r\n]*$",
    re.DOTALL | re.MULTILINE,
)
_TITLE = re.compile(r"^title[^\S\r\n]*+[:=](?P<title>[^\r\n]*+)", re.MULTILINE)
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
    """Sections by headings outside lists and quotations; comments and link definitions are in no block."""
    front = _FRONT_MATTER.match(text)
    body = front.end() if front else 0
    outline = Outline(text, root=_front_title(front) if front else "")
    if front:
        outline.block(front.start(), front.end(), "front-matter")
    lines = [(start + body, end + body) for start, end in line_spans(text[body:])]
    tokens = _block_parser(indented_code).parse(text[body:])
    for position, token in enumerate(tokens):
        if token.level or token.nesting < 0 or not token.map or token.type == "hr":
            continue
        start, end = lines[token.map[0]][0], lines[min(token.map[1], len(lines)) - 1][1]
        if token.type == "heading_open":
            outline.section(int(token.tag[1]), _heading_text(tokens[position + 1]), start, end)
        elif not (token.type == "html_block" and _COMMENT.fullmatch(text, start, end)):
            header = lines[token.map[0]] if token.type == "table_open" else None
            outline.block(start, end, _KINDS.get(token.type, "paragraph"), header=header)
    blocks = outline.finish()
    return ParsedDocument(text, outline.root or outline.first_title or name, blocks)


def _front_title(front: re.Match[str]) -> str:
    """The scalar after `title:`; YAML is not loaded for it, so that front matter can neither fail nor expand."""
    found = _TITLE.search(front["yaml"] or front["toml"] or "")
    title = found["title"].strip() if found else ""
    if title[:1] in "\"'" and title.endswith(title[:1]):
        return title[1:-1]
    return "" if title[:1] in ("|", ">", "&", "*", "{", "[") else title.split(" #")[0].strip()


def _heading_text(inline: "Token") -> str:
    if len(inline.content) > _LONGEST_HEADING:
        return inline.content
    source = _ATTRIBUTES.sub("", inline.content)
    if not _MARKUP.search(source):
        return source
    children = _inline_parser().parseInline(source)[0].children or []
    return "".join(
        " " if child.type.endswith("break") else child.content for child in children if child.type != "html_inline"
    )


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
