"""Examples → training and evaluation, so that neither near-duplicates nor documents nor time straddle the split.

Examples are joined into components: two belong together when they are about one document (`Example.subjects`) or their
questions are near-duplicates. Whole components go to evaluation, the newest first, until its share is full; one that
is too large stays in training. Then a moment is chosen such that no evaluation row is older than any training row:
training rows after it and evaluation rows before it are left out. It is the moment that leaves out the smallest shares
of both, evaluation's counting double since its rows are scarcer, while training loses at most `eval_share` of its rows.

Documents that were shown but not cited do not join examples: rows hold no passages, so such a document carries nothing
across the split, and with five passages shown per answer nearly all examples would be one component. Where answers cite
several documents each that can still happen; evaluation is then empty and `note` says so.
"""

import hashlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ragloop.learning.examples.near_duplicates import Likeness


@dataclass(frozen=True, eq=False)
class Split:
    """Both sides, oldest first, and the examples that would have straddled the split in time."""

    train: pa.Table
    eval: pa.Table
    left_out: pa.Table
    components: int
    largest_component: int
    note: str


def split(examples: pa.Table, eval_share: float, seed: int) -> Split:
    """Split a table of EXAMPLES; deterministic: the same ones, in any order, are split alike.

    The seed orders components whose newest examples were asked at the same moment, in an imported log for instance.
    Raises ValueError for a share outside 0..1.
    """
    if not 0 < eval_share < 1:
        raise ValueError(f"eval_share must lie between 0 and 1, both excluded, found {eval_share}")
    ordered = _oldest_first(examples)
    times = ordered["asked_at"].cast(pa.int64()).to_pylist()
    components = _newest_first(_components(ordered), times, ordered["interaction_ids"], seed)
    held_out = _held_out(components, floor(eval_share * len(times)))
    train = [position for position in range(len(times)) if position not in held_out]
    kept_train, kept_evaluation = _cut_in_time(train, sorted(held_out), times, eval_share)
    kept = {*kept_train, *kept_evaluation}
    return Split(
        train=ordered.take(pa.array(kept_train, pa.int64())),
        eval=ordered.take(pa.array(kept_evaluation, pa.int64())),
        left_out=ordered.take(pa.array([one for one in range(len(times)) if one not in kept], pa.int64())),
        components=len(components),
        largest_component=max(map(len, components), default=0),
        note=_note(len(times), len(components), len(kept_evaluation)),
    )


def _oldest_first(examples: pa.Table) -> pa.Table:
    asked = [
        *zip(examples["asked_at"].cast(pa.int64()).to_pylist(), examples["interaction_ids"].to_pylist(), strict=True)
    ]
    return examples.take(pa.array(sorted(range(len(asked)), key=asked.__getitem__), pa.int64()))


def _components(ordered: pa.Table) -> list[list[int]]:
    """Return the positions that belong together, each component in ascending order."""
    leader = list(range(ordered.num_rows))

    def find(position: int) -> int:
        while leader[position] != position:
            leader[position] = leader[leader[position]]
            position = leader[position]
        return position

    first_about: dict[str, int] = {}
    for position, document_id in _subjects(ordered["documents"].combine_chunks()):
        leader[find(position)] = find(first_about.setdefault(document_id, position))
    # The wordings were normalised before.
    likeness = Likeness([frozenset(one.split()) for one in ordered["question_wording"].to_pylist()])
    for one, other in likeness.pairs():
        leader[find(one)] = find(other)
    members: dict[int, list[int]] = defaultdict(list)
    for position in range(ordered.num_rows):
        members[find(position)].append(position)
    return list(members.values())


def _subjects(documents: pa.ListArray) -> Iterator[tuple[int, str]]:
    """Yield the position of each example with each document that it is about, as `Example.subjects` has it."""
    parents, held = pc.list_parent_indices(documents).to_numpy(), documents.flatten()
    cited = held.field("cited").to_numpy(zero_copy_only=False)
    first = np.diff(parents, prepend=-1) != 0
    cites = np.zeros(len(documents), np.bool_)
    cites[parents[cited]] = True
    about = np.flatnonzero(cited | (first & ~cites[parents]))
    return zip(parents[about].tolist(), held.field("document_id").take(about).to_pylist(), strict=True)


def _newest_first(
    components: list[list[int]], times: Sequence[int], interaction_ids: pa.ChunkedArray, seed: int
) -> list[list[int]]:
    def age(positions: list[int]) -> tuple[int, str]:
        ids = tuple(interaction_ids[positions[-1]].as_py())
        return times[positions[-1]], hashlib.sha256(f"{seed} {ids}".encode()).hexdigest()

    return sorted(components, key=age, reverse=True)


def _held_out(components: Sequence[Sequence[int]], budget: int) -> set[int]:
    """Return the positions for evaluation: at least one component where there are two, never all."""
    if len(components) < 2:
        return set()
    held_out: set[int] = set()
    for positions in components:
        if len(held_out) + len(positions) <= budget:
            held_out.update(positions)
    return held_out or set(sorted(components, key=len)[0])


def _cut_in_time(
    train: list[int], evaluation: list[int], times: Sequence[int], most_lost: float
) -> tuple[list[int], list[int]]:
    """Return both sides, oldest first, without the rows that lie on the wrong side of the best moment."""
    if not train or not evaluation:
        return train, evaluation
    held_out = [times[position] for position in evaluation]
    best = (3.0, len(train), 0)
    for kept in range(len(train), len(train) - floor(len(train) * most_lost + 1e-9) - 1, -1):
        early = bisect_left(held_out, times[train[kept - 1]])
        lost = 1 - kept / len(train) + 2 * early / len(evaluation)
        # The later moment wins a tie: it keeps more training rows.
        if lost < best[0]:
            best = (lost, kept, early)
    return train[: best[1]], evaluation[best[2] :]


def _note(examples: int, components: int, evaluation: int) -> str:
    if evaluation or not examples:
        return ""
    if components == 1:
        return "evaluation is empty: all examples share documents or near-duplicate questions"
    return "evaluation is empty: every example that was held out is older than the newest training row"
