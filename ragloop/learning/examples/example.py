"""Examples: what people stood by, as records and as an Arrow table.

Whoever reads all of them reads columns: a log of a million answers has tens of thousands.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pyarrow as pa

from ragloop.learning.evaluation.scoring import normalise

DOCUMENTS = pa.list_(
    pa.struct(
        [
            ("document_id", pa.string()),
            ("revision", pa.string()),
            ("cited", pa.bool_()),
            ("text_hashes", pa.list_(pa.string())),
            ("statements", pa.list_(pa.string())),
        ]
    )
)
"""What a row rests on, as files hold it."""

SHOWN = pa.list_(
    pa.struct(
        [
            ("chunk_id", pa.string()),
            ("text_hash", pa.string()),
            ("document_id", pa.string()),
            ("revision", pa.string()),
            ("n", pa.int32()),
            ("cited", pa.bool_()),
        ]
    )
)
"""The passages of a row, as files hold them: never their text."""

EXAMPLES = pa.schema(
    [
        pa.field("example_id", pa.string(), nullable=False),
        pa.field("question", pa.string(), nullable=False),
        pa.field("answer", pa.string(), nullable=False),
        ("interaction_ids", pa.list_(pa.string())),
        ("documents", DOCUMENTS),
        ("passages", SHOWN),
        ("rejected", pa.string()),
        ("asked_at", pa.timestamp("us", tz="UTC")),
        ("question_wording", pa.string()),
    ]
)
"""Examples; `question_wording` is the question as it is compared with others."""


@dataclass(frozen=True)
class DocumentRevision:
    """A document as it stood when the answer was given. `cited`: the answer cites it; else it was shown only.

    What of it counts: the digests of `statements`, or where nobody knows them the `text_hashes` of passages.
    """

    document_id: str
    revision: str
    cited: bool
    text_hashes: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "DocumentRevision":
        """Make an example of a row of a file."""
        held = {name: tuple(row.get(name) or ()) for name in ("text_hashes", "statements")}
        return cls(row["document_id"], row["revision"], row["cited"], **held)


@dataclass(frozen=True)
class Shown:
    """A passage of a row by its chunk, and the number that the answer cites it by. `cited`: the answer rests on it."""

    chunk_id: str
    text_hash: str
    document_id: str
    revision: str
    n: int
    cited: bool

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Shown":
        """Make a passage of a row of a file."""
        return cls(*(row[one] for one in ("chunk_id", "text_hash", "document_id", "revision", "n", "cited")))


@dataclass(frozen=True)
class Example:
    """A question with the answer that people or evidence stood by. `interaction_ids` lists every interaction that gave
    it, oldest first; `documents` (never empty, cited ones first), `passages` (none where the recipe needs none) and
    `asked_at` are those of the newest. `rejected` is what a person corrected, where the recipe compares both."""

    question: str
    answer: str
    interaction_ids: tuple[str, ...]
    documents: tuple[DocumentRevision, ...]
    asked_at: datetime
    passages: tuple[Shown, ...] = ()
    rejected: str = ""

    def __post_init__(self) -> None:
        if not (self.question.strip() and self.answer.strip() and self.interaction_ids and self.documents):
            raise ValueError("an example needs a question, an answer, an interaction and a document")
        if self.asked_at.utcoffset() is None:
            raise ValueError(f"asked_at needs a time zone, found {self.asked_at.isoformat()}")

    @property
    def subjects(self) -> frozenset[str]:
        """Ids of the documents that the question is about: the cited ones, else the best of those shown."""
        cited = frozenset(document.document_id for document in self.documents if document.cited)
        return cited or frozenset([self.documents[0].document_id])

    @property
    def example_id(self) -> str:
        """The name of the example, by all that it holds."""
        return digest([_fields(self)])


@dataclass(frozen=True)
class Curated:
    """Eligible examples as a table of EXAMPLES, oldest first, and rows per reason for which they fell (every reason,
    also at 0)."""

    rows: int
    table: pa.Table
    funnel: Mapping[str, int]

    def __post_init__(self) -> None:
        if sum(self.funnel.values()) + self.table.num_rows != self.rows:
            raise ValueError("the funnel and the examples must add up to the rows")

    @cached_property
    def examples(self) -> tuple[Example, ...]:
        """The examples as records."""
        return tuple(examples_of(self.table))


def as_table(examples: Iterable[Example]) -> pa.Table:
    """Return examples as a table of EXAMPLES, in the given order."""
    rows = [
        {**_fields(one), "example_id": one.example_id, "question_wording": normalise(one.question)} for one in examples
    ]
    return pa.Table.from_pylist(rows, schema=EXAMPLES)


def examples_of(table: pa.Table) -> list[Example]:
    """Read the examples of a table back."""
    names = ("question", "answer", "interaction_ids", "documents", "asked_at", "passages", "rejected")
    columns = (table[name].to_pylist() for name in names)
    return [
        Example(question, answer, tuple(ids), tuple(map(DocumentRevision.of, held)), at, shown_of(passages), rejected)
        for question, answer, ids, held, at, passages, rejected in zip(*columns, strict=True)
    ]


def shown_of(passages: Iterable[Mapping[str, Any]] | None) -> tuple[Shown, ...]:
    """Read the passages of a row; none where the row has none."""
    return tuple(map(Shown.of, passages or ()))


def _fields(example: Example) -> dict[str, Any]:
    """Return what identifies an example."""
    return {
        "question": example.question,
        "answer": example.answer,
        "interaction_ids": list(example.interaction_ids),
        "documents": [
            {**vars(one), "text_hashes": list(one.text_hashes), "statements": list(one.statements)}
            for one in example.documents
        ],
        "passages": [vars(one) for one in example.passages],
        "rejected": example.rejected,
        "asked_at": example.asked_at.astimezone(UTC),
    }


def digest(values: Iterable[Any]) -> str:
    """Return the beginning of a SHA-256 over values that JSON can hold, and times."""
    text = json.dumps(list(values), sort_keys=True, default=datetime.isoformat)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
