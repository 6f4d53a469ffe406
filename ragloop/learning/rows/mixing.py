"""Rows that teach to read: passages in any order, and some without the one that answers (RAFT, arXiv:2403.10131).

The cited passages are the oracle, the others that were retrieved are hard distractors. What is chosen follows from a
hash of the row and the seed, so that equal rows are mixed alike, in whatever dataset.
"""

import hashlib
from collections.abc import Iterable

import pyarrow as pa

from ragloop.answering.prompts import NOTHING_FOUND
from ragloop.learning.examples.example import Example, as_table, examples_of
from ragloop.learning.rows.cited import only, reordered


def mixed(rows: pa.Table, share: float, seed: int) -> pa.Table:
    """Return the rows with their passages in another order, and this share of them without the oracle.

    The other rows lack as many distractors instead: else the number of passages would tell which rows abstain. So a row
    with more cited passages than others never abstains.
    """
    return as_table(_mixed(one, share, seed) for one in examples_of(rows))


def _mixed(example: Example, share: float, seed: int) -> Example:
    order = _in_order("", range(len(example.passages)), example, seed)
    distractors = [at for at in order if not example.passages[at].cited]
    cited = len(order) - len(distractors)
    if len(distractors) >= max(1, cited) and _drawn(seed, "oracle", example) < share:
        return only(example, [example.passages[at] for at in distractors], NOTHING_FOUND)
    left_out = _in_order("left out ", distractors, example, seed)[:cited]
    return reordered(example, [at for at in order if at not in left_out])


def _in_order(what: str, places: Iterable[int], example: Example, seed: int) -> list[int]:
    """Return the places in an order that the seed and what it is for decide."""
    return sorted(places, key=lambda at: _drawn(seed, what + example.passages[at].chunk_id, example))


def _drawn(seed: int, what: str, example: Example) -> float:
    """Return a number in 0..1 that the seed, the question and a name decide."""
    content = "\0".join((str(seed), what, example.question))
    return int(hashlib.sha256(content.encode()).hexdigest()[:8], 16) / 16**8
