"""The parser of each media type. Those of binary formats, and all libraries, are imported when they first run."""

from collections.abc import Callable
from importlib import import_module

from ragloop.corpus.parsing.decoding import decode, noting
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.formats.calendar import parse_calendar_file
from ragloop.corpus.parsing.formats.markdown import parse_markdown
from ragloop.corpus.parsing.formats.mdx import parse_mdx
from ragloop.corpus.parsing.formats.plain import parse_plain
from ragloop.corpus.parsing.formats.restructuredtext import looks_like_restructuredtext, parse_restructuredtext
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.media_types import HTML, PAGE_WITH_IMAGES
from ragloop.errors import DocumentError

Parser = Callable[[bytes, str, ParseLimits], ParsedDocument]
"""(bytes, name, limits) to the document."""


def parser_of(media_type: str, name: str) -> Parser:
    """Raises DocumentError for a media type that no parser reads."""
    try:
        return _PARSERS[media_type]
    except KeyError:
        known = ", ".join(sorted(_PARSERS))
        raise DocumentError(
            f"{name} is of type {media_type}; expected one of {known}: convert it or leave it out"
        ) from None


def _of_text(parse: Callable[[str, str], ParsedDocument]) -> Parser:
    def read(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
        found = decode(data, name)
        return noting(found, parse(found.text, name))

    return read


def _plain(text: str, name: str) -> ParsedDocument:
    return (parse_restructuredtext if looks_like_restructuredtext(text) else parse_plain)(text, name)


def _later(module: str, function: str) -> Parser:
    """A parser whose module is imported when it runs: a source of Markdown need not wait for those of all formats."""

    def parse(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
        found: Parser = getattr(import_module(f"ragloop.corpus.parsing.formats.{module}"), function)
        return found(data, name, limits)

    return parse


_OFFICE = "application/vnd.openxmlformats-officedocument"
_PARSERS: dict[str, Parser] = {
    "text/markdown": _of_text(parse_markdown),
    "text/mdx": _of_text(parse_mdx),
    "text/x-rst": _of_text(parse_restructuredtext),
    "text/plain": _of_text(_plain),
    HTML: _later("html", "parse_page"),
    PAGE_WITH_IMAGES: _later("page_with_images", "parse_page_with_images"),
    "text/calendar": _of_text(parse_calendar_file),
    "text/csv": _later("tables", "parse_separated"),
    "application/xml": _later("xml", "parse_xml"),
    "message/rfc822": _later("mail", "parse_mail"),
    "application/pdf": _later("pdf", "parse_pdf"),
    f"{_OFFICE}.wordprocessingml.document": _later("docx", "parse_docx"),
    f"{_OFFICE}.presentationml.presentation": _later("pptx", "parse_pptx"),
    f"{_OFFICE}.spreadsheetml.sheet": _later("xlsx", "parse_xlsx"),
    "application/msword": _later("legacy_office", "parse_doc"),
    "application/vnd.ms-excel": _later("legacy_office", "parse_xls"),
    "application/vnd.ms-powerpoint": _later("legacy_office", "parse_ppt"),
    "application/epub+zip": _later("epub", "parse_epub"),
    "image/png": _later("image", "parse_image"),
    "image/jpeg": _later("image", "parse_image"),
    "image/tiff": _later("image", "parse_image"),
    "image/webp": _later("image", "parse_image"),
    "application/vnd.ms-outlook": _later("outlook", "parse_outlook"),
    "application/x-ipynb+json": _later("notebook", "parse_notebook"),
    "application/vnd.oasis.opendocument": _later("opendocument", "parse_opendocument"),
    "application/rtf": _later("rtf", "parse_rtf"),
    "application/gzip": _later("gzip", "parse_gzip"),
    "text/x-source-code": _later("source_code", "parse_source_code"),
    "application/zip": _later("zip", "parse_zip"),
    "application/yaml": _later("settings_text", "parse_yaml"),
    "application/toml": _later("settings_text", "parse_toml"),
    "application/json": _later("json", "parse_json"),
    "application/jsonl": _later("json", "parse_json_lines"),
}
