"""The rows that an adapter was trained on, kept in its folder with the documents that each rests on.

They decide whether the adapter may still be promoted, and which questions it is no longer asked, whatever became of the
dataset that they came from.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ragloop.answering.support.statements import statements
from ragloop.corpus.index import inventory
from ragloop.corpus.index.table import Index
from ragloop.errors import MismatchError, NotFoundError
from ragloop.learning.examples.curation import Standing
from ragloop.learning.examples.example import DOCUMENTS, SHOWN, DocumentRevision, Shown, shown_of
from ragloop.learning.parquet_files import read_table
from ragloop.records import Message
from ragloop.store.files import Files
from ragloop.wording import few

ROWS = "rows.parquet"
_NAMED = 5
"""Documents that a reason names; of more it gives the number."""

_SCHEMA = pa.schema(
    [
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("documents", DOCUMENTS),
        ("passages", SHOWN),
        ("weight", pa.int32()),
        ("rejected", pa.string()),
    ]
)


@dataclass(frozen=True)
class TrainedRow:
    """A question with its answer; `documents` and `passages` as in `Example`, no document where nobody knows what it
    rests on. `weight`: how many interactions gave it; `rejected`: what was answered before a person corrected it."""

    question: str
    answer: str
    documents: tuple[DocumentRevision, ...]
    passages: tuple[Shown, ...] = ()
    weight: int = 1
    rejected: str = ""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "TrainedRow":
        """Read a row of a dataset or of `ROWS`."""
        documents = tuple(map(DocumentRevision.of, row["documents"] or ()))
        weight = row.get("weight") or len(row.get("interaction_ids") or ()) or 1
        passages, rejected = shown_of(row.get("passages")), row.get("rejected") or ""
        return cls(row["question"], row["answer"], documents, passages, weight, rejected)

    @property
    def subjects(self) -> frozenset[str]:
        """What the row is about, as `Example.subjects` has it: a document that was merely shown may be held out."""
        cited = frozenset(one.document_id for one in self.documents if one.cited)
        return cited or frozenset(one.document_id for one in self.documents[:1])

    @property
    def cites(self) -> frozenset[int]:
        """The numbers of its passages that give the answer."""
        return frozenset(one.n for one in self.passages if one.cited)

    def changed(self, standing: Standing) -> list[str]:
        """Return the ids of its documents in which what the row rests on no longer stands."""
        return [one.document_id for one in self.documents if not standing.holds(one)]


def write_rows(rows: Sequence[TrainedRow], folder: Path, messages: Callable[[TrainedRow], Sequence[Message]]) -> Path:
    """Write the rows as training reads them, as chat messages, with their lineage; returns the file."""
    table = [
        {
            "messages": [dict(one) for one in messages(row)],
            "question": row.question,
            "answer": row.answer,
            "documents": [asdict(one) for one in row.documents],
            "passages": [asdict(one) for one in row.passages],
            "weight": row.weight,
            "rejected": row.rejected,
        }
        for row in rows
    ]
    pq.write_table(pa.Table.from_pylist(table, schema=_SCHEMA), folder / ROWS)
    return folder / ROWS


def merge_rows(files: Files, paths: Sequence[str], folder: Path) -> None:
    """Write what the adapters at these paths were trained on, each row once and word for word: what one of them rests
    on, the one that is merged of them rests on. Raises as read_rows does."""
    rows = [row for path in paths for row in _read(files, path).to_pylist()]
    once = {json.dumps(row, sort_keys=True): row for row in rows}
    pq.write_table(pa.Table.from_pylist(list(once.values()), schema=_SCHEMA), folder / ROWS)


def read_rows(files: Files, path: str) -> list[TrainedRow]:
    """Read the rows that the adapter at this path was trained on.

    Raises MismatchError where they are gone or damaged, UnavailableError where they cannot be read now.
    """
    return [TrainedRow.of(row) for row in _read(files, path).drop_columns(["messages"]).to_pylist()]


def _read(files: Files, path: str) -> pa.Table:
    try:
        return read_table(files, f"{path}/{ROWS}")
    except NotFoundError:
        raise MismatchError(f"{files}/{path}/{ROWS} is not there; restore it from a backup, or retrain") from None
    except MismatchError as error:
        raise MismatchError(f"{error}; restore it from a backup, or retrain") from None


def standing_of(index: Index, documents: Iterable[tuple[str, str]]) -> Standing:
    """Return what the index says now of these documents, given with the revisions that something rests on.

    Reads the texts of those that changed, and of no others.
    """
    revisions = inventory.revisions(index)
    changed = sorted({one for one, revision in documents if revisions.get(one, revision) != revision})
    hashes, held = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for row in inventory.chunk_texts(index, changed):
        hashes[row["document_id"]].add(row["text_hash"])
        held[row["document_id"]] |= {one.digest for one in statements(row["heading"] or "", row["text"])}
    return Standing(revisions, _frozen(hashes), _frozen(held), inventory.labelled(index))


def _frozen(found: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    return {one: frozenset(values) for one, values in found.items()}


def documents_of(rows: Iterable[TrainedRow]) -> set[tuple[str, str]]:
    """Return the documents that rows rest on, with their revisions."""
    return {(one.document_id, one.revision) for row in rows for one in row.documents}


def staleness(rows: Sequence[TrainedRow], standing: Standing, keys: Mapping[str, str]) -> str:
    """Say how many rows rest on passages that changed or went, and in which documents; an empty string where none does.

    `keys`: the key of every document in the index, by id. A row without known documents counts as stale.
    """
    unknown = sum(not row.documents for row in rows)
    stale = [changed for row in rows if (changed := row.changed(standing))]
    if not stale and not unknown:
        return ""
    counts = Counter(one for changed in stale for one in set(changed))
    named = [f"{keys.get(one, one)} ({count})" for one, count in sorted(counts.items(), key=lambda c: (-c[1], c[0]))]
    parts = few(named, _NAMED)
    parts += [f"no known document ({unknown})"] if unknown else []
    return (
        f"not promotable: {len(stale) + unknown} of {len(rows)} trained rows rest on passages that changed or went "
        f"since, in {', '.join(parts)}; retrain."
    )
