"""Bytes to text: the encodings that a file may be in, tried in a stated order, each judged on the whole text.

The order: a byte order mark; UTF-16 and UTF-32 by their NUL bytes; 7-bit encodings with escape sequences; UTF-8;
UTF-8 with a few bytes that are not; the encoding that the file declares; what chardet recognises. A declaration comes
after UTF-8 because files are converted and keep it: text of another encoding is next to never valid UTF-8.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from ragloop.corpus.parsing.charsets import codec_of
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.errors import DocumentError

_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_BINARY = (
    (b"%PDF-", "a PDF file"),
    (b"PK\x03\x04", "a ZIP archive (office documents and EPUB are such)"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Microsoft Office file"),
    (b"\x7fELF", "a program"),
    (b"GGUF", "a model file"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffe\uffff]")
_MOST_CONTROLS = 0.02
_SAMPLE = 65_536
_NUL_WINDOW = 4_096
_ESCAPES = ((b"\x1b$", "iso2022_jp_2"), (b"\x1b$)C", "iso2022_kr"), (b"~{", "hz"))
"""Encodings of valid ASCII (RFC 1468, 1557, 1843): what switches to two bytes a character, and the codec."""
_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_PAUSE = re.compile(r"[\s\u3001\u3002\uff0c]")
_MULTIBYTE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")
_GOOD_PER_BAD = 4
"""Valid sequences of several bytes for each that is not, in what is plainly UTF-8."""
_FEW = 3
"""Sequences that other encodings form by chance: with fewer, the declared encoding is heard too."""
_MOST_REPLACED = 0.02
"""Share of the characters beyond ASCII that may be unreadable in the encoding that a file declares."""
_ODD = 0.05
"""Share of the characters beyond ASCII that may stand where no language has them."""
_TYPOGRAPHIC = (
    bytes(range(128)) + b"\x80\x82\x84\x85\x8b\x91\x92\x93\x94\x95\x96\x97\x99\x9b\xa0\xa9\xab\xae\xb0\xb7\xbb"
)
"""ASCII, and the quotation marks, dashes and signs that editors for Windows put into a text that is otherwise ASCII."""
_L = r"[^\W\d_]"
_MISUSED = re.compile(
    rf"(?<={_L})[\u2018\u201a\u201c\u201e\u2039\xab]|(?<={_L})[\u201d\u203a\xbb\u2026\u2022\xb7](?={_L})"
    rf"|(?<![\w.,;:!?)])\u201d(?={_L})|\u20ac(?={_L})"
    rf"|(?<={_L})(?<!\b{_L})(?<!\b{_L}{_L})\u2019(?={_L})(?!(?:s|t|d|m|ll|re|ve)\b)"
)
"""What shows that such bytes are letters of another encoding: quotation marks and signs on the wrong side of a letter,
apostrophes where no English or French word has one."""
_LIKELY = ("cp1252", "cp1250", "cp1251")
"""The encodings of most text files that are not UTF-8."""
_RARE = """iso8859-3 iso8859-4 iso8859-10 iso8859-13 iso8859-14 iso8859-16 hp-roman8 mac-latin2 mac-roman cp437 cp850
cp852 cp858""".split()
_PRIOR = {**dict.fromkeys(_RARE, 0.8), "cp1252": 1.05}
"""Factors on how likely chardet holds an encoding, which knows letters and not how often an encoding is met. Of 1,620
texts of 10 to 120 characters in 39 languages, 8 more are read as written."""


@dataclass(frozen=True)
class Decoded:
    """The text of a file, the codec that it was read with, and how many sequences of bytes became U+FFFD."""

    text: str
    encoding: str
    replaced: int = 0

    @property
    def left_out(self) -> tuple[str, ...]:
        """What a reader of the text should know."""
        if not self.replaced:
            return ()
        bytes_ = "1 byte sequence was" if self.replaced == 1 else f"{self.replaced:,} byte sequences were"
        return (f"{bytes_} not valid {self.encoding.upper()} and became the character \ufffd",)


def noting(decoded: Decoded, document: ParsedDocument) -> ParsedDocument:
    """Return the document with what its decoding says of it."""
    return replace(document, encoding=decoded.encoding, left_out=(*decoded.left_out, *document.left_out))


def decode(data: bytes, name: str, declared: str | None = None) -> Decoded:
    """Return the text of `data` without its byte order mark, newlines untouched.

    `declared` is the codec of the encoding that the file names. Raises DocumentError for binary content and for text
    in no encoding that can be recognised.
    """
    for magic, what in _BINARY:
        if data.startswith(magic):
            raise _unreadable(name, f"holds {what}")
    found = _marked(data) or next(_readings(data, declared), None)
    if found is None:
        raise _unreadable(name, "holds bytes that are text in no known encoding")
    return found


def _unreadable(name: str, found: str) -> DocumentError:
    return DocumentError(
        f"{name} {found}; expected text (UTF-8, UTF-16, UTF-32 or a common 8-bit encoding): "
        "convert the file to UTF-8 or leave it out of the source"
    )


def _marked(data: bytes) -> Decoded | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            found = _with_replacement(data.removeprefix(mark), encoding)
            return found if _is_text(found.text) else None
    return None


def _readings(data: bytes, declared: str | None) -> Iterator[Decoded]:
    """Yield the readings of `data` that are text, the best first."""
    wide = _wide(data[:_NUL_WINDOW])
    if wide and wide[1]:
        yield from _strict(data, wide[0])
    if data.isascii():
        yield from _escaped(data)
    utf8 = list(_strict(data, "utf-8"))
    if utf8 and declared and _may_be_chance(data):
        utf8 = sorted([*utf8, *_strict(data, declared)], key=_oddness)
    yield from utf8
    if wide:
        yield from _strict(data, wide[0])
    yield from _damaged_utf8(data, _GOOD_PER_BAD)
    if declared:
        yield from _declared(data, declared)
    if not data.translate(None, _TYPOGRAPHIC):
        yield from (one for one in _strict(data, "cp1252") if not _MISUSED.search(one.text))
    recognised = list(_recognised(data))
    yield from (one for one in recognised if _oddness(one) <= _ODD)
    yield from _damaged_utf8(data, 1)
    yield from recognised


def _strict(data: bytes, encoding: str) -> Iterator[Decoded]:
    """Yield the text if all of `data` is valid and reads as text."""
    try:
        text = data.decode(encoding)
    except (UnicodeError, LookupError):  # not every codec raises UnicodeDecodeError
        return
    if _is_text(text):
        yield Decoded(text.removeprefix("\ufeff"), encoding)


def _with_replacement(data: bytes, encoding: str) -> Decoded:
    text = data.decode(encoding, "replace")
    own = text.encode(encoding, "surrogatepass").count("\ufffd".encode(encoding)) if "\ufffd" in text else 0
    there = data.count("\ufffd".encode(encoding)) if own else 0
    return Decoded(text.removeprefix("\ufeff"), encoding, own - there)


def _wide(head: bytes) -> tuple[str, bool] | None:
    """Tell UTF-16 and UTF-32 without a mark by where the NUL bytes stand, and whether there are enough to be sure.

    ASCII in UTF-16 is valid UTF-8 as well, full of NULs; a single NUL in UTF-8 text is not UTF-16.
    """
    nul = [head[offset::4].count(0) for offset in range(4)]
    width = len(head) // 4
    if width and min(nul[2], nul[3]) >= width:
        return "utf-32-le", True
    if width and min(nul[0], nul[1]) >= width:
        return "utf-32-be", True
    even, odd = nul[0] + nul[2], nul[1] + nul[3]
    if max(even, odd) <= 4 * min(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be", 2 * max(even, odd) >= width


def _escaped(data: bytes) -> Iterator[Decoded]:
    for escape, encoding in _ESCAPES:
        if escape in data:
            yield from (one for one in _strict(data, encoding) if _IDEOGRAPHS.search(one.text))


def _may_be_chance(data: bytes) -> bool:
    return not data.isascii() and len(_MULTIBYTE.findall(data)) < _FEW


def _damaged_utf8(data: bytes, good_per_bad: int) -> Iterator[Decoded]:
    """Yield the text where most of what is not ASCII is valid UTF-8: there was a cut, or a byte of another file."""
    found = _with_replacement(data, "utf-8")
    good = sum(1 for char in found.text if char > "\x7f") - found.replaced
    if _is_text(found.text) and good >= good_per_bad * found.replaced > 0:
        yield found


def _declared(data: bytes, encoding: str) -> Iterator[Decoded]:
    yield from _strict(data, encoding)
    try:
        found = _with_replacement(data, encoding)
    except (UnicodeError, LookupError):
        return
    beyond = sum(1 for char in found.text if char > "\x7f")
    if found.replaced <= _MOST_REPLACED * beyond and _is_text(found.text):
        yield found


def _recognised(data: bytes) -> Iterator[Decoded]:
    """Yield what chardet takes `data` for, if every byte is valid, by how much of it no language writes."""
    import chardet  # 50 ms that most documents never need

    ranked = chardet.detect_all(data, ignore_threshold=True)
    likely = {_codec(one["encoding"]): one["confidence"] for one in reversed(ranked) if one["encoding"]}
    order = sorted(likely, key=lambda codec: -likely[codec] * _PRIOR.get(codec, 1.0))
    readings = [found for codec in order for found in _strict(data, codec) if _has_pauses(found)]
    yield from sorted(readings, key=lambda one: _oddness(one) // _ODD)
    yield from (found for codec in _LIKELY for found in _strict(data, codec) if _oddness(found) <= _ODD)


def _has_pauses(found: Decoded) -> bool:
    """Return whether there is a space, a line end or a stop: numbers read as UTF-16 are letters without any."""
    return not found.encoding.startswith("utf-") or _PAUSE.search(found.text) is not None


def _codec(encoding: str) -> str:
    return codec_of(encoding) or codecs.lookup(encoding).name


def _oddness(found: Decoded) -> float:
    """Return the share of the characters beyond ASCII that stand where no language has them."""
    sample = found.text[:_SAMPLE]
    beyond = sum(1 for char in sample if char > "\x7f")
    return len(_misplaced().findall(sample)) / beyond if beyond else 0.0


@cache
def _misplaced() -> re.Pattern[str]:
    """Compile what a text read with a wrong 8-bit codec shows.

    Controls of ISO 6429; Latin letters beside those of another alphabet in a word; capitals beyond ASCII after small
    letters; symbols between letters; lines of boxes and opening quotation marks after a letter. Apostrophes and the
    middle dot of Catalan are none of these.
    """
    extended = [chr(code) for code in range(0xA1, 0x250)]
    upper = "".join(char for char in extended if char.isupper())
    lower = "".join(char for char in extended if char.islower())
    other = "\u0370-\u06ff\ufb50-\ufefc"
    symbols = r"\xa1-\xa9\xab-\xb4\xb6\xb8\xb9\xbb-\xbf\xd7\xf7\u02c7-\u02dd\u2020-\u2022\u2030\u20ac\u2122"
    symbols += r"\u201c\u201d\u2200-\u22ff\u2500-\u25ff"
    letter = r"[^\W\d_]"
    return re.compile(
        rf"[\x80-\x9f\ufffd\ue000-\uf8ff]"
        rf"|(?<=[A-Za-z{lower}])[{other}]|[{other}](?=[A-Za-z{lower}])"
        rf"|(?<=[a-z{lower}])[{upper}]"
        rf"|(?<={letter})[{symbols}](?={letter})"
        rf"|(?<={letter})[\u201a\u201e\u0160\u2039\u2500-\u259f]"
    )


def _is_text(text: str) -> bool:
    sample = text[:_SAMPLE]
    return len(_CONTROL.findall(sample)) <= _MOST_CONTROLS * len(sample)
