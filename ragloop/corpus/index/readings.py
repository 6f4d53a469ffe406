"""What the index holds of each document, as a person checks it: how well it was read, and its chunks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from ragloop.corpus.index.ledger import QUARANTINED
from ragloop.corpus.index.predicates import DOCUMENTS, PLANTED
from ragloop.corpus.index.table import Index
from ragloop.errors import NotFoundError, UsageError
from ragloop.store import quoted
from ragloop.wording import first_few

_COLUMNS = (
    "document_id", "uri", "source", "key", "title", "format", "status", "encoding", "chunks", "left_out", "reason",
    "revision",
)  # fmt: skip
_CANDIDATES = 5


class Quality(StrEnum):
    """How well a document was read."""

    READ = "read"
    IN_PART = "in part"
    """Something of it was not read, and `left_out` says what."""
    QUARANTINED = "quarantined"
    """It cannot be read. What is found of it, if anything, is its last good revision."""


@dataclass(frozen=True)
class Reading:
    """A document as the index has it; `chunks` counts them.

    `left_out` says in sentences what of it was not read: of a quarantined document first why it cannot be read.
    `encoding` is empty for a binary format. `revision` is None where none was ever good. `planted` counts the places
    where it speaks to a model, and not to a reader.
    """

    uri: str
    source: str
    key: str
    title: str
    format: str
    quality: Quality
    encoding: str
    chunks: int
    left_out: tuple[str, ...]
    revision: str | None
    planted: int = 0

    @property
    def is_without_text(self) -> bool:
        """Return whether it was read and no text was found in it."""
        return self.quality is not Quality.QUARANTINED and not self.chunks


@dataclass(frozen=True)
class ReadChunk:
    """A chunk; `start` and `end` are characters of the text of its document.

    `confidence` is that of text that was recognised in an image, None for any other. `planted`: see Reading.
    """

    text: str
    heading: str
    start: int
    end: int
    confidence: float | None
    planted: int = 0


def readings(
    index: Index, source: str | None = None, quality: Quality | None = None, format: str | None = None
) -> list[Reading]:
    """List the documents by source and key, all of them or those of one source, quality or format."""
    where = DOCUMENTS
    if source is not None:
        where += f" AND source IN ({quoted([source])})"
    if format is not None:
        where += f" AND format IN ({quoted([format])})"
    return [one for one in _read(index, where) if quality in (None, one.quality)]


def wanting(index: Index) -> list[Reading]:
    """List the documents of which something is missing: quarantined, read in part, or without any text."""
    # By one condition each: the index on the status serves the first one alone.
    quarantined = _read(index, f"{DOCUMENTS} AND status = '{QUARANTINED}'")
    others = _read(index, f"{DOCUMENTS} AND (cardinality(left_out) > 0 OR chunks = 0)")
    return [*quarantined, *(one for one in others if one.quality is not Quality.QUARANTINED)]


def speaking(index: Index) -> list[Reading]:
    """List the documents that speak to a model."""
    found = sorted(_planted(index))
    return _read(index, f"{DOCUMENTS} AND document_id IN ({quoted(found)})") if found else []


def find(index: Index, name: str) -> Reading:
    """Find a document by its URI, by its key, or by the end of either where no other document has it.

    Raises NotFoundError where there is none, UsageError where there are several.
    """
    name = name.removeprefix("./")
    exact = f"{DOCUMENTS} AND (uri IN ({quoted([name])}) OR key IN ({quoted([name])}))"
    found = _read(index, exact) or _read(
        index, f"{DOCUMENTS} AND ({_ends('uri', quote(name))} OR {_ends('key', name)})"
    )
    if not found:
        raise NotFoundError(f"found no document {name} in the index; `ragloop documents list` names them all")
    if len(found) > 1:
        names = first_few([one.uri for one in found], _CANDIDATES)
        raise UsageError(f"found {len(found)} documents named {name}, expected one: {names}; name one of them in full")
    return found[0]


def chunks(index: Index, document: Reading) -> list[ReadChunk]:
    """Read the chunks of a document as they are searched, in the order of its text."""
    where = f"{DOCUMENTS} AND source IN ({quoted([document.source])}) AND key IN ({quoted([document.key])})"
    (row,) = index.rows(where, ["document_id", "spans"]).to_pylist()
    columns = ["id", "text", "heading", "confidence", *["planted"] * index.has("planted")]
    rows = index.chunks_of([row["document_id"]], columns).to_pylist()
    held = {one["id"]: one for one in rows}
    return [
        ReadChunk(one["text"], one["heading"], span["start"], span["end"], one["confidence"], one.get("planted") or 0)
        for span in row["spans"] or ()
        if (one := held.get(span["chunk_id"])) is not None
    ]


def _ends(column: str, name: str) -> str:
    """Select what ends with a name, after a slash."""
    ending = "/" + name.lstrip("/")
    return f"right({column}, {len(ending)}) IN ({quoted([ending])})"


def _read(index: Index, where: str) -> list[Reading]:
    rows, planted = index.rows(where, _COLUMNS), _planted(index)
    return sorted((_reading(row, planted) for row in rows.to_pylist()), key=lambda one: (one.source, one.key))


def _planted(index: Index) -> Counter[str]:
    """Count by document where its chunks speak to a model; those without such a place are not among them."""
    found = Counter[str]()
    if index.has("planted"):
        for row in index.rows(PLANTED, ["document_id", "planted"]).to_pylist():
            found[row["document_id"]] += row["planted"]
    return found


def _reading(row: dict[str, Any], planted: Mapping[str, int]) -> Reading:
    left_out: Sequence[str] = row["left_out"] or ()
    if row["status"] == QUARANTINED:
        quality, left_out = Quality.QUARANTINED, (row["reason"] or "it cannot be read", *left_out)
    else:
        quality = Quality.IN_PART if left_out else Quality.READ
    return Reading(
        uri=row["uri"] or "",
        source=row["source"] or "",
        key=row["key"] or "",
        title=row["title"] or "",
        format=row["format"] or "",
        quality=quality,
        encoding=row["encoding"] or "",
        chunks=row["chunks"] or 0,
        left_out=tuple(left_out),
        revision=row["revision"],
        planted=planted.get(row["document_id"], 0),
    )
