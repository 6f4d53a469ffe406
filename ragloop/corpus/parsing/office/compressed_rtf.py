"""RTF as Outlook keeps it: compressed by references into the 4,096 bytes before ([MS-OXRTFCP])."""

import struct

_HEADER = struct.Struct("<II4sI")
_AS_IT_IS, _COMPRESSED = b"MELA", b"LZFu"
_WINDOW = 4_096
_PRELOADED = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans Serif"
    rb"SymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
"""What the window holds before the first byte."""


def decompressed(data: bytes) -> bytes:
    """Return the RTF, at most nine times as long as the data; nothing for data of another kind."""
    if len(data) < _HEADER.size:
        return b""
    size, raw_size, kind, _ = _HEADER.unpack_from(data)
    if kind == _AS_IT_IS:
        return data[_HEADER.size : _HEADER.size + raw_size]
    return _unpacked(data[_HEADER.size : size + 4]) if kind == _COMPRESSED else b""


def _unpacked(data: bytes) -> bytes:
    """Follow the bytes that say of eight items each whether it is a byte or a reference of two."""
    text = bytearray(_PRELOADED)
    position = 0
    while position < len(data):
        marks = data[position]
        position += 1
        for bit in range(8):
            if not marks >> bit & 1:
                text += data[position : position + 1]
                position += 1
                continue
            reference = int.from_bytes(data[position : position + 2], "big")
            position += 2
            back = (len(text) - (reference >> 4)) % _WINDOW
            if not back or position > len(data):  # a reference to where the next byte goes is the end
                return bytes(text[len(_PRELOADED) :])
            for _ in range((reference & 15) + 2):
                text.append(text[-back] if back <= len(text) else 0)
    return bytes(text[len(_PRELOADED) :])
