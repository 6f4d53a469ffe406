"""What the parsing process and its parent say to each other: a JSON header and bytes, their lengths before them.

A request is answered with a document, with the chunks of a long one, or with the reason why there is neither. Before
that the worker may ask, any number of times, how many tokens some texts have: the tokenizer is the parent's.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import IO, Any

from ragloop.corpus.chunking.above import embedded_string
from ragloop.corpus.chunking.chunker import Chunk
from ragloop.corpus.parsing.document import Block, ParsedDocument
from ragloop.corpus.parsing.prose import prose_sample

_LENGTHS = struct.Struct(">QQ")


def send(stream: IO[bytes], header: Mapping[str, Any], payload: bytes = b"") -> None:
    """Write one message."""
    head = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(head), len(payload)) + head)
    stream.write(payload)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """The next message; None when the other end is closed, be it in the middle of one."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    of_head, of_payload = _LENGTHS.unpack(lengths)
    head, payload = stream.read(of_head), stream.read(of_payload)
    return (json.loads(head), payload) if len(head) == of_head and len(payload) == of_payload else None


def packed(document: ParsedDocument) -> tuple[dict[str, Any], bytes]:
    """A document as a message. Paths of titles are written once."""
    paths: dict[tuple[str, ...], int] = {}
    blocks = [
        (one.start, one.end, one.kind, paths.setdefault(one.heading, len(paths)), one.place, one.header, one.confidence)
        for one in document.blocks
    ]
    header = {
        "title": document.title,
        "paths": list(paths),
        "blocks": blocks,
        "encoding": document.encoding,
        "left_out": document.left_out,
        "recognised": document.recognised,
    }
    return header, document.text.encode("utf-8", "surrogatepass")


def unpacked(header: Mapping[str, Any], payload: bytes) -> ParsedDocument:
    """The document in a message."""
    paths = [tuple(path) for path in header["paths"]]
    blocks = tuple(
        Block(start, end, kind, paths[path], place, above and tuple(above), confidence)
        for start, end, kind, path, place, above, confidence in header["blocks"]
    )
    text = payload.decode("utf-8", "surrogatepass")
    said = {name: tuple(header[name]) for name in ("left_out", "recognised")}
    return ParsedDocument(text, header["title"], blocks, header["encoding"], **said)


def packed_chunks(document: ParsedDocument, chunks: Sequence[Chunk]) -> tuple[dict[str, Any], bytes]:
    """The chunks of a document as a message. What stands above their texts is written once."""
    written: dict[str, int] = {}
    rows = []
    for one in chunks:
        titles = one.embedded[: len(one.embedded) - len(embedded_string("", one.text))]
        columns = one.text[: len(one.text) - (one.end - one.start)]
        numbers = [written.setdefault(text, len(written)) for text in (one.heading, titles, columns)]
        rows.append((one.start, one.end, *numbers, one.text_hash, one.tokens, one.confidence))
    header = {
        "title": document.title,
        "encoding": document.encoding,
        "left_out": document.left_out,
        "recognised": document.recognised,
        "prose": prose_sample(document),
        "written": list(written),
        "chunks": rows,
    }
    return header, document.text.encode("utf-8", "surrogatepass")


def unpacked_chunks(header: Mapping[str, Any], payload: bytes) -> list[Chunk]:
    """The chunks in a message."""
    source, written = payload.decode("utf-8", "surrogatepass"), header["written"]
    chunks = []
    for start, end, heading, titles, columns, text_hash, tokens, confidence in header["chunks"]:
        text = written[columns] + source[start:end]
        embedded = embedded_string(written[titles], text)
        chunks.append(Chunk(written[heading], start, end, text, embedded, text_hash, tokens, confidence))
    return chunks
