"""Whether RAG, fine-tuning, both or neither yet suits what was measured, and what would change that. Pure.

Fine-tuning must be possible: enough rows to train on, and documents that rest longer than a retraining takes to come
round. It must gain something: cost, latency, or the form of answers. RAG is needed where answers have to cite, where
documents are restricted by labels, or where most documents were never asked about. Possible, gaining and needed: both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from ragloop.migration.costs.break_even import BreakEven
from ragloop.wording import counted, counted_with


class Kind(StrEnum):
    """What is advised, and what a factor speaks for."""

    RAG = "rag"
    FINE_TUNE = "fine-tune"
    BOTH = "both"
    NOT_YET = "not yet"
    NEITHER = "neither"


@dataclass(frozen=True)
class Facts:
    """What was measured of a home. Shares lie in 0..1; None where nothing was there to measure.

    `rest_days`: for how long documents have not changed, the median over citations. `form_share`: of corrections, those
    that say the same as the answer in another form. `covered_share`: of documents, those that an answer cites.
    `latency_ms`: the median by lane.
    """

    answers: int
    days: float
    repeat_share: float | None
    rest_days: float | None
    retraining_days: float
    cited_share: float | None
    labelled_share: float | None
    covered_share: float | None
    documents: int
    rows: int
    corrections: int
    form_share: float | None
    latency_ms: Mapping[str, float]
    break_even: Sequence[BreakEven]


@dataclass(frozen=True)
class AdvicePolicy:
    """From where on a factor speaks for fine-tuning: answers and rows at least, repeats at least, rest at least."""

    min_answers: int
    min_rows: int
    min_repeat_share: float
    rest_days: float
    half: float
    """Share of answers that cite, of documents that are covered, of corrections of form: more than half decides."""
    quicker: float
    """Latency of a lane with an adapter over that of base+rag, below which it counts as quicker."""
    few_corrections: int
    """Fewer corrections say nothing about form."""


@dataclass(frozen=True)
class Factor:
    """One measured thing, what it speaks for and why, and where that would turn; empty where nothing was measured."""

    name: str
    measured: str
    favours: Kind
    why: str
    turns: str = ""

    def as_row(self) -> dict[str, str]:
        """Return the factor as JSON shows it."""
        return {
            "name": self.name,
            "measured": self.measured,
            "favours": self.favours,
            "why": self.why,
            "turns": self.turns,
        }


@dataclass(frozen=True)
class Advice:
    """What is advised and why, with every factor, what would change it, and from where on which lane pays."""

    advice: Kind
    why: str
    factors: tuple[Factor, ...]
    would_change: tuple[str, ...]
    break_even: tuple[BreakEven, ...] = ()

    def as_row(self) -> dict[str, Any]:
        """Return the advice as JSON shows it."""
        factors = [one.as_row() for one in self.factors]
        return {
            "advice": self.advice,
            "why": self.why,
            "factors": factors,
            "would_change": list(self.would_change),
            "break_even": [asdict(one) for one in self.break_even],
        }


_POSSIBLE = ("rows", "change", "repeats")
_GAINS = ("cost", "latency", "form")
_NEEDS = ("citations", "access", "scale")


def advise(facts: Facts, policy: AdvicePolicy) -> Advice:
    """Weigh what was measured."""
    factors = (
        _rows(facts, policy),
        _change(facts, policy),
        _repeats(facts, policy),
        _cost(facts),
        _latency(facts, policy),
        _form(facts, policy),
        _citations(facts, policy),
        _access(facts),
        _scale(facts, policy),
    )
    if facts.answers < policy.min_answers:
        why = f"{counted_with(facts.answers, 'answer', 'was', 'were')} logged, {policy.min_answers:,} are needed"
        more = (f"{policy.min_answers - facts.answers:,} more answers",)
        return Advice(Kind.NOT_YET, why, factors, more, tuple(facts.break_even))
    kind, why = _weighed({one.name: one.favours for one in factors})
    return Advice(kind, why, factors, _would_change(kind, factors), tuple(facts.break_even))


def _weighed(favours: Mapping[str, Kind]) -> tuple[Kind, str]:
    """Decide by what each factor speaks for, and say why."""
    lacking = [one for one in _POSSIBLE if favours[one] != Kind.FINE_TUNE]
    gains = [one for one in _GAINS if favours[one] == Kind.FINE_TUNE]
    needs = [one for one in _NEEDS if favours[one] == Kind.RAG]
    if lacking == ["rows"] and gains:
        return Kind.NOT_YET, f"fine-tuning would gain {_listed(gains)}, and there are too few rows to train on"
    if lacking:
        return Kind.RAG, f"fine-tuning is held back by {_listed(lacking)}"
    if not gains:
        return Kind.RAG, "fine-tuning is possible and was not shown to gain cost, latency or form"
    if needs:
        return Kind.BOTH, f"fine-tuning gains {_listed(gains)}, and {_listed(needs)} need RAG"
    return Kind.FINE_TUNE, f"fine-tuning gains {_listed(gains)}, and nothing measured needs RAG"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _would_change(kind: Kind, factors: Sequence[Factor]) -> tuple[str, ...]:
    """Return where factors turn that decided: those against fine-tuning where it is not advised, else those for it."""
    against = kind in (Kind.RAG, Kind.NOT_YET)
    asked = (*_POSSIBLE, *_GAINS) if against else (*_POSSIBLE, *_GAINS, *_NEEDS)
    decided = [one for one in factors if one.name in asked and (one.favours != Kind.FINE_TUNE) == against]
    if kind == Kind.BOTH:
        decided += [one for one in factors if one.name in _NEEDS and one.favours == Kind.RAG]
    return tuple(f"{one.name}: {one.turns}" for one in decided if one.turns)


def _rows(facts: Facts, policy: AdvicePolicy) -> Factor:
    enough = facts.rows >= policy.min_rows
    why = "enough to train on" if enough else "too few to train on; corrections and votes make more"
    return Factor(
        "rows",
        f"{facts.rows:,} eligible rows",
        Kind.FINE_TUNE if enough else Kind.RAG,
        why,
        f"{'fewer' if enough else 'at least'} {policy.min_rows:,}"
        + (" rows" if enough else f" rows, {facts.rows:,} now"),
    )


def _change(facts: Facts, policy: AdvicePolicy) -> Factor:
    wanted = max(policy.rest_days, facts.retraining_days)
    if facts.rest_days is None:
        return Factor("change", "no answer cites a document", Kind.RAG, "nobody can tell how long documents rest")
    rests = facts.rest_days >= wanted
    return Factor(
        "change",
        f"documents have not changed for {counted(round(facts.rest_days), 'day')} (median over citations)",
        Kind.FINE_TUNE if rests else Kind.RAG,
        f"a retraining comes round in {counted(round(facts.retraining_days, 1), 'day')}, "
        f"and documents must rest {wanted:.0f}",
        f"a median {'below' if rests else 'from'} {counted(round(wanted), 'day')}{'' if rests else ' on'}",
    )


def _repeats(facts: Facts, policy: AdvicePolicy) -> Factor:
    if facts.repeat_share is None:
        return Factor("repeats", "nothing was asked", Kind.NEITHER, "")
    often = facts.repeat_share >= policy.min_repeat_share
    return Factor(
        "repeats",
        f"{facts.repeat_share:.0%} of questions were asked before within {counted(round(facts.days), 'day')}",
        Kind.FINE_TUNE if often else Kind.RAG,
        "what is asked again is worth training on"
        if often
        else "most questions are new, an adapter was not trained on them",
        f"{'below' if often else 'from'} {policy.min_repeat_share:.0%}{'' if often else ' on'}",
    )


def _cost(facts: Facts) -> Factor:
    known = [one for one in facts.break_even if not one.why_not]
    if not known:
        why = "; ".join(f"{one.lane}: {one.why_not}" for one in facts.break_even)
        return Factor(
            "cost", "not measured", Kind.NEITHER, why, "answers of a lane with an adapter, and prices in [costs]"
        )
    best = min(known, key=lambda one: (not one.pays, one.questions is None, one.questions or 0.0))
    asked = f"{best.asked_per_month:,.0f} questions a month"
    if best.questions is None:
        return Factor(
            "cost", asked, Kind.RAG, f"answers of {best.lane} are not cheaper", f"cheaper answers of {best.lane}"
        )
    turn = f"{best.lane} is cheaper from {best.questions:,.0f} questions a month on"
    favours = Kind.FINE_TUNE if best.pays else Kind.NEITHER if best.pays is None else Kind.RAG
    side, other = ("fewer", "more") if best.pays else ("more", "fewer")
    turns = f"{side} than {best.questions:,.0f} questions a month"
    if best.most_retrainings is not None:
        turns += f", or {other} than {best.most_retrainings:,.3g} retrainings a month"
    return Factor("cost", asked, favours, turn, turns)


def _latency(facts: Facts, policy: AdvicePolicy) -> Factor:
    base = facts.latency_ms.get("base+rag")
    others = {lane: ms for lane, ms in facts.latency_ms.items() if lane in ("adapter+rag", "closed-book")}
    if base is None or not others:
        return Factor("latency", "not measured", Kind.NEITHER, "no lane with an adapter has answered enough")
    lane = min(others, key=lambda one: others[one])
    quicker = others[lane] < policy.quicker * base
    return Factor(
        "latency",
        f"base+rag {base:,.0f} ms, {lane} {others[lane]:,.0f} ms (medians)",
        Kind.FINE_TUNE if quicker else Kind.NEITHER,
        f"{lane} is quicker" if quicker else f"{lane} is not clearly quicker",
        f"{'above' if quicker else 'below'} {policy.quicker * base:,.0f} ms in {lane}",
    )


def _form(facts: Facts, policy: AdvicePolicy) -> Factor:
    if facts.form_share is None or facts.corrections < policy.few_corrections:
        return Factor("form", counted(facts.corrections, "correction"), Kind.NEITHER, "too few say anything about form")
    form = facts.form_share > policy.half
    return Factor(
        "form",
        f"{facts.form_share:.0%} of {facts.corrections:,} corrections keep the content and change the form",
        Kind.FINE_TUNE if form else Kind.NEITHER,
        "training teaches form" if form else "what is wrong is mostly the content, which retrieval mends",
        f"{'at most' if form else 'more than'} {policy.half:.0%}",
    )


def _citations(facts: Facts, policy: AdvicePolicy) -> Factor:
    if facts.cited_share is None:
        return Factor("citations", "nothing was answered", Kind.NEITHER, "")
    cites = facts.cited_share > policy.half
    return Factor(
        "citations",
        f"{facts.cited_share:.0%} of answers cite a document",
        Kind.RAG if cites else Kind.NEITHER,
        "an answer without passages cites what was found afterwards, not what it came from"
        if cites
        else "few answers cite",
        "readers who need no citations" if cites else "",
    )


def _access(facts: Facts) -> Factor:
    if not facts.labelled_share:
        return Factor("access", "no document has labels", Kind.NEITHER, "every caller may know all of it")
    return Factor(
        "access",
        f"{facts.labelled_share:.0%} of documents have labels",
        Kind.RAG,
        "an adapter says what it was trained on to whoever asks; retrieval looks at labels",
        "no labelled document",
    )


def _scale(facts: Facts, policy: AdvicePolicy) -> Factor:
    if facts.covered_share is None:
        return Factor("scale", "nothing is indexed", Kind.NEITHER, "")
    covered = facts.covered_share > policy.half
    return Factor(
        "scale",
        f"answers cite {facts.covered_share:.0%} of {facts.documents:,} documents",
        Kind.NEITHER if covered else Kind.RAG,
        "the log covers most documents" if covered else "of most documents the log has no question to train on",
        "" if covered else f"answers that cite more than {policy.half:.0%} of the documents",
    )
