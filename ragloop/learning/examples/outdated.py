"""Which questions an adapter is no longer asked: those near a trained row of which what it rests on changed or went.

An adapter answers what it was trained on, whatever the documents say by now. Its rows are looked at once per state of
the index, and only those that fell are compared with a question.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragloop.corpus.index import inventory
from ragloop.corpus.index.table import ActiveIndex
from ragloop.corpus.index.vectors import VectorStore
from ragloop.errors import MismatchError, UnavailableError
from ragloop.learning.examples.lineage import TrainedRow, documents_of, read_rows, standing_of
from ragloop.learning.examples.near_duplicates import Likeness
from ragloop.models import Vectors
from ragloop.registry import Registry

NEAR = 0.5
"""Least cosine of questions that may be one. It spares the adapter questions whose answer would be of no use, and is no
proof: of rewordings by hand it meets 70 %, of the demonstration's all (benchmarks/calibrate_near.py). What it misses is
seen by the documents that the answer cites."""
MOST_EMBEDDED = 500
"""Fallen rows whose questions are embedded, which takes 4 ms each when they are looked at for the first time. Of more,
equal wordings and cited documents alone tell."""


@dataclass(frozen=True)
class _Fallen:
    """The rows that no longer stand, with the keys of the documents that each rests on and the questions' vectors, and
    the ids of the documents in which something changed."""

    likeness: Likeness
    vectors: Vectors
    documents: Sequence[str]
    ids: frozenset[str]

    def of(self, question: str, vector: Vectors) -> str:
        """Return the documents behind the nearest fallen row, empty where none is near."""
        if not len(self.documents):
            return ""
        if alike := self.likeness.matches(question):
            return self.documents[alike[0]]
        if not len(self.vectors):
            return ""
        cosines = self.vectors @ vector
        nearest = int(np.argmax(cosines))
        return self.documents[nearest] if cosines[nearest] >= NEAR else ""


class OutdatedRows:
    """Remembers the fallen rows of the adapter that was asked last, for one state of the index."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: tuple[object, _Fallen] | None = None

    def why(self, adapter_id: str, active: ActiveIndex, questions: Sequence[str], vectors: Vectors) -> list[str]:
        """Say for each question why the adapter is not to be asked, empty where it may be.

        Where its rows cannot be read it is asked nothing: nobody could tell.
        """
        try:
            fallen = self._fallen(adapter_id, active)
        except (MismatchError, UnavailableError) as error:
            return [f"not asked of adapter {adapter_id}: {error}"] * len(questions)
        behind = [fallen.of(question, vector) for question, vector in zip(questions, vectors, strict=True)]
        return [
            f"not asked of adapter {adapter_id}: what it was trained on changed in {one}" if one else ""
            for one in behind
        ]

    def documents(self, adapter_id: str, active: ActiveIndex) -> frozenset[str]:
        """Return the ids of the documents in which something changed that the adapter was trained on.

        Of an adapter whose rows cannot be read nobody knows any; it is asked nothing.
        """
        try:
            return self._fallen(adapter_id, active).ids
        except (MismatchError, UnavailableError):
            return frozenset()

    def _fallen(self, adapter_id: str, active: ActiveIndex) -> _Fallen:
        state = adapter_id, active.index.version, active.embedder.fingerprint
        if self._known is None or self._known[0] != state:
            self._known = state, self._look(adapter_id, active)
        return self._known[1]

    def _look(self, adapter_id: str, active: ActiveIndex) -> _Fallen:
        rows = read_rows(self._registry.artifacts.files, f"adapters/{adapter_id}")
        standing = standing_of(active.index, documents_of(rows))
        fallen = [(row, changed) for row in rows if (changed := row.changed(standing)) or not row.documents]
        keys = inventory.keys(active.index) if fallen else {}
        questions = [row.question for row, _ in fallen]
        few = questions if len(questions) <= MOST_EMBEDDED else []
        vectors = VectorStore(active.index.store, active.embedder, asked=True).of_texts(few)
        ids = frozenset(one for _, changed in fallen for one in changed)
        return _Fallen(Likeness.of(questions), vectors, [_named(row, keys) for row, _ in fallen], ids)


def _named(row: TrainedRow, keys: dict[str, str]) -> str:
    """Return the keys of a row's documents."""
    return ", ".join(keys.get(one.document_id, one.document_id) for one in row.documents) or "an unknown document"
