"""The parts of a question as one answer again. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby, zip_longest

from ragloop.answering.prompts import Cited
from ragloop.answering.turn import Turn
from ragloop.language.citations import defused, renumbered
from ragloop.records import CacheUse, Draft, Passage, Prompt, Route

UNANSWERED = "Not answered by the documents: "
"""Stands before a part of a question that no passage answers."""


def join(turns: Sequence[Turn]) -> list[Turn]:
    """Return one turn per question: the parts of a question, which follow each other, as one."""
    groups = (list(ones) for _, ones in groupby(turns, key=lambda one: one.part_of or one.interaction_id))
    return [_joined(ones) if ones[0].part_of else ones[0] for ones in groups]


def _joined(parts: Sequence[Turn]) -> Turn:
    first = parts[0]
    passages, places = _passages(parts)
    drafts = [one.draft or Draft("") for one in parts]
    texts = [part.cited or Cited() for part in parts]
    answered = any(one.text for one in texts)
    said = [_said(part, one, numbers) for part, one, numbers in zip(parts, texts, places, strict=True)]
    similarities = [one.top_similarity for one in parts if one.top_similarity is not None]
    return replace(
        first,
        interaction_id=first.part_of,
        part_of="",
        question=first.asked,
        asked="",
        cache=CacheUse.OFF,
        reuse_key="",
        reused_from="",
        rewritten="\n".join(one.query for one in parts),
        passages=passages,
        ranked=_interleaved([one.ranked for one in parts]),
        unknown=frozenset().union(*(one.unknown for one in parts)),
        top_similarity=max(similarities, default=None),
        unanswerable="" if answered else "; ".join(dict.fromkeys(filter(None, (one.unanswerable for one in parts)))),
        route=_route(parts),
        prompt=_prompt(first.asked, passages, parts),
        draft=_draft(drafts),
        cited=Cited("\n\n".join(said), _rests_on(texts, places)) if answered else Cited(),
        decisions=_decisions(parts),
        verdicts={name: said for part in parts for name, said in part.verdicts.items()},
        latency_ms=_summed([one.latency_ms for one in parts]),
    )


def _passages(parts: Sequence[Turn]) -> tuple[tuple[Passage, ...], list[dict[int, int]]]:
    """Return all passages, each once, and per part which number a number of its own became."""
    all_of: dict[str, int] = {}
    found: list[Passage] = []
    places = []
    for part in parts:
        numbers = {}
        for n, one in enumerate(part.passages, 1):
            if one.chunk_id not in all_of:
                found.append(replace(one, rank=len(found) + 1))
                all_of[one.chunk_id] = len(found)
            numbers[n] = all_of[one.chunk_id]
        places.append(numbers)
    return tuple(found), places


def _interleaved(ranked: Sequence[Sequence[Passage]]) -> tuple[Passage, ...]:
    """Return what was found of all parts, the first of each before the second of any, each chunk once."""
    found = {one.chunk_id: one for ones in zip_longest(*ranked) for one in reversed(ones) if one is not None}
    in_order = dict.fromkeys(one.chunk_id for ones in zip_longest(*ranked) for one in ones if one is not None)
    return tuple(replace(found[chunk_id], rank=rank) for rank, chunk_id in enumerate(in_order, 1))


def _said(part: Turn, cited: Cited, numbers: Mapping[int, int]) -> str:
    return renumbered(cited.text, numbers) if cited.text else f"{UNANSWERED}{defused(part.query)}"


def _rests_on(texts: Sequence[Cited], places: Sequence[Mapping[int, int]]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for cited, numbers in zip(texts, places, strict=True):
        for n, digests in cited.rests_on.items():
            found[numbers[n]] = tuple(dict.fromkeys((*found.get(numbers[n], ()), *digests)))
    return found


def _route(parts: Sequence[Turn]) -> Route:
    """Return the route that an adapter is on, where one is: the log must name it."""
    route = next((one.route for one in parts if one.route.adapter_id), parts[0].route)
    return replace(route, why="; ".join(dict.fromkeys(filter(None, (one.route.why for one in parts)))))


def _prompt(question: str, passages: Sequence[Passage], parts: Sequence[Turn]) -> Prompt:
    messages = tuple(message for one in parts if one.prompt for message in one.prompt.messages)
    return Prompt(question, tuple(passages), messages)


def _draft(drafts: Sequence[Draft]) -> Draft:
    costs = [one.cost_usd for one in drafts]
    return Draft(
        "\n\n".join(one.text for one in drafts),
        sum(one.prompt_tokens for one in drafts),
        sum(one.completion_tokens for one in drafts),
        next((one.model for one in drafts if one.model), ""),
        "; ".join(dict.fromkeys(filter(None, (one.why for one in drafts)))),
        None if None in costs else sum(one for one in costs if one is not None),
    )


def _decisions(parts: Sequence[Turn]) -> dict[str, str]:
    """Return what was decided of each part, numbered where it differs."""
    names = dict.fromkeys(name for one in parts for name in one.decisions)
    found = {}
    for name in names:
        told = [one.decisions.get(name, "") for one in parts]
        same = len(set(told)) == 1
        numbered = (f"part {n}: {one}" for n, one in enumerate(told, 1) if one)
        found[name] = told[0] if same else "; ".join(numbered)
    return found


def _summed(latencies: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for one in latencies for name in one)
    return {name: round(sum(one.get(name, 0.0) for one in latencies), 2) for name in names}
