"""What is left of planted words, ids, vectors and files: read by other code than the product's.

Files are searched as bytes, as they are and decompressed, in UTF-8 and UTF-16; tables row by row in each version.
"""

import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import lancedb
import pyarrow as pa
import pyarrow.parquet as pq

KNOWN_BY_HASH = ("suppressions.lance/", "erasures/", "erasure.key")
"""What says by ids and hashes what was erased, as it is to."""


@dataclass(frozen=True)
class Planted:
    """Words and names that nothing else has; ids; bytes of vectors; SHA-256 of files."""

    words: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    vectors: tuple[bytes, ...] = ()
    files: frozenset[str] = field(default_factory=frozenset)

    @property
    def strings(self) -> tuple[str, ...]:
        return (*self.words, *self.ids)


def left(planted: Planted, *places: Path) -> list[str]:
    """Where something is left, and what."""
    return sorted({f"{where}: {what}" for place in places for where, what in _left(planted, place)})


def _left(planted: Planted, place: Path) -> Iterator[tuple[str, str]]:
    certificates = {
        str(place / entry["name"])
        for manifest in place.glob("backups/*.json")
        for entry in json.loads(manifest.read_bytes())["entries"]
        if "/erasures/" in entry["path"]
    }
    for file in sorted(one for one in place.rglob("*") if one.is_file()):
        name = str(file)
        if name in certificates or any(one in name for one in KNOWN_BY_HASH):
            continue
        data = file.read_bytes()
        if hashlib.sha256(data).hexdigest() in planted.files:
            yield name, "a file that rests on it"
        for content in (data, *_decompressed(data)):
            yield from ((name, one) for one in _found(planted, content))
        yield from ((name, "a vector") for one in planted.vectors if one in data)
        if data.startswith(b"PAR1"):
            table = pq.read_table(pa.BufferReader(data))
            yield from ((name, one) for one in planted.strings if _in_rows(one, [table]))
    for store in {one.parent for one in place.rglob("*.lance") if one.is_dir()}:
        yield from _left_in_tables(planted, store)


def _found(planted: Planted, content: bytes) -> Iterator[str]:
    for one in planted.strings:
        if one.encode() in content or one.encode("utf-16-le") in content:
            yield one


def _decompressed(data: bytes) -> Iterator[bytes]:
    for wbits in (15, 31, -15):
        with suppress(zlib.error):
            yield zlib.decompressobj(wbits).decompress(data)
    for codec in ("zstd", "lz4", "brotli"):
        with suppress(OSError, ValueError, pa.ArrowException):
            yield pa.CompressedInputStream(pa.py_buffer(data), codec).read()


def _left_in_tables(planted: Planted, store: Path) -> Iterator[tuple[str, str]]:
    db = lancedb.connect(store)
    for folder in sorted(store.glob("*.lance")):
        if folder.stem == "suppressions" or not any(folder.glob("_versions/*.manifest")):
            continue
        table = db.open_table(folder.stem)
        for version in [one["version"] for one in table.list_versions()]:
            table.checkout(version)
            batches = list(table.search().to_batches(10_000))
            rows = [pa.Table.from_batches([one]) for one in batches]
            yield from ((f"{folder}, version {version}", one) for one in planted.strings if _in_rows(one, rows))


def _in_rows(wanted: str, tables: Iterable[pa.Table]) -> bool:
    buffer = io.StringIO()
    for table in tables:
        columns = [one for one in table.schema.names if one != "vector"]
        for row in table.select(columns).to_pylist():
            print(row, file=buffer)
    return wanted in buffer.getvalue()
