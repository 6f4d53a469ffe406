"""Steps of traces → exchanges. Steps of one trace may come in any order, and one trace may hold several questions.

An exchange is the smallest step that holds both a retrieval and the generation after it; where no step holds both, the
trace itself does. Where such a step says neither question nor answer, each retrieval that follows a generation begins
another exchange.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ragloop.traffic.exchange import Exchange, Shown
from ragloop.traffic.steps import Step, Tree, Work


@dataclass
class Traces:
    """Collects steps by trace. Texts that stand in several steps are kept once."""

    origin: str
    _steps: dict[str, list[Step]] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)

    def add(self, step: Step) -> None:
        """Take in a step."""
        held = self._steps.setdefault(step.trace, [])
        held.append(self._sharing(step))
        if not step.above:
            self._steps[step.trace] = _without_prompts(held)

    def _sharing(self, step: Step) -> Step:
        if not step.shown:
            return step
        shown = tuple(replace(one, text=self._texts.setdefault(one.text, one.text)) for one in step.shown)
        return replace(step, shown=shown)

    def exchanges(self) -> Iterator[Exchange]:
        """Yield the exchanges of all traces, and keep none."""
        while self._steps:
            trace = next(iter(self._steps))
            yield from exchanges_of(self._steps.pop(trace), self.origin)


def _without_prompts(steps: list[Step]) -> list[Step]:
    """Leave out what models read, where the passages are known by their texts: it holds them all again."""
    known = any(shown.text for one in steps for shown in one.shown)
    return [replace(one, prompt="") if known and one.prompt else one for one in steps]


def exchanges_of(steps: Sequence[Step], origin: str) -> Iterator[Exchange]:
    """Yield the exchanges of one trace, in order of time."""
    tree = Tree.of(steps)
    units = _units(tree)
    # What was said of the trace was said of its only answer.
    about = [one if len(units) == 1 else replace(one, votes=()) for one in steps]
    for name in units:
        unit = tree.steps.get(name)
        within = _without_inner_retrievals(tree, tree.within(name))
        whole = unit is not None and (unit.question or unit.answer)
        for part in [[unit, *within]] if unit is not None and whole else _turns(within):
            exchange = _exchange(unit if whole else None, part, about, origin)
            if _is_exchange(exchange, part):
                yield exchange


def _units(tree: Tree) -> list[str]:
    """Return the steps that are exchanges; of a trace without any retrieval its top, or its generations."""
    if found := _smallest(tree):
        return found
    tops = tree.below.get("", ())
    apart = all(tree.steps[one].work is Work.GENERATE for one in tops)
    return list(tops) if apart or len(tops) == 1 else [""]


def _smallest(tree: Tree) -> list[str]:
    """Return the steps that hold a retrieval and a generation and of which no step below holds both."""
    works, both = tree.works(), {Work.RETRIEVE, Work.GENERATE}
    found, waiting = list[str](), [""]
    while waiting:
        name = waiting.pop()
        if not both <= works.get(name, frozenset()):
            continue
        inner = [one for one in tree.below.get(name, ()) if both <= works[one]]
        waiting += reversed(inner)
        found += [] if inner else [name]
    return found


def _is_exchange(exchange: Exchange, steps: Sequence[Step]) -> bool:
    """Return whether steps answered a question: what only read or split documents is no exchange."""
    worked = any(one.work in (Work.RETRIEVE, Work.GENERATE) for one in steps)
    return worked or bool(exchange.question.strip() and exchange.answer.strip())


def _without_inner_retrievals(tree: Tree, steps: Sequence[Step]) -> list[Step]:
    """Leave out retrievals that are a part of another one: frameworks write the same passages once for each layer."""
    known = {one.name for one in steps if one.work is Work.RETRIEVE and one.shown}
    inner = {below.name for one in known for below in tree.within(one) if below.work is Work.RETRIEVE}
    return [one for one in steps if one.name not in inner]


def _turns(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Part steps of one level where a retrieval follows a generation."""
    part, generated = list[Step](), False
    for one in steps:
        if one.work is Work.RETRIEVE and generated:
            yield part
            part, generated = [], False
        part.append(one)
        generated = generated or one.work is Work.GENERATE
    if part:
        yield part


def _exchange(unit: Step | None, within: Sequence[Step], trace: Sequence[Step], origin: str) -> Exchange:
    generations = [one for one in within if one.work is Work.GENERATE]
    retrievals = [one for one in within if one.work is Work.RETRIEVE]
    first = unit or within[0]
    ranked = [one for one in within if one.work is Work.RERANK and one.shown]
    shown = tuple(dict.fromkeys(passage for one in ranked or retrievals for passage in one.shown))
    whole = generations or within
    asked = _first([unit.question if unit else "", *(one.question for one in [*retrievals, *generations])])
    return Exchange(
        question=asked,
        answer=_first([unit.answer if unit else "", *(one.answer for one in reversed(generations))]),
        shown=shown or _shown_by_others(within),
        prompt=""
        if any(one.text for one in shown)
        else "\n\n".join(filter(None, (one.prompt for one in generations[-1:]))),
        model=_first([one.model for one in reversed(within)]),
        asked_at=min((one.began for one in within if one.began), default=None),
        conversation=_first([one.conversation for one in [first, *within, *trace]]),
        prompt_tokens=_sum([one.prompt_tokens for one in whole]),
        completion_tokens=_sum([one.completion_tokens for one in whole]),
        cost_usd=_total([one.cost_usd for one in whole]),
        latency_ms=first.latency_ms if unit else None,
        votes=tuple(dict.fromkeys(vote for one in [*within, *trace] for vote in one.votes)),
        origin=origin,
        external_id=f"{first.trace}:{first.name}",
    )


def _shown_by_others(within: Sequence[Step]) -> tuple[Shown, ...]:
    """Return what steps that are no retrieval say of passages, as a reranker or a chain that returns its sources."""
    return next((one.shown for one in within if one.shown), ())


def _first(texts: Sequence[str]) -> str:
    return next((one for one in texts if one.strip()), "")


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [one for one in counts if one is not None]
    return sum(known) if known else None


def _total(costs: Sequence[float | None]) -> float | None:
    known = [one for one in costs if one is not None]
    return sum(known) if known else None
