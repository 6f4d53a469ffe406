"""A week of the simulated year: what changes, what is asked, what every policy answers, and what ragloop learns."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from ragloop.language.citations import without_marks
from ragloop.records import Answer, FeedbackKind
from simulated_year.counting import Tokens
from simulated_year.facts import Fact, changed
from simulated_year.home import BATCH, Clock, Home, days_after, is_rag_only
from simulated_year.judging import Given, Outcome, judged, quantile, states
from simulated_year.policies import CosineCache, FineTuning
from simulated_year.scenario import ATTACK, BAD_LABELS, ERASURE, FALSE_VERSION, PLANTED, Year, planted
from simulated_year.traffic import Question, questions, ranked, vote


@dataclass(frozen=True)
class Judge:
    """Judges the answers of a week by what is true in it; facts of an erased page have no value any more."""

    truth: Mapping[Fact, str]
    before: Mapping[Fact, set[str]]

    @classmethod
    def of(cls, year: Year, week: int) -> "Judge":
        """Return the judge of a week."""
        truth = {fact: one for fact, one in year.states[week].truth.items() if not year.is_gone(week, fact.page)}
        return cls(truth, year.before(week))

    def outcome(self, one: Question, given: Given) -> Outcome:
        """Judge the answer to a question; one that repeats the attacker is wrong, whatever else it says."""
        if states(given.text, FALSE_VERSION):
            return Outcome.WRONG
        return judged(given, one.fact, self.truth.get(one.fact), self.before[one.fact])

    def figures(self, asked: Sequence[Question], given: Sequence[Given]) -> dict[str, Any]:
        """Add up what a policy gave to the questions of a week."""
        counts = Counter(str(self.outcome(question, one)) for question, one in zip(asked, given, strict=True))
        latencies = [one.latency_ms for one in given]
        return {
            "asked": len(given),
            **{str(one): counts[one] for one in Outcome},
            "prompt_tokens": sum(one.prompt_tokens for one in given),
            "completion_tokens": sum(one.completion_tokens for one in given),
            "cost_usd": sum(one.cost_usd for one in given),
            "p50_ms": round(quantile(latencies, 0.5), 1),
            "p95_ms": round(quantile(latencies, 0.95), 1),
            "lanes": dict(Counter(one.lane for one in given)),
        }


def run_week(year: Year, week: int, home: Home, clock: Clock, cache: CosineCache) -> dict[str, Any]:
    """Live through a week; return its figures."""
    state, draw = year.states[week], Random(f"{year.seed}:{week}")
    popular = ranked(state.truth, year.products)
    clock.at = state.monday
    attacked = year.happens(week, ATTACK)
    target = next(fact for fact in popular if fact.kind == "latest")
    synced = home.sync({**state.pages, **({PLANTED: planted(target)} if attacked else {})})
    erased = home.erase(year.erased) if year.happens(week, ERASURE) else None
    asked, judge = drawn(year, week, draw), Judge.of(year, week)
    answers, votes = _asked(year, week, home, clock, asked, judge, draw)
    fresh = _rag_only(home, asked, answers)
    policies = {
        "RAG only": [fresh[one.text] for one in asked],
        "cache without validation": cache.answer([one.text for one in asked], fresh),
        "ragloop": [home.given(one) for one in answers],
    }
    return {
        "week": week,
        "monday": state.monday.date().isoformat(),
        "sync": synced,
        "facts_changed": len(changed(year.states[week - 1].truth, state.truth)) if week else 0,
        "distinct": len({one.text for one in asked}),
        "attacked": attacked,
        "bad_labels": year.happens(week, BAD_LABELS),
        "erased": erased,
        "votes": votes,
        "given_again_in_other_words": _otherwise(answers, fresh),
        "why_written": home.why_written([one.interaction_id for one in answers]),
        "planted_said": {name: sum(states(one.text, FALSE_VERSION) for one in of) for name, of in policies.items()},
        **_learned(year, home),
        "policies": {name: judge.figures(asked, of) for name, of in policies.items()},
    }


def _asked(
    year: Year, week: int, home: Home, clock: Clock, asked: Sequence[Question], judge: Judge, draw: Random
) -> tuple[list[Answer], dict[str, int]]:
    """Ask ragloop the questions of a week over its days, and vote; return the answers, and the votes by kind."""
    answers, votes = list[Answer](), Counter[str]()
    values = [*year.states[week].truth.values()]
    for at in range(0, len(asked), BATCH):
        clock.at = days_after(year.states[week].monday, at, len(asked))
        batch = asked[at : at + BATCH]
        found = home.ask([one.text for one in batch])
        answers += found
        said = list[tuple[str, str, str | None]]()
        for one, answer in zip(batch, found, strict=True):
            right = judge.outcome(one, home.given(answer)) is Outcome.RIGHT
            cast = vote(right, judge.truth.get(one.fact), values, draw, year.wrong_votes(week))
            if cast:
                kind = FeedbackKind.UP if cast.up else FeedbackKind.DOWN
                kind = FeedbackKind.CORRECTION if cast.correction else kind
                said.append((answer.interaction_id, kind, cast.correction or None))
        votes.update(str(kind) for _, kind, _ in said)
        home.app.journal.give_all_feedback(said)
    return answers, dict(votes)


def _rag_only(home: Home, asked: Sequence[Question], answers: Sequence[Answer]) -> dict[str, Given]:
    """Return what RAG only answers to each question this week.

    Where ragloop wrote an answer in base+rag, it is that one: the same generator over the same passages. The others are
    answered anew.
    """
    found = {one.question: home.given(one) for one in answers if is_rag_only(one)}
    rest = [text for text in dict.fromkeys(one.text for one in asked) if text not in found]
    return found | {one.question: home.given(one) for one in home.by_rag_only(rest)}


def fine_tuned(year: Year, week: int, policy: FineTuning, tokens: Tokens) -> tuple[dict[str, Any], dict[str, Any]]:
    """Answer the questions of a week by the adapter of the last cadence; return the figures, and what training took."""
    asked = drawn(year, week, Random(f"{year.seed}:{week}"))
    at = week // year.every * year.every
    then = year.states[at].truth
    trained = policy.train(at, then, ranked(then, year.products))
    given = policy.answer(at, [one.text for one in asked], tokens)
    return Judge.of(year, week).figures(asked, given), trained


def drawn(year: Year, week: int, draw: Random) -> list[Question]:
    """Draw the questions of a week."""
    return questions(ranked(year.states[week].truth, year.products), year.asked, draw)


def _otherwise(answers: Sequence[Answer], fresh: Mapping[str, Given]) -> int:
    """Count the answers that were given again and are not, marks aside, what would be written for their wording."""
    return sum(
        without_marks(one.answer) != without_marks(fresh[one.question].text) for one in answers if one.reused_from
    )


def _learned(year: Year, home: Home) -> dict[str, Any]:
    """Measure drift, retrain where it is due, move topics, maintain the store; return what came of it."""
    drift = home.drift()
    retrained = home.retrain() if year.trains and drift["due"] else None
    moves = home.move_topics()
    home.maintain()
    return {"drift": drift, "retrained": retrained, "moves": moves}
