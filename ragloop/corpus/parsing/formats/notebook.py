"""Jupyter notebooks (nbformat 2 to 4): cells in order as one Markdown text, so that a heading holds for what follows.

Code cells and the text that they put out become fenced code. Tables are read from their HTML, which tells cells apart.
Not read: images, widgets, what went to stderr, the traceback of an error.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ragloop.corpus.parsing.decoding import decode, noting
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.formats.html import parse_html
from ragloop.corpus.parsing.formats.json import readable
from ragloop.corpus.parsing.formats.markdown import parse_markdown
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError
from ragloop.wording import first_few

_MOST_OUTPUT = 4_000
"""Characters of what one cell puts out: beyond that it is a log or a dump of data."""
_NAMED = 8
"""Cells that a sentence names."""
_FENCE = re.compile(r" {0,3}(`{3,}+|~{3,}+)([^\r\n]*)")
_BACKTICKS = re.compile(r"`+")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*+[A-Za-z]")  # colours of a terminal
_DATA_ADDRESS = re.compile(r"\(data:[^()\s]*+\)")
_MIME = {"text": "text/plain", "html": "text/html", "png": "image/png", "jpeg": "image/jpeg", "svg": "image/svg+xml"}
"""The keys of version 3 and before."""

Cell = Mapping[str, Any]


def parse_notebook(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for what is no notebook, and beyond the limits."""
    found = decode(data, name)
    if not found.text.strip():
        return ParsedDocument("", name, ())
    notebook = _loaded(found.text, name)
    reading = _Reading(name, replace(limits, recognise=False), _language(notebook))
    for number, cell in enumerate(_cells(notebook, name), start=1):
        reading.cell(cell, number)
    return noting(found, reading.document(_metadata(notebook, "title")))


def _loaded(text: str, name: str) -> Mapping[str, Any]:
    try:
        notebook = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        raise DocumentError(
            f"{name} is no valid JSON ({error}), expected a Jupyter notebook; save it again or leave it out"
        ) from None
    if not isinstance(notebook, dict):
        raise _without_cells(name)
    return notebook


def _without_cells(name: str) -> DocumentError:
    return DocumentError(
        f"{name} holds JSON without a list of cells, expected a Jupyter notebook; name it .json or leave it out"
    )


def _cells(notebook: Mapping[str, Any], name: str) -> list[Cell]:
    """Return the cells; those of version 3 and before lie in worksheets."""
    sheets = notebook.get("worksheets")
    holders = sheets if isinstance(sheets, list) and "cells" not in notebook else [notebook]
    lists = [one.get("cells") for one in holders if isinstance(one, dict)]
    if not all(isinstance(one, list) for one in lists) or not holders:
        raise _without_cells(name)
    return [cell for cells in lists for cell in cells or () if isinstance(cell, dict)]


def _metadata(notebook: Mapping[str, Any], *keys: str) -> str:
    value: Any = notebook.get("metadata")
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _language(notebook: Mapping[str, Any]) -> str:
    return _metadata(notebook, "language_info", "name") or _metadata(notebook, "kernelspec", "language")


def _text(value: object) -> str:
    """Return a text that is kept as one string or as its lines."""
    lines = value if isinstance(value, list) else [value]
    return readable("".join(line for line in lines if isinstance(line, str)))


@dataclass
class _Reading:
    name: str
    limits: ParseLimits
    language: str
    _pieces: list[str] = field(default_factory=list)
    _characters: int = 0
    _left_out: list[str] = field(default_factory=list)
    _images: list[int] = field(default_factory=list)
    _stderr: list[int] = field(default_factory=list)

    def cell(self, cell: Cell, number: int) -> None:
        kind = cell.get("cell_type")
        source = _text(cell.get("source")) or _text(cell.get("input"))
        if kind == "code":
            language = cell.get("language")
            self._add(_fenced(source, language if isinstance(language, str) else self.language))
            self._outputs(cell, number)
        elif kind == "heading" and source.strip():
            level = cell.get("level")
            marks = "#" * min(max(level if isinstance(level, int) else 1, 1), 6)
            self._add(f"{marks} {' '.join(source.split())}")
        else:  # Markdown, and raw cells: the first may be front matter
            self._add(_closed(_DATA_ADDRESS.sub("()", source)))
            if cell.get("attachments") or _DATA_ADDRESS.search(source):
                self._images.append(number)

    def document(self, title: str) -> ParsedDocument:
        read = parse_markdown("\n\n".join(self._pieces), self.name)
        left_out = [*self._left_out]
        if self._images:
            left_out.append(f"{_of_cells(self._images)}: images were not read")
        if self._stderr:
            left_out.append(f"{_of_cells(self._stderr)}: what went to stderr was not read")
        return replace(read, title=title or read.title, left_out=(*read.left_out, *left_out))

    def _add(self, markdown: str) -> None:
        markdown = markdown.strip("\r\n")
        if not markdown.strip():
            return
        self._characters += len(markdown)
        if self._characters > self.limits.characters:
            raise DocumentError(
                f"found more than {self.limits.characters:,} characters of text, expected fewer; "
                "raise sync.max_document_mb to take it, or split the notebook"
            )
        self._pieces.append(markdown)

    def _outputs(self, cell: Cell, number: int) -> None:
        outputs = cell.get("outputs")
        dicts = [one for one in outputs if isinstance(one, dict)] if isinstance(outputs, list) else []
        texts = [self._output(one, number) for one in dicts]
        text = "\n".join(filter(None, (one.strip("\r\n") for one in texts)))
        if len(text) > _MOST_OUTPUT:
            self._left_out.append(f"cell {number}: {len(text) - _MOST_OUTPUT:,} characters of its output were not read")
            text = text[:_MOST_OUTPUT]
        self._add(_fenced(text, ""))

    def _output(self, output: Mapping[str, Any], number: int) -> str:
        kind = output.get("output_type")
        if kind == "stream":
            if "stderr" in (output.get("name"), output.get("stream")):
                self._stderr.append(number)
                return ""
            return _ESCAPES.sub("", _text(output.get("text")))
        if kind in ("error", "pyerr"):
            return ": ".join(filter(None, (_text(output.get("ename")), _text(output.get("evalue")))))
        return self._shown(_versions(output), number)

    def _shown(self, versions: Mapping[str, str], number: int) -> str:
        """Return the version of an output that tells most as text."""
        if any(mime.startswith("image/") for mime in versions):
            self._images.append(number)
            return ""
        page, plain = versions.get("text/html", ""), versions.get("text/plain", "")
        if "<table" in page.lower():
            read = parse_html(page, self.name, self.limits)
            return "\n".join(read.text[block.start : block.end] for block in read.blocks)
        if markdown := versions.get("text/markdown") or versions.get("text/latex"):
            return markdown
        if page and (not plain.strip() or plain.lstrip().startswith("<")):  # the name of an object
            return parse_html(page, self.name, self.limits).text
        return _ESCAPES.sub("", plain)


def _versions(output: Mapping[str, Any]) -> dict[str, str]:
    """Return the versions of an output by media type."""
    data = output.get("data")
    if isinstance(data, dict):
        return {key: text for key, value in data.items() if (text := _text(value))}
    return {mime: text for key, mime in _MIME.items() if (text := _text(output.get(key)))}


def _fenced(code: str, language: str) -> str:
    """Return a block of code between fences that its text does not hold."""
    code = code.strip("\r\n")
    if not code.strip():
        return ""
    longest = max((len(ticks) for ticks in _BACKTICKS.findall(code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language if language.isalnum() else ''}\n{code}\n{fence}"


def _closed(markdown: str) -> str:
    """Return the text of a cell with the fence closed that it leaves open: a block of code ends with its cell."""
    opened = ""
    for line in markdown.splitlines():
        found = _FENCE.match(line)
        if not found:
            continue
        fence, rest = found.groups()
        if not opened:
            opened = "" if fence[0] == "`" and "`" in rest else fence
        elif fence.startswith(opened) and not rest.strip():
            opened = ""
    return f"{markdown}\n{opened}" if opened else markdown


def _of_cells(numbers: Sequence[int]) -> str:
    """Return "cell 3", or "cells 3, 5, and 12 more"."""
    distinct = list(dict.fromkeys(map(str, numbers)))
    return f"{'cell' if len(distinct) == 1 else 'cells'} {first_few(distinct, _NAMED)}"
