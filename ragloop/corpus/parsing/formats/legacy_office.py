"""DOC, XLS and PPT: converted by LibreOffice where it is installed, and read as DOCX, XLSX and PPTX.

Many files of these names hold something else, which their programs open without a word: a newer document, RTF, or HTML.
"""

from collections.abc import Callable

from ragloop.corpus.parsing.by_type import parser_of
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.office.conversion import converted
from ragloop.errors import DocumentError

_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OFFICE = "application/vnd.openxmlformats-officedocument"
_NEWER = {
    "doc": ("docx", f"{_OFFICE}.wordprocessingml.document"),
    "xls": ("xlsx", f"{_OFFICE}.spreadsheetml.sheet"),
    "ppt": ("pptx", f"{_OFFICE}.presentationml.presentation"),
}


def _legacy(suffix: str) -> Callable[[bytes, str, ParseLimits], ParsedDocument]:
    target, newer = _NEWER[suffix]

    def parse(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
        start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
        if data.startswith(_COMPOUND):
            return parser_of(newer, name)(converted(data, suffix, target, limits), name, limits)
        if data.startswith(b"PK\x03\x04"):
            return parser_of(newer, name)(data, name, limits)
        if start.startswith(b"{\\rtf"):
            return parser_of("application/rtf", name)(data, name, limits)
        if start.startswith(b"<"):
            return parser_of("text/html", name)(data, name, limits)
        raise DocumentError(f"holds no Microsoft Office file, expected a .{suffix}; save it as .{target}")

    return parse


parse_doc = _legacy("doc")
parse_xls = _legacy("xls")
parse_ppt = _legacy("ppt")
