"""The stages of answering, in the order in which a question passes them; each takes and returns all turns of a batch.

A stage leaves a turn that does not wait for it as it is.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from time import perf_counter

from ragloop.answering.turn import Turn
from ragloop.telemetry import span

Stage = Callable[[Sequence[Turn]], Sequence[Turn]]


def timed(name: str, stage: Stage) -> Stage:
    """Return the stage, which then adds its time to the latencies of the turns that it returns, in equal shares.

    It is a span of this name, too.
    """

    def work(turns: Sequence[Turn]) -> Sequence[Turn]:
        began = perf_counter()
        with span(f"answer: {name}", turns=len(turns)):
            done = stage(turns)
        latency_ms = (perf_counter() - began) * 1000 / max(1, len(done))
        return [_later(turn, name, latency_ms) for turn in done]

    return work


def _later(turn: Turn, name: str, latency_ms: float) -> Turn:
    total = round(turn.latency_ms.get(name, 0.0) + latency_ms, 2)
    return replace(turn, latency_ms={**turn.latency_ms, name: total})


def by_group(turns: Sequence[Turn], key: Callable[[Turn], Hashable], work: Stage) -> list[Turn]:
    """Return the turns in their order, after the work on each group of turns with an equal key."""
    groups: dict[Hashable, list[Turn]] = {}
    for turn in turns:
        groups.setdefault(key(turn), []).append(turn)
    done = {turn.interaction_id: turn for group in groups.values() for turn in work(group)}
    return [done[turn.interaction_id] for turn in turns]
