"""reStructuredText: a line scanner that finds section titles and blocks with their exact offsets.

The rules are those of docutils (https://docutils.sourceforge.io/docs/ref/rst/restructuredtext.html and the states of
`docutils.parsers.rst.states`). docutils itself yields no offsets; docs/decisions/0001-restructuredtext-scanner.md.
"""

import re
import unicodedata
from dataclasses import dataclass, field

from ragloop.corpus.parsing.document import Kind, ParsedDocument
from ragloop.corpus.parsing.outline import Outline, line_spans

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1*\s*$")
_GRID_TABLE = re.compile(r"\+-[-+]+-\+\s*$")
_TABLE_TOP = re.compile(r"=+( +=+)+\s*$")
_TABLE_BORDER = re.compile(r"=[ =]*+\s*+$")  # possessive: one way to part what both repeat
_EXPLICIT = re.compile(r"\.\.(?: +|\s*$)")
_DIRECTIVE = re.compile(r"\.\. +(?:\|[^|]+\| +)?(?P<name>[\w.+:-]*\w) ?::(?:\s|$)")
_FOOTNOTE = re.compile(r"\.\. +\[[^\]]+\]")
_FIELD = r":(?![: ])(?:[^:\\]|\\.|:(?!(?:[ `]|$)))*(?<! ):(?: +|\s*$)"
_BULLET = r"[-+*\u2022\u2023\u2043](?: +|\s*$)"
_ENUMERATOR = r"(?:\(?(?:\d+|[a-zA-Z]|[ivxlcdmIVXLCDM]+|#)\)|(?:\d+|[a-zA-Z]|[ivxlcdmIVXLCDM]+|#)\.)(?: +|\s*$)"
_OPTION = r"(?:-\w|--?[a-zA-Z][\w-]*|/[A-Z])(?:[ =][\w<>-]+)?(?:  +\S|\s*$)"
_ITEM = re.compile(f"{_BULLET}|{_ENUMERATOR}|{_FIELD}")
_NEVER_A_TITLE = re.compile(rf"{_BULLET}|{_FIELD}|{_OPTION}|>>>(?: +|\s*$)|\|(?: +|\s*$)|\.\.(?: +|\s*$)|__(?: +|\s*$)")
_CODE_DIRECTIVES = frozenset(
    ("code", "code-block", "sourcecode", "parsed-literal", "console", "math", "raw", "literalinclude", "doctest")
)
_TABLE_DIRECTIVES = frozenset(("list-table", "csv-table", "table"))
_HEADER_BORDER = re.compile(r"\+=[=+]*\+$")
_HEADER_ROWS = re.compile(r" *:header-rows: +(?P<rows>[1-9])$")
_HEADER = re.compile(r" *:header: +(?=\S)")
_ROW = re.compile(r" *[-*+] +[-*+](?: |$)")  # of a list table
_SHORTEST = 4  # below four characters docutils takes an adornment that is too short for its title as text
_MARKER = re.compile(r"(?m)^\.\. (?:[\w:-]+::|_[^:\n]+:)|:[a-z]+:`[^`\n]+`|^(([=#*~^-])\2{3,})\r?\n.+\n\1\r?$")


def looks_like_restructuredtext(text: str) -> bool:
    """Whether a .txt file (Django's documentation is such) has explicit markup, a role or a framed title."""
    return _MARKER.search(text) is not None


def parse_restructuredtext(text: str, name: str) -> ParsedDocument:
    """Sections and blocks; comments, targets and substitutions are in no block. Nothing is an error."""
    scanner = _Scanner(text)
    scanner.scan()
    blocks = scanner.outline.finish()
    return ParsedDocument(text, scanner.outline.first_title or name, blocks)


@dataclass
class _Scanner:
    text: str
    outline: Outline = field(init=False)
    styles: list[str] = field(default_factory=list)
    level: int = 0
    at: int = 0
    literal_above: int | None = None  # column above which the next indented lines are a literal block

    def __post_init__(self) -> None:
        self.outline = Outline(self.text)
        self.spans = list(line_spans(self.text))
        self.lines = [self.text[start:end].expandtabs(8).rstrip() for start, end in self.spans]
        self.columns = [len(line) - len(line.lstrip()) for line in self.lines]

    def scan(self) -> None:
        while self.at < len(self.lines):
            if not self.lines[self.at]:
                self.at += 1
            elif self.columns[self.at] == 0 and self._title():
                self.literal_above = None
            else:
                self._block()

    def _title(self) -> bool:
        """Take a section title or a transition at this line, if one stands here."""
        line, below, second = self._line(0), self._line(1), self._line(2)
        if _ADORNMENT.match(line):
            if not below and len(line) >= _SHORTEST:
                self.at += 1
                return True
            if line == second and below and not _ADORNMENT.match(below) and _long_enough(below, line):
                return self._open(below, line[0] * 2, 3)
            return False
        if below and _ADORNMENT.match(below) and _long_enough(line, below) and not _NEVER_A_TITLE.match(line):
            return self._open(line, below[0], 2)
        return False

    def _open(self, title: str, style: str, lines: int) -> bool:
        if style not in self.styles:
            del self.styles[self.level :]  # a style that is new here, where docutils would report an inconsistency
            self.styles.append(style)
        self.level = self.styles.index(style) + 1
        start, end = self.spans[self.at][0], self.spans[self.at + lines - 1][1]
        self.outline.section(self.level, plain_title(title), start, end)
        self.at += lines
        return True

    def _block(self) -> None:
        line, column = self.lines[self.at].lstrip(), self.columns[self.at]
        if self.literal_above is not None and column > self.literal_above:
            return self._take(self._end_of_indented(self.literal_above), "code")
        self.literal_above = None
        if _EXPLICIT.match(line) or line.startswith("__ "):
            return self._explicit(line, column)
        if _TABLE_TOP.match(line):
            return self._take(self._end_of_simple_table(), "table")
        if _GRID_TABLE.match(line):
            return self._take(self._end_of_run(), "table")
        if line.startswith(">>>"):
            return self._take(self._end_of_run(), "code")
        if _ITEM.match(line):
            return self._take(self._end_of_items(column), "list")
        return self._take(self._end_of_paragraph(column), "paragraph")

    def _explicit(self, line: str, column: int) -> None:
        directive = _DIRECTIVE.match(line)
        if directive and "|" not in directive[0]:
            if directive["name"] in _CODE_DIRECTIVES:
                return self._take(self._end_of_indented(column, self.at + 1), "code")
            if directive["name"] in _TABLE_DIRECTIVES:
                return self._take(self._end_of_indented(column, self.at + 1), "table")
            return self._take(self._end_of_run(column), "paragraph")
        if _FOOTNOTE.match(line):
            return self._take(self._end_of_run(column), "paragraph")
        empty = line == ".." and not self._line(1)
        self.at = self.at + 1 if empty else self._end_of_indented(column, self.at + 1)
        return None

    def _take(self, end: int, kind: Kind) -> None:
        header = self._header(end) if kind == "table" else None
        self.outline.block(self.spans[self.at][0], self.spans[end - 1][1], kind, header=header)
        last, line = end - 1, self.lines[end - 1]
        if kind in ("paragraph", "list") and line.endswith("::") and not _DIRECTIVE.match(line.lstrip()):
            marker = _ITEM.match(line, self.columns[last]) if kind == "list" else None
            self.literal_above = marker.end() if marker and marker.end() < len(line) else self.columns[last]
        self.at = end

    def _header(self, end: int) -> tuple[int, int] | None:
        """Return the span of the rows of a table, which ends before the line `end`, that name its columns."""
        first, directive = self.at, _DIRECTIVE.match(self.lines[self.at].lstrip())
        rows = 0
        if directive:
            first += 1
            while first < end and self.lines[first]:
                if found := _HEADER.match(self.lines[first]):
                    return self.spans[first][1] - len(self.lines[first]) + found.end(), self.spans[first][1]
                found = _HEADER_ROWS.match(self.lines[first])
                rows = int(found["rows"]) if found else rows
                first += 1
            first += 1
        lines = range(first, end)
        if not directive or directive["name"] == "table":
            last = next((at for at in lines if _HEADER_BORDER.match(self.lines[at].lstrip())), None)
            if last is None:
                borders = [at for at in lines if _TABLE_BORDER.match(self.lines[at].lstrip())]
                last = borders[1] if len(borders) > 2 else None
        elif directive["name"] == "list-table":
            begins = [at for at in lines if _ROW.match(self.lines[at])]
            last = begins[rows] if 0 < rows < len(begins) else None
        else:
            last = first + rows if 0 < rows < len(lines) else None
        return None if last is None else (self.spans[first][0], self.spans[last - 1][1])

    def _line(self, ahead: int) -> str:
        return self.lines[self.at + ahead] if self.at + ahead < len(self.lines) else ""

    def _end_of_indented(self, column: int, start: int | None = None) -> int:
        """One past the last line deeper than `column`, blank lines between such lines included."""
        end = position = self.at if start is None else start
        while position < len(self.lines) and (not self.lines[position] or self.columns[position] > column):
            position += 1
            if self.lines[position - 1]:
                end = position
        return max(end, self.at + 1)

    def _end_of_run(self, deeper_than: int = -1) -> int:
        end = self.at + 1
        while end < len(self.lines) and self.lines[end] and self.columns[end] > deeper_than:
            end += 1
        return end

    def _end_of_items(self, column: int) -> int:
        """List items without blank lines between them; an unindented line that starts no item is something else."""
        end = self.at + 1
        while end < len(self.lines) and self.lines[end]:
            if self.columns[end] <= column and not _ITEM.match(self.lines[end], self.columns[end]):
                break
            end += 1
        return end

    def _end_of_paragraph(self, column: int) -> int:
        """Up to a blank line; a definition ends where the next unindented line begins."""
        end = self.at + 1
        while end < len(self.lines) and self.lines[end]:
            if self.columns[end] < column or self.columns[end] <= column < self.columns[end - 1]:
                break
            end += 1
        return end

    def _end_of_simple_table(self) -> int:
        borders, end = 0, self.at + 1
        while end < len(self.lines):
            if _TABLE_BORDER.match(self.lines[end].lstrip()):
                borders += 1
                if borders == 2 or end + 1 == len(self.lines) or not self.lines[end + 1]:
                    return end + 1
            end += 1
        return self._end_of_run()


def _long_enough(title: str, adornment: str) -> bool:
    return len(adornment) >= _SHORTEST or _width(title) <= len(adornment)


def _width(title: str) -> int:
    """Columns a title takes: two for wide East Asian characters, none for combining ones."""
    if title.isascii():
        return len(title)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in title
    )


# A run of letters and colons is taken whole: a search from each of its colons would read the rest of it every time.
_ROLE = re.compile(r"(?P<before>[\w:+.-]*+)(?:`(?P<content>[^`]+)`(?::[\w:+.-]+:|__?)?)?")
_LITERAL = re.compile(r"(``.+?``)")
_EMPHASIS = re.compile(r"(?<![\w*\\])\*{1,2}(?=\S)([^*]+?)(?<=[^\s\\])\*{1,2}(?![\w*])")
_REFERENCE = re.compile(r"\b(?!_)(\w*[^\W_])__?(?!\w)")
_ESCAPED = re.compile(r"\\(.)")


def plain_title(title: str) -> str:
    """A title without inline markup: "The :class:`~a.b.Form` API" is "The Form API"."""
    parts = _LITERAL.split(title.strip())
    return "".join(part[2:-2] if _LITERAL.fullmatch(part) else _without_markup(part) for part in parts)


def _without_markup(part: str) -> str:
    part = _REFERENCE.sub(r"\1", _EMPHASIS.sub(r"\1", _ROLE.sub(_without_role, part)))
    return _ESCAPED.sub(r"\1", part)


def _without_role(found: re.Match[str]) -> str:
    before, content = found["before"], found["content"]
    if content is None:
        return before
    role = before.find(":")
    named = before.endswith(":") and len(before) - role > 2  # a name between two colons
    return (before[:role] if named else before) + _role_text(content)


def _role_text(content: str) -> str:
    """Return "text" of "text <target>", the last name of "~a.b.name", else the content itself."""
    text, opened, target = content.rpartition("<")
    if text and opened and target[-1:] == ">" and len(target) > 1 and ">" not in target[:-1]:
        return text.rstrip() or text[0]
    return content[1:].rsplit(".", 1)[-1] if content.startswith("~") else content.removeprefix("!")
