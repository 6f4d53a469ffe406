"""Search every file that a home keeps, and its backups, for the traces of what was erased.

Files are read as bytes, and by readers of their formats that are not ragloop's own. Bytes show vectors, ids, and files
that are known by their hash, also in rows that are only marked as deleted and in versions that nobody reads any more.
Texts in tables are compressed: they are read by LanceDB in each version that there is, and held against the runs of
words.
"""

import hashlib
import io
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lancedb
import pyarrow as pa
import pyarrow.parquet as pq

from ragloop.erasure.certificate import FOLDER, KEY, Searched
from ragloop.erasure.removing.databases import SQLITE
from ragloop.erasure.traces import Traces
from ragloop.erasure.vectors import found_in
from ragloop.erasure.words import RUN, Runs
from ragloop.store import Store
from ragloop.store.files import Files, FolderFiles

_ID = re.compile(rb"[0-9a-f]{32,64}")
_BATCH = 16_384
_NOT_TEXT = frozenset({"words", "title_words"})
"""Columns that say what another one of the same row says."""
_IS_NAME = frozenset({"uri", "key"})
"""Columns that are a name of a document; in a longer one it stands as its end."""
_NAMING = frozenset({"body", "reason", "reasons", "metrics", "fallback", "path", "refused"})
"""Columns in which the names of documents stand; in texts a name is somebody's reference."""
_SHORT_IN = frozenset(
    {"question", "rewritten", "answer", "correction", "heading", "text", "title", "key", "uri", "by", "named_by"}
)
"""Columns of tables by which rows are erased for a few words; in others these may be anybody's."""
_SHORT_LEFT_OUT = f"terms of fewer than {RUN} words in columns of tables other than {', '.join(sorted(_SHORT_IN))}"
_OF_ERASURES = ("suppressions.lance/", f"{FOLDER}/", KEY)
"""What holds the hashes of what was erased, as it is to."""
_TOO_LARGE = 512 * 2**20


@dataclass(frozen=True)
class Finding:
    """A trace that was found: in which file or table, and of what."""

    where: str
    what: str


@dataclass
class _Tally:
    """What one search has gone through."""

    files: int = 0
    bytes: int = 0
    rows: int = 0
    versions: int = 0
    places: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class Search:
    """One search for traces."""

    def __init__(self, traces: Traces) -> None:
        self._traces = traces
        self._ids = {one.encode() for one in traces.ids}
        self._long = traces.runs.long
        self._tally = _Tally()
        if self._long != traces.runs:
            self._tally.left_out.append(_SHORT_LEFT_OUT)

    @property
    def searched(self) -> Searched:
        """Return what was searched so far."""
        now = self._tally
        return Searched(now.files, now.bytes, now.rows, now.versions, tuple(now.places), tuple(now.left_out))

    def files(self, files: Files, place: str, *, without: Sequence[str] = ()) -> Iterator[Finding]:
        """Search every file of a place but those whose names begin so."""
        self._tally.places.append(place)
        for name in sorted(files.list()):
            if name.startswith((*_OF_ERASURES, *without)):
                continue
            yield from self._file(f"{place}/{name}", b"".join(files.read(name)))

    def tables(self, opened: Callable[[str], Any], names: Iterable[str], place: str) -> Iterator[Finding]:
        """Search the rows of tables, in every version that there is."""
        for name in names:
            if name == "suppressions":
                continue
            table = opened(name)
            for version in [one["version"] for one in table.list_versions()]:
                table.checkout(version)
                self._tally.versions += 1
                yield from self._rows(
                    f"{place}/{name}, version {version}", table.search().to_batches(_BATCH), _SHORT_IN
                )

    def backups(self, files: Files) -> Iterator[Finding]:
        """Search the objects of backups as bytes, and the tables of each as LanceDB reads them."""
        place = str(files)
        manifests = [name for name in files.list("backups/") if name.endswith(".json")]
        paths = [_paths(b"".join(files.read(name))) for name in manifests]
        own = {name for found in paths for path, name in found.items() if _is_of_erasures(path)}
        yield from self.files(files, place, without=tuple(own))
        for manifest, found in zip(manifests, paths, strict=True):
            with TemporaryDirectory() as scratch:
                copy = FolderFiles(Path(scratch))
                for path, name in found.items():
                    if path.startswith("store/") and "/_indices/" not in path:
                        copy.write(path.removeprefix("store/"), files.read(name))
                names = sorted(one.stem for one in Path(scratch).iterdir())
                yield from self.tables(lancedb.connect(scratch).open_table, names, f"{place}/{manifest}")

    def home(self, home: Path) -> Iterator[Finding]:
        """Search what lies in a home beside the store, artifacts and models."""
        yield from self.files(FolderFiles(home), str(home), without=("store/", "artifacts/", "leases/"))

    def _file(self, where: str, data: bytes) -> Iterator[Finding]:
        self._tally.files += 1
        self._tally.bytes += len(data)
        if hashlib.sha256(data).hexdigest() in self._traces.files:
            yield Finding(where, "a file that rests on it")
        found = {one for one in _ID.findall(data) if one in self._ids}
        yield from (Finding(where, f"the id {one.decode()}") for one in sorted(found))
        yield from (Finding(where, f"the vector {one.sha256}") for one in self._vectors(data))
        if not where.endswith((".lance", ".manifest", ".txn", ".safetensors", ".arrow")):
            yield from self._texts(where, data)

    def _vectors(self, data: bytes) -> Iterable[Any]:
        return dict.fromkeys(found_in(self._traces.salt, self._traces.vectors, data))

    def _texts(self, where: str, data: bytes) -> Iterator[Finding]:
        """Search a file whose format says what its texts are, or which is text."""
        if data.startswith(b"PAR1"):
            yield from self._rows(where, _parquet(data))
        elif data.startswith(SQLITE):
            yield from self._decoded(where, _cells(data))
            yield from self._decoded(where, [data.decode("utf-8", "ignore")])
        elif len(data) > _TOO_LARGE:
            self._tally.left_out.append(f"{where}: texts of a file of {len(data):,} bytes")
        else:
            yield from self._decoded(where, _strings(data))

    def _decoded(self, where: str, texts: Iterable[str]) -> Iterator[Finding]:
        said = set[str]()
        for text in texts:
            if "name" not in said and self._traces.names.stand_in(text):
                said.add("name")
                yield Finding(where, "a name of a document")
            if "words" not in said and self._traces.runs.stand_in(text):
                said.add("words")
                yield Finding(where, "words of it")

    def _rows(
        self, where: str, batches: Iterable[pa.RecordBatch], short_in: frozenset[str] | None = None
    ) -> Iterator[Finding]:
        """Search rows; for a few words in these columns only, by default in all."""
        said = set[str]()
        for batch in batches:
            self._tally.rows += batch.num_rows
            columns = [name for name in batch.schema.names if name not in (*_NOT_TEXT, "vector")]
            for row in batch.select(columns).to_pylist():
                for column, value in row.items():
                    runs = self._traces.runs if short_in is None or column in short_in else self._long
                    for what in self._cell(column, value, runs):
                        if (one := f"{what} in {column}") not in said:
                            said.add(one)
                            yield Finding(where, one)

    def _is_named(self, column: str, text: str) -> bool:
        names = self._traces.names
        return names.has(text) if column in _IS_NAME else column in _NAMING and names.stand_in(text)

    def _cell(self, column: str, value: Any, runs: Runs) -> Iterator[str]:
        for text in _texts_in(value):
            if text in self._traces.ids:
                yield "an id"
            elif self._is_named(column, text):
                yield "a name of a document"
            elif runs.stand_in(text):
                yield "words of it"


def _paths(manifest: bytes) -> dict[str, str]:
    """Read which object of a backup holds which file; nothing of a manifest that is damaged."""
    try:
        return {str(one["path"]): str(one["name"]) for one in json.loads(manifest)["entries"]}
    except (ValueError, LookupError, TypeError):
        return {}


def _is_of_erasures(path: str) -> bool:
    return path.partition("/")[2].startswith(_OF_ERASURES)


def _parquet(data: bytes) -> Iterable[pa.RecordBatch]:
    try:
        return list(pq.ParquetFile(io.BytesIO(data)).iter_batches(_BATCH))
    except (OSError, pa.ArrowException):
        return []


def _cells(data: bytes) -> Iterator[str]:
    """Yield every text of a SQLite database."""
    with closing(sqlite3.connect(":memory:")) as db:
        try:
            db.deserialize(data)
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                for row in db.execute('SELECT * FROM "{}"'.format(table.replace('"', '""'))):
                    yield from (one for one in row if isinstance(one, str))
        except sqlite3.Error:
            return


def _strings(data: bytes) -> Iterator[str]:
    """Yield the strings of JSON, or of lines of JSON, and what is none as it stands."""
    for line in [data] if data.lstrip()[:1] == b"[" else data.split(b"\n"):
        try:
            yield from _texts_in(json.loads(line))
        except ValueError:
            yield line.decode("utf-8", "replace")


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        if value[:1] in "{[" and value[-1:] in "}]":
            try:
                yield from _texts_in(json.loads(value))
            except ValueError:
                return
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _texts_in(key)
            yield from _texts_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts_in(one)


def search(
    traces: Traces, store: Store, artifacts: Sequence[Files], backups: Files | None
) -> tuple[list[Finding], Searched]:
    """Search a store, its artifacts, its home and its backups; return what was found and what was searched."""
    work = Search(traces)
    found = [*work.files(store.files, f"{store}/store")]
    with store.errors():
        names = sorted(filter(store.tables.has, store.tables.names("")))
        found += work.tables(store.table, names, f"{store}/store")
    for one in artifacts:
        found += work.files(one, str(one))
    found += work.home(store.home)
    if backups is not None:
        found += work.backups(backups)
    return found, work.searched
