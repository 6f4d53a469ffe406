"""The key of an answer: what it depends on. One that is found by an equal key is the one that would be given. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ragloop.answering.guard import GuardCheck
from ragloop.answering.lanes import Lane
from ragloop.answering.prompts import prompt_hash
from ragloop.answering.reuse.sense import sense_of
from ragloop.answering.turn import Turn
from ragloop.hashes import sha256_of_text
from ragloop.language.citations import mark_spans
from ragloop.records import Passage


def reuse_key(turn: Turn, lane: Lane, generator: str) -> str:
    """Return the key of a turn that a generator with this fingerprint answers.

    The passages count as a set: in another order they say the same.
    """
    template = prompt_hash(lane.prompt("", ()))
    passages = sorted(map(_evidence, turn.passages))
    route = turn.route.lane, turn.route.adapter_id, generator, template
    judged = turn.verdicts.get(GuardCheck.PASSAGES, "")
    made_from = turn.generation, sorted(turn.labels), route, passages, judged, sense_of(turn.query)
    return sha256_of_text(json.dumps(made_from))


def _evidence(passage: Passage) -> list[str]:
    """Return a passage with all that a generator reads of it."""
    read = json.dumps([passage.title, passage.heading, passage.text])
    return [passage.chunk_id, passage.text_hash, sha256_of_text(read)]


def renumbered(answer: str, citations: Sequence[Mapping[str, Any]], passages: tuple[Passage, ...]) -> str:
    """Return a logged answer with its marks numbered by the passages as they stand now."""
    now = {one.chunk_id: number for number, one in enumerate(passages, 1)}
    numbers = {one["n"]: now.get(one["chunk_id"], 0) for one in citations}
    return "".join(_parts(answer, numbers))


def _parts(answer: str, numbers: dict[int, int]) -> Iterator[str]:
    at = 0
    for start, end, number in mark_spans(answer):
        yield answer[at:start]
        yield f"[{numbers[number]}]" if numbers.get(number) else answer[start:end]
        at = end
    yield answer[at:]
