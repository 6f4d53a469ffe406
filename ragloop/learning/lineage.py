"""The rows that an adapter was trained on, kept in its folder with the documents that each rests on.

They decide whether the adapter may still be promoted, whatever became of the dataset that they came from.
"""

import errno
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ragloop.answering.prompts import closed_book_messages
from ragloop.errors import MismatchError, UnavailableError
from ragloop.learning.curation import DocumentRevision

ROWS = "rows.parquet"
_NAMED = 5
"""Documents that a reason names; of more it gives the number."""

_SCHEMA = pa.schema(
    [
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("question", pa.string()),
        ("answer", pa.string()),
        (
            "documents",
            pa.list_(pa.struct([("document_id", pa.string()), ("revision", pa.string()), ("cited", pa.bool_())])),
        ),
    ]
)


@dataclass(frozen=True)
class TrainedRow:
    """A question with its answer; `documents` as in `Example`, empty where nobody knows what it rests on."""

    question: str
    answer: str
    documents: tuple[DocumentRevision, ...]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "TrainedRow":
        """From a row of a dataset or of `ROWS`."""
        documents = tuple(DocumentRevision(**one) for one in row["documents"] or ())
        return cls(row["question"], row["answer"], documents)

    @property
    def subjects(self) -> frozenset[str]:
        """What the row is about, as `Example.subjects` has it: a document that was merely shown may be held out."""
        cited = frozenset(one.document_id for one in self.documents if one.cited)
        return cited or frozenset(one.document_id for one in self.documents[:1])

    def changed(self, revisions: Mapping[str, str]) -> list[str]:
        """Ids of its documents that are not live in the revision that the row rests on."""
        return [one.document_id for one in self.documents if revisions.get(one.document_id) != one.revision]


def write_rows(rows: Sequence[TrainedRow], folder: Path) -> Path:
    """Write the rows as training reads them, with their lineage; returns the file."""
    table = [
        {
            "messages": [*map(dict, closed_book_messages(row.question)), {"role": "assistant", "content": row.answer}],
            "question": row.question,
            "answer": row.answer,
            "documents": [asdict(one) for one in row.documents],
        }
        for row in rows
    ]
    pq.write_table(pa.Table.from_pylist(table, schema=_SCHEMA), folder / ROWS)
    return folder / ROWS


def read_rows(folder: Path) -> list[TrainedRow]:
    """The rows that the adapter in `folder` was trained on.

    Raises MismatchError where they are gone or damaged, UnavailableError where they cannot be read now.
    """
    try:
        table = pq.read_table(folder / ROWS, columns=["question", "answer", "documents"])
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT):
            raise UnavailableError(f"cannot read {folder / ROWS} now: {error.strerror}; try again") from error
        found = "is not there" if isinstance(error, FileNotFoundError) else "is damaged"
        raise MismatchError(f"{folder / ROWS} {found}; restore it from a backup, or retrain") from None
    return [TrainedRow.of(row) for row in table.to_pylist()]


def staleness(rows: Sequence[TrainedRow], revisions: Mapping[str, str], keys: Mapping[str, str]) -> str:
    """A sentence that says how many rows rest on which documents that changed or went; empty where none does.

    `keys`: the key of every live document, by id. A row without known documents counts as stale: nobody could tell.
    """
    unknown = sum(not row.documents for row in rows)
    stale = [changed for row in rows if (changed := row.changed(revisions))]
    if not stale and not unknown:
        return ""
    counts = Counter(one for changed in stale for one in set(changed))
    named = [f"{keys.get(one, one)} ({count})" for one, count in sorted(counts.items(), key=lambda c: (-c[1], c[0]))]
    parts = named[:_NAMED] + ([f"{len(named) - _NAMED} more"] if len(named) > _NAMED else [])
    parts += [f"no known document ({unknown})"] if unknown else []
    return (
        f"not promotable: {len(stale) + unknown} of {len(rows)} trained rows rest on documents that changed or went "
        f"since: {', '.join(parts)}; retrain."
    )
