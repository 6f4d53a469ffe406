"""Bytes to text: byte order marks, UTF-16 and UTF-32 without one, UTF-8, and what charset-normalizer recognises."""

import codecs
import re
from collections.abc import Iterator

from ragloop.errors import DocumentError

_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
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
_LETTER = re.compile(rb"[A-Za-z]")
_MOST_CONTROLS = 0.02
_DETECTION_BYTES = 65_536
_NUL_WINDOW = 4_096
_LITTLE_EVIDENCE = 32
_WESTERN = re.compile("[\xa0-\xff\u0152\u0153\u0178\u2013\u2014\u2018-\u201a\u201c-\u201e\u2022\u2026\u20ac\u2122]*")


def decode(data: bytes, name: str, declared: str | None = None) -> str:
    """The text of `data`, without its byte order mark, newlines untouched. `declared` is an encoding the file names.

    Raises DocumentError for binary content and for text in no encoding that can be recognised.
    """
    for magic, what in _BINARY:
        if data.startswith(magic):
            raise _unreadable(name, f"holds {what}")
    for encoding in _candidates(data, declared):
        try:
            text = data.decode(encoding)
        except (UnicodeError, LookupError):  # not every codec raises UnicodeDecodeError
            continue
        if _is_text(text):
            return text.removeprefix("\ufeff")
        if encoding == "utf-8":
            break  # valid, and yet control characters: no other encoding makes it text
    raise _unreadable(name, "holds bytes that are text in no known encoding")


def _unreadable(name: str, found: str) -> DocumentError:
    return DocumentError(
        f"{name} {found}; expected text (UTF-8, UTF-16, UTF-32 or a common 8-bit encoding): "
        "convert the file to UTF-8 or leave it out of the source"
    )


def _candidates(data: bytes, declared: str | None) -> Iterator[str]:
    marked = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    if marked:
        yield marked
        return
    wide = _wide(data[:_NUL_WINDOW])
    if wide and wide[1]:
        yield wide[0]
    if declared:
        yield declared
    yield "utf-8"
    if wide:
        yield wide[0]
    if _looks_western(data):
        yield "cp1252"
    yield from _detected(data)


def _wide(head: bytes) -> tuple[str, bool] | None:
    """UTF-16 and UTF-32 without a mark, told by where the NUL bytes stand, and whether there are enough to be sure.

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


def _looks_western(data: bytes) -> bool:
    """Mostly ASCII letters with few other bytes: too little for detection, which takes "café" for Urdu (cp1006)."""
    others = data.translate(None, bytes(range(128)))
    if len(others) >= _LITTLE_EVIDENCE:
        return False
    letters = len(_LETTER.findall(data))
    return 2 * len(others) < letters and _WESTERN.fullmatch(others.decode("cp1252", "replace")) is not None


def _detected(data: bytes) -> Iterator[str]:
    from charset_normalizer import from_bytes  # 20 ms that most documents never need

    best = from_bytes(data[:_DETECTION_BYTES]).best()
    if best is not None:
        yield best.encoding


def _is_text(text: str) -> bool:
    sample = text[:_DETECTION_BYTES]
    return len(_CONTROL.findall(sample)) <= _MOST_CONTROLS * len(sample)
