"""How well documents are ranked: recall, discounted gain and reciprocal rank of relevant ones. Pure.

A relevant document gains 1, any other nothing, as in the binary judgements of trec_eval.
"""

from collections.abc import Collection, Sequence
from math import log2


def recall(ranking: Sequence[str], relevant: Collection[str], depth: int) -> float:
    """Return the share of the relevant documents among the first `depth`."""
    return len(set(ranking[:depth]) & set(relevant)) / len(set(relevant))


def ndcg(ranking: Sequence[str], relevant: Collection[str], depth: int) -> float:
    """Return the discounted gain of the first `depth` over that of the best order (Jarvelin and Kekalainen, 2002)."""
    best = sum(1 / log2(rank + 1) for rank in range(1, min(depth, len(set(relevant))) + 1))
    return sum(1 / log2(rank + 1) for rank, one in enumerate(ranking[:depth], 1) if one in relevant) / best


def reciprocal_rank(ranking: Sequence[str], relevant: Collection[str]) -> float:
    """Return 1 ÷ the rank of the first relevant document, 0 where none was found."""
    return next((1 / rank for rank, one in enumerate(ranking, 1) if one in relevant), 0.0)
