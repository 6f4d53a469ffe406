"""The mean vector of the questions of each topic, made of the vectors that are kept of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragloop.corpus.index.vectors import VectorStore
from ragloop.migration.topics.clustering import means
from ragloop.migration.topics.topic import Grouping
from ragloop.models import Embedder, Vectors
from ragloop.store import Store


@dataclass(frozen=True, eq=False)
class Centres:
    """The topics of which vectors are kept, and the mean vector of each, in the same order."""

    ids: Sequence[str]
    vectors: Vectors


def centres_of(store: Store, embedder: Embedder, grouping: Grouping) -> Centres:
    """Return the centre of every topic of which vectors are kept."""
    found = VectorStore(store, embedder, asked=True).find(list(grouping.of_question))
    hashes = sorted(found)
    if not hashes:
        return Centres((), np.zeros((0, embedder.dimension), np.float32))
    ids = sorted({grouping.of_question[one] for one in hashes})
    number = {one: at for at, one in enumerate(ids)}
    labels = np.array([number[grouping.of_question[one]] for one in hashes], np.int64)
    return Centres(ids, means(np.stack([found[one] for one in hashes]), labels))
