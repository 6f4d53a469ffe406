"""Make text from documents, file names and questions safe to show: in a terminal, in JSON, in Markdown and in HTML.

Whoever names a file or writes a document must not move the cursor of an operator, reorder a line that the operator
reads, or place a link in a form that asks for approval.
"""

import re
from collections.abc import Iterable, Sequence

_CONTROL = "\x00-\x08\x0b-\x1f\x7f-\x9f"
"""C0 and C1 control characters and DEL, but tab and line feed: a terminal acts on them."""
_REORDERING = "\u202a-\u202e\u2066-\u2069"
"""Embeddings, overrides and isolates of the bidirectional algorithm (UAX 9): a file `annexe<RLO>txt.exe` reads as
`annexeexe.txt`. The marks U+200E, U+200F and U+061C stay: Arabic and Hebrew text holds
them, and they override nothing."""
_LINES = "\u2028\u2029"
"""Separators that some programs take for the end of a line."""
_UNSAFE = re.compile(f"[{_CONTROL}{_REORDERING}{_LINES}]")
_TICKS = re.compile("`+")
_MARKUP = re.compile(r"[\\`*\[\]<>|~&#!]|(?<![^\W_])_|_(?![^\W_])|^(?=[-+=])")
"""What begins a construct of CommonMark or GFM: code, emphasis, links, images, HTML, entities, cells, headings, lists.
An underscore between letters begins none, and the names of figures hold them."""
_ADDRESS = re.compile(r"https?://|www\.|[-.\w+]@[-\w]", re.IGNORECASE)
"""What GFM makes a link of by itself. Renderers look for it in text whose escapes are resolved already."""


def is_printable(text: str) -> bool:
    """Return whether `printable` would leave the text as it is."""
    return not _UNSAFE.search(text)


def printable(text: str) -> str:
    """Replace what a terminal would act on, or would reorder a line by, with U+FFFD."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def json_escaped(json: str) -> str:
    r"""Write the same characters inside a JSON document as `\uXXXX`, which means the same and reaches no terminal raw.

    They can stand in strings only: outside of these JSON has no character beyond ASCII, and no control but white space.
    """
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", json)


def literal(text: str) -> str:
    """Return text on one line that Markdown shows as it stands: no link, image, HTML or cell comes of it.

    Words that hold an address are shown as code, which no renderer makes a link of; in these `|` is shown as %7C, since
    a table would take it for the end of a cell.
    """
    return " ".join(_as_code(word) if _ADDRESS.search(word) else _escaped(word) for word in printable(text).split())


def _escaped(word: str) -> str:
    return _MARKUP.sub(lambda found: f"\\{found[0]}", word)


def _as_code(word: str) -> str:
    """Fence a word by more backticks than it holds in a row (CommonMark 6.1)."""
    fence = "`" * (1 + max(map(len, _TICKS.findall(word)), default=0))
    return f"{fence} {word.replace('|', '%7C')} {fence}"


def html_text(text: str) -> str:
    """Return text that HTML shows as it stands."""
    from html import escape  # its table of entities is loaded for a notebook alone

    return escape(printable(text))


def html_table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write rows as a table of HTML, one cell per name."""
    head = "".join(f"<th>{html_text(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{html_text(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
