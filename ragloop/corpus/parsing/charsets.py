"""Charsets that a page or a message declares, as the Python codecs that a browser would take for them."""

import codecs
import re

_META_CHARSET = re.compile(rb"<meta[^<>]+?charset\s*=\s*[\"']?\s*([\w:.-]+)", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"\s*<\?xml[^<>]{0,200}?\sencoding\s*=\s*[\"']([\w:.-]+)[\"']")
_LABELS = {
    "windows-874": "cp874",
    "windows-949": "cp949",
    "windows-31j": "cp932",
    "x-sjis": "cp932",
    "x-gbk": "gbk",
    "x-mac-cyrillic": "mac-cyrillic",
    "iso-8859-8-i": "iso8859-8",
}
"""Labels of the standard that Python does not know."""
_CODECS = frozenset(
    """utf-8 cp866 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-9 iso8859-10 iso8859-11
    iso8859-13 iso8859-14 iso8859-15 iso8859-16 koi8-r koi8-u mac-roman mac-cyrillic cp874 cp1250 cp1251 cp1252 cp1253
    cp1254 cp1255 cp1256 cp1257 cp1258 gb18030 big5hkscs euc_jp iso2022_jp cp932 cp949""".split()
)
"""Python's names of the encodings in the WHATWG encoding standard (https://encoding.spec.whatwg.org/#names-and-labels).

A page must not reach the other codecs: `undefined` always raises, `punycode` takes the square of its input.
"""
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
}
"""What a label stands for in the WHATWG standard: Windows has written the wider codec under the narrower name."""
_META_WINDOW = 2_048


def codec_of(label: str) -> str | None:
    """The Python codec for a charset's label; None for what no browser knows."""
    label = label.lower()
    try:
        codec = codecs.lookup(_LABELS.get(label, label)).name
    except (LookupError, ValueError):  # a label with a NUL is a ValueError
        return None
    codec = _WIDER.get(codec, codec)
    return codec if codec in _CODECS else None


def declared_encoding(data: bytes) -> str | None:
    """Return the codec that the XML declaration names (XML 1.0, 4.3.3), else what `<meta charset>` does.

    A UTF-16 there cannot be true, since the declaration itself was read as ASCII.
    """
    head = data[:_META_WINDOW]
    found = _XML_ENCODING.match(head) or _META_CHARSET.search(head)
    return codec_of(found[1].decode("ascii")) if found else None
