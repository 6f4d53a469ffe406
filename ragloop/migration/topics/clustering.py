"""Put questions into groups that are alike. Pure.

Groups are joined by average linkage, the nearest first, for as long as the questions of both have a mean cosine of at
least `likeness`. The nearest-neighbour chain (Murtagh 1983) finds the same groups without sorting all pairs: a join
makes no two other groups nearer. Equal questions in equal order give equal groups.
"""

import numpy as np
from numpy.typing import NDArray

from ragloop.models import Vectors

Labels = NDArray[np.int64]
AT_ONCE = 2000
"""Questions that are held against each other at once: 16 MB, and a third of a second."""
NONE = -1


def groups(vectors: Vectors, likeness: float) -> Labels:
    """Return the number of each question's group, 0 for that of the first; vectors are of unit length, shape (n, d).

    Of more than AT_ONCE questions the first make groups, which the others join or leave for groups of their own.
    """
    labels = np.full(len(vectors), NONE, np.int64)
    left = np.arange(len(vectors))
    while len(left):
        some, rest = left[:AT_ONCE], left[AT_ONCE:]
        made = _linked(vectors[some], likeness)
        first = labels.max(initial=NONE) + 1
        labels[some] = made + first
        joined = nearest(vectors[rest], means(vectors[some], made), likeness)
        labels[rest] = np.where(joined == NONE, NONE, joined + first)
        left = rest[joined == NONE]
    return _numbered(labels)


def nearest(vectors: Vectors, centres: Vectors, likeness: float) -> Labels:
    """Return the number of the centre that each question is nearest to, NONE where no centre is as near as that.

    The product with a mean of unit vectors is the mean cosine to the questions behind it.
    """
    if not len(vectors) or not len(centres):
        return np.full(len(vectors), NONE, np.int64)
    parts = [vectors[first : first + AT_ONCE] for first in range(0, len(vectors), AT_ONCE)]
    return np.concatenate([_nearest(one, centres, likeness) for one in parts])


def _nearest(vectors: Vectors, centres: Vectors, likeness: float) -> Labels:
    cosines = vectors @ centres.T
    found = cosines.argmax(axis=1)
    return np.where(cosines[np.arange(len(vectors)), found] >= likeness, found, NONE)


def means(vectors: Vectors, labels: Labels) -> Vectors:
    """Return the mean vector of each group, not scaled to unit length."""
    sums = np.zeros((int(labels.max(initial=NONE)) + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, labels, vectors)
    counts: Vectors = np.bincount(labels, minlength=len(sums)).astype(np.float32)
    found: Vectors = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    return found


def _linked(vectors: Vectors, likeness: float) -> Labels:
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -np.inf)
    sizes = np.ones(len(vectors), np.float32)
    labels, is_open = np.arange(len(vectors)), np.ones(len(vectors), np.bool_)
    chain: list[int] = []
    while is_open.any():
        chain = chain or [int(is_open.argmax())]
        last = chain[-1]
        row = np.where(is_open, alike[last], -np.inf)
        before = chain[-2] if len(chain) > 1 else NONE
        # Of several that are as near, the one before ends the chain.
        found = before if before != NONE and row[before] >= row.max() else int(row.argmax())
        if row[found] < likeness:
            is_open[last] = False
            chain.pop()
        elif found == before:
            _join(alike, sizes, found, last)
            labels[labels == last] = found
            is_open[last] = False
            del chain[-2:]
        else:
            chain.append(found)
    return _numbered(labels)


def _join(alike: Vectors, sizes: Vectors, kept: int, gone: int) -> None:
    """Write the mean cosines of two groups together into the row and column of one of them."""
    joined = (sizes[kept] * alike[kept] + sizes[gone] * alike[gone]) / (sizes[kept] + sizes[gone])
    joined[[kept, gone]] = -np.inf
    alike[kept], alike[:, kept] = joined, joined
    sizes[kept] += sizes[gone]


def _numbered(labels: Labels) -> Labels:
    """Give numbers to groups in the order in which their first questions stand."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    numbered: Labels = order[inverse].astype(np.int64)
    return numbered
