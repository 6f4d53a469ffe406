"""Which questions an adapter is no longer asked: those near a trained row of which what it rests on changed or went.

An adapter answers what it was trained on, whatever the documents say by now. Its rows are looked at once per state of
the index, and only those that fell are compared with a question.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragloop.corpus.index import Live
from ragloop.corpus.vectors import VectorStore
from ragloop.errors import MismatchError, UnavailableError
from ragloop.learning.lineage import TrainedRow, documents_of, read_rows, standing_of
from ragloop.learning.wording import Likeness
from ragloop.models import Vectors
from ragloop.models.registry import Registry

NEAR = 0.75
"""Least cosine of questions that may be one. What is kept from the adapter without need is answered all the same."""


@dataclass(frozen=True)
class _Fallen:
    """The rows that no longer stand, with the keys of the documents that each rests on and the questions' vectors."""

    likeness: Likeness
    vectors: Vectors
    documents: Sequence[str]

    def of(self, question: str, vector: Vectors) -> str:
        """The documents behind the nearest fallen row, empty where none is near."""
        if not len(self.documents):
            return ""
        if alike := self.likeness.matches(question):
            return self.documents[alike[0]]
        cosines = self.vectors @ vector
        nearest = int(np.argmax(cosines))
        return self.documents[nearest] if cosines[nearest] >= NEAR else ""


class OutdatedRows:
    """Remembers the fallen rows of the adapter that was asked last, for one state of the index."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: tuple[object, _Fallen] | None = None

    def why(self, adapter_id: str, live: Live, questions: Sequence[str], vectors: Vectors) -> list[str]:
        """Per question why the adapter is not to be asked, empty where it may be.

        Where its rows cannot be read it is asked nothing: nobody could tell.
        """
        try:
            fallen = self._fallen(adapter_id, live)
        except (MismatchError, UnavailableError) as error:
            return [f"not asked of adapter {adapter_id}: {error}"] * len(questions)
        behind = [fallen.of(question, vector) for question, vector in zip(questions, vectors, strict=True)]
        return [
            f"not asked of adapter {adapter_id}: what it was trained on changed in {one}" if one else ""
            for one in behind
        ]

    def _fallen(self, adapter_id: str, live: Live) -> _Fallen:
        state = adapter_id, live.index.version, live.embedder.fingerprint
        if self._known is None or self._known[0] != state:
            self._known = state, self._look(adapter_id, live)
        return self._known[1]

    def _look(self, adapter_id: str, live: Live) -> _Fallen:
        rows = read_rows(self._registry.artifacts / "adapters" / adapter_id)
        standing = standing_of(live.index, documents_of(rows))
        fallen = [(row, changed) for row in rows if (changed := row.changed(standing)) or not row.documents]
        keys = live.index.keys() if fallen else {}
        questions = [row.question for row, _ in fallen]
        vectors = VectorStore(live.index.store, live.embedder).of_texts(questions)
        return _Fallen(Likeness(questions), vectors, [_named(row, keys) for row, _ in fallen])


def _named(row: TrainedRow, keys: dict[str, str]) -> str:
    """The keys of a row's documents."""
    return ", ".join(keys.get(one.document_id, one.document_id) for one in row.documents) or "an unknown document"
