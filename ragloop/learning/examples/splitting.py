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
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import floor

from ragloop.learning.examples.curation import Example
from ragloop.learning.examples.near_duplicates import Likeness


@dataclass(frozen=True)
class Split:
    """Both sides, oldest first. `left_out` counts the examples that would have straddled the split in time."""

    train: tuple[Example, ...]
    eval: tuple[Example, ...]
    left_out: int
    components: int
    largest_component: int
    note: str


def split(examples: Sequence[Example], eval_share: float, seed: int) -> Split:
    """Split the examples; deterministic: the same ones, in any order, are split alike.

    The seed orders components whose newest examples were asked at the same moment, in an imported log for instance.
    Raises ValueError for a share outside 0..1.
    """
    if not 0 < eval_share < 1:
        raise ValueError(f"eval_share must lie between 0 and 1, both excluded, found {eval_share}")
    ordered = sorted(examples, key=lambda one: (one.asked_at, one.interaction_ids))
    components = _newest_first(_components(ordered), ordered, seed)
    held_out = _held_out(components, floor(eval_share * len(ordered)))
    train = [example for position, example in enumerate(ordered) if position not in held_out]
    evaluation = [ordered[position] for position in sorted(held_out)]
    kept_train, kept_evaluation = _cut_in_time(train, evaluation, eval_share)
    return Split(
        train=tuple(kept_train),
        eval=tuple(kept_evaluation),
        left_out=len(ordered) - len(kept_train) - len(kept_evaluation),
        components=len(components),
        largest_component=max(map(len, components), default=0),
        note=_note(len(ordered), len(components), len(kept_evaluation)),
    )


def _components(ordered: Sequence[Example]) -> list[list[int]]:
    """Positions that belong together, each component in ascending order."""
    leader = list(range(len(ordered)))

    def find(position: int) -> int:
        while leader[position] != position:
            leader[position] = leader[leader[position]]
            position = leader[position]
        return position

    first_about: dict[str, int] = {}
    for position, example in enumerate(ordered):
        for document_id in example.subjects:
            leader[find(position)] = find(first_about.setdefault(document_id, position))
    for one, other in Likeness([example.question for example in ordered]).pairs():
        leader[find(one)] = find(other)
    members: dict[int, list[int]] = defaultdict(list)
    for position in range(len(ordered)):
        members[find(position)].append(position)
    return list(members.values())


def _newest_first(components: list[list[int]], ordered: Sequence[Example], seed: int) -> list[list[int]]:
    def age(positions: list[int]) -> tuple[datetime, str]:
        newest = ordered[positions[-1]]
        return newest.asked_at, hashlib.sha256(f"{seed} {newest.interaction_ids}".encode()).hexdigest()

    return sorted(components, key=age, reverse=True)


def _held_out(components: Sequence[Sequence[int]], budget: int) -> set[int]:
    """Positions for evaluation: at least one component where there are two, never all."""
    if len(components) < 2:
        return set()
    held_out: set[int] = set()
    for positions in components:
        if len(held_out) + len(positions) <= budget:
            held_out.update(positions)
    return held_out or set(sorted(components, key=len)[0])


def _cut_in_time(
    train: list[Example], evaluation: list[Example], most_lost: float
) -> tuple[list[Example], list[Example]]:
    """Both sides, oldest first, without the rows that lie on the wrong side of the best moment."""
    if not train or not evaluation:
        return train, evaluation
    times = [example.asked_at for example in evaluation]
    best = (3.0, len(train), 0)
    for kept in range(len(train), len(train) - floor(len(train) * most_lost + 1e-9) - 1, -1):
        early = bisect_left(times, train[kept - 1].asked_at)
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
