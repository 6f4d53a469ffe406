"""RTF (1.9.1): paragraphs, lists, tables, headings by style or outline level, footnotes after the text.

Headers, footers, comments, hidden and deleted text are left out; images and objects are said.
"""

import codecs
import re
from dataclasses import dataclass, field, replace

from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError

_TOKEN = re.compile(
    rb"\\(?P<word>[A-Za-z]{1,32})(?P<number>-?[0-9]{1,9})?[ ]?|\\'(?P<byte>[0-9A-Fa-f]{2})|\\(?P<sign>[^A-Za-z])"
    rb"|(?P<brace>[{}])|(?P<text>[^\\{}\r\n]+)|[\r\n\\]",
    re.DOTALL,
)
_HEADING = re.compile(r"heading ([1-9])\b", re.IGNORECASE)
_SKIPPED = frozenset(
    """fonttbl colortbl listtable listoverridetable revtbl rsidtbl generator filetbl themedata colorschememapping
    datastore latentstyles xmlnstbl header headerl headerr headerf footer footerl footerr footerf fldinst objdata pict
    object annotation atnid atnauthor atndate atnref private nonshppict bkmkstart bkmkend stylesheet info pntext
    listtext pn pnseclvl tc xe template userprops docvar ftnsep ftnsepc aftnsep aftnsepc sp shpinst""".split()
)
_CHARACTERS = {
    "line": "\n", "tab": "\t", "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“",
    "rdblquote": "”", "bullet": "•", "emspace": " ", "enspace": " ", "softline": "\n",
}  # fmt: skip
_SIGNS = {b"~": "\xa0", b"_": "-", b"\\": "\\", b"{": "{", b"}": "}", b"\n": "\n", b"\r": "\n"}
_CHARSETS = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gb18030", 136: "cp950", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
"""Codecs of the character sets that fonts name; others have that of the document."""
_MOST_CELLS = 64 * 1024


@dataclass(frozen=True)
class _Group:
    """What holds inside a pair of braces. `into` names where text goes: the body, a note, the title, or nowhere."""

    into: str = "body"
    codec: str = ""
    after_unicode: int = 1
    hidden: bool = False


def parse_rtf(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for what is no RTF, and beyond the limits."""
    if not data.strip():
        return ParsedDocument("", name, ())
    if not data.lstrip().startswith(b"{\\rtf"):
        raise DocumentError("does not begin with {\\rtf, expected an RTF document; save it again or leave it out")
    reading = _Reading(Extraction(limits.characters))
    reading.read(data)
    return reading.document(name)


@dataclass
class _Reading:
    extraction: Extraction
    _group: _Group = field(default_factory=_Group)
    _open: list[_Group] = field(default_factory=list)
    _codec: str = "cp1252"
    _bytes: bytearray = field(default_factory=bytearray)
    _pieces: dict[str, list[str]] = field(default_factory=dict)
    _fonts: dict[int, str] = field(default_factory=dict)
    _levels: dict[int, int] = field(default_factory=dict)
    _number: int = 0
    _level: int = 0
    _in_list: bool = False
    _in_table: bool = False
    _starred: bool = False
    _to_skip: int = 0
    _row: list[str] = field(default_factory=list)
    _rows: list[list[str]] = field(default_factory=list)
    _items: list[str] = field(default_factory=list)
    _images: int = 0
    _objects: int = 0

    def read(self, data: bytes) -> None:
        position = 0
        while found := _TOKEN.match(data, position):
            position = found.end()
            word = found["word"]
            if word == b"bin":
                position += max(0, int(found["number"] or 0))
            elif word:
                self._word(word.decode("ascii"), int(found["number"]) if found["number"] else None)
            elif found["byte"]:
                self._byte(bytes.fromhex(found["byte"].decode("ascii")))
            elif found["sign"]:
                self._sign(found["sign"])
            elif found["brace"]:
                self._brace(found["brace"])
            elif found["text"]:
                skipped = min(self._to_skip, len(found["text"]))
                self._to_skip -= skipped
                self._put_bytes(found["text"][skipped:])
        self._paragraph()
        self._end_list()
        self._end_table()

    def document(self, name: str) -> ParsedDocument:
        self.extraction.add(self._taken("note"))
        for count, what in ((self._images, "image"), (self._objects, "embedded object")):
            if count:
                many = f"1 {what} was" if count == 1 else f"{count:,} {what}s were"
                self.extraction.left_out.append(f"{many} not read")
        return self.extraction.document(name, title=one_line(self._taken("title")))

    def _brace(self, brace: bytes) -> None:
        self._flush()
        self._to_skip, self._starred = 0, False
        if brace == b"{":
            self._open.append(self._group)
        elif self._open:
            if self._group.into == "style":
                self._style()
            elif self._group.into == "note" and self._open[-1].into != "note":
                self._put("\n")
            self._group = self._open.pop()

    def _sign(self, sign: bytes) -> None:
        if self._to_skip and sign not in b"*":
            self._to_skip -= 1
        elif sign == b"*":
            self._starred = True
        elif sign in (b"\n", b"\r"):
            self._end_of_paragraph()
        elif sign in _SIGNS:
            self._put(_SIGNS[sign])

    def _byte(self, byte: bytes) -> None:
        if self._to_skip:
            self._to_skip -= 1
        else:
            self._put_bytes(byte)

    def _word(self, word: str, number: int | None) -> None:
        starred, self._starred = self._starred, False
        if word in ("footnote", "title", "shppict") or word in _SKIPPED or starred:
            self._destination(word, starred)
        elif word == "u" and number is not None:
            self._flush()
            self._put(chr(number % 65_536))
            self._to_skip = self._group.after_unicode
        elif word == "uc":
            self._group = replace(self._group, after_unicode=min(max(number or 0, 0), 8))
        elif word in _CHARACTERS:
            self._put(_CHARACTERS[word])
        elif word in ("v", "deleted"):
            self._flush()
            self._group = replace(self._group, hidden=number != 0)
        elif word == "ansicpg" and number:
            self._codec = _known(f"cp{number}") or self._codec
        elif word in ("f", "fcharset", "s"):
            self._table_entry(word, number or 0)
        elif self._group.into == "body":
            self._layout(word, number)
        elif word == "par" and self._group.into == "note":
            self._put("\n")

    def _destination(self, word: str, starred: bool) -> None:
        self._flush()
        self._images += word == "pict" and self._group.into == "body"
        self._objects += word == "object" and self._group.into == "body"
        if word in ("listtext", "pntext") and self._group.into == "body":
            self._in_list = True
        into = {"footnote": "note", "title": "title", "fonttbl": "fonts", "stylesheet": "style"}.get(word)
        if word == "shppict":
            return
        if self._group.into == "nothing" and word != "title":
            return
        if into == "note" and self._group.hidden:
            return
        self._group = replace(self._group, into=into or "nothing", hidden=False)

    def _table_entry(self, word: str, number: int) -> None:
        """Take the number of a font, its character set, or the number of a style."""
        self._flush()
        if word == "fcharset":
            self._fonts[self._number] = _CHARSETS.get(number, "")
        elif (word, self._group.into) in (("f", "fonts"), ("s", "style")):
            self._number = number
        elif word == "f":
            self._group = replace(self._group, codec=self._fonts.get(number, ""))
        elif self._group.into == "body":
            self._level = self._levels.get(number, 0)

    def _style(self) -> None:
        if found := _HEADING.search(self._taken("style")):
            self._levels[self._number] = int(found[1])
        self._number = 0

    def _layout(self, word: str, number: int | None) -> None:
        if word in ("par", "sect", "page", "column"):
            self._end_of_paragraph()
        elif word == "pard":
            self._level, self._in_list, self._in_table = 0, False, False
        elif word == "outlinelevel" and number is not None:
            self._level = number + 1 if 0 <= number < 9 else 0
        elif word == "ls" and number:
            self._in_list = True
        elif word == "intbl":
            self._in_table = True
        elif word in ("cell", "nestcell"):
            if len(self._row) < _MOST_CELLS:
                self._row.append(self._taken("body").strip())
        elif word in ("row", "nestrow"):
            self._rows.append(self._row)
            self._row = []

    def _end_of_paragraph(self) -> None:
        if self._group.into != "body":
            return
        self._flush()
        if self._in_table:
            self._put("\n")
        else:
            self._paragraph()

    def _paragraph(self) -> None:
        self._flush()
        text = self._taken("body")
        self._end_table()
        if self._in_list and not self._level and text.strip():
            self._items.append("- " + one_line(text))
            return
        if text.strip():
            self._end_list()
        self.extraction.add(one_line(text) if self._level else text, level=self._level)

    def _end_list(self) -> None:
        self.extraction.add("\n".join(self._items), "list")
        self._items = []

    def _end_table(self) -> None:
        rows = [*self._rows, self._row] if self._row else self._rows
        if rows:
            self._end_list()
            self.extraction.table(rows)
        self._rows, self._row = [], []

    def _put_bytes(self, data: bytes) -> None:
        if self._group.into != "nothing" and not self._group.hidden:
            self._bytes += data

    def _put(self, text: str) -> None:
        self._flush()
        if self._group.into != "nothing" and not self._group.hidden:
            self._pieces.setdefault(self._group.into, []).append(text)

    def _flush(self) -> None:
        if self._bytes:
            text = self._bytes.decode(self._group.codec or self._codec, "replace")
            self._bytes.clear()
            self._pieces.setdefault(self._group.into, []).append(text)

    def _taken(self, into: str) -> str:
        """Return the text that was put somewhere, and begin anew; characters beyond U+FFFF are written as two."""
        self._flush()
        text = "".join(self._pieces.pop(into, ()))
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")


def _known(codec: str) -> str | None:
    try:
        return codecs.lookup(codec).name
    except LookupError:
        return None
