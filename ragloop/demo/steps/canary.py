"""Canaries of the story: an adapter answers a share of the questions, and simulated readers vote, who know what is
right."""

from collections.abc import Iterator
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

from ragloop.demo.stage import Stage
from ragloop.demo.steps.learning import champion_of
from ragloop.demo.traffic import Asked, is_right
from ragloop.records import FeedbackKind
from ragloop.registry import CANARY, REJECTED

if TYPE_CHECKING:
    from ragloop.learning.canary.decision import Measured
    from ragloop.learning.canary.watching import Watched
    from ragloop.records import Answer
    from ragloop.registry import Adapter

BY = "the demonstration"
PER_LOOK = 4
"""Looks at a canary while one share lasts."""


def try_adapter(stage: Stage, adapter: "Adapter", live: Iterator[Asked]) -> None:
    """Let readers ask until the canary of the adapter ends; a gate that found too little starts none, a person may."""
    with stage.step(5, "Try it on a share of the questions") as figures:
        figures |= {"adapter_id": adapter.adapter_id, "promoted": False, "questions": 0, "looks": []}
        if adapter.state == REJECTED:
            stage.say("   the gate rejected it, so nobody is asked to try it")
            return
        if adapter.state != CANARY:
            stage.say(f"   the gate found too little to decide ({adapter.verdict}); a person may try it, as here")
        shares = stage.app.settings.canary.shares
        figures |= _tried(stage, adapter, live, shares[0], most=2 * PER_LOOK * len(shares))


def try_planted(stage: Stage, planted: "Adapter", live: Iterator[Asked]) -> None:
    """Make the planted adapter a challenger although the gate rejected it, as a person may; readers have to see it.

    It gets the largest share, where few questions show much. It is stopped before its share has lasted long enough,
    since nothing but the number of questions would speak for it.
    """
    with stage.step(6, "Try the planted adapter on readers") as figures:
        if champion_of(stage) is None:
            stage.say(
                "   no adapter serves: where passages do not bear out an answer, the base model answers from them,"
            )
            stage.say("   on both sides, so that readers may never see which adapter is worse")
        figures |= _tried(stage, planted, live, stage.app.settings.canary.shares[-1], most=PER_LOOK - 1)


def live_questions(stage: Stage) -> Iterator[Asked]:
    """Yield what readers ask while an adapter is tried, for ever."""
    return cycle(stage.traffic.live)


def _tried(stage: Stage, adapter: "Adapter", live: Iterator[Asked], share: float, most: int) -> dict[str, Any]:
    """Start the canary at this share where none is under way, and look at it after every batch of questions and
    votes."""
    watch, lane = stage.app.learning.canary, adapter.lane
    if not watch.canaries.under_way(lane):
        watch.canaries.start(adapter.adapter_id, share, "tried whatever the gate said", BY)
    looks: list[dict[str, Any]] = []
    asked = 0
    stage.say("   simulated readers ask for the facts that were corrected, and vote by the known answers")
    while (tried := watch.canaries.under_way(lane)) and len(looks) < most:
        asked += _ask_and_vote(stage, list(islice(live, stage.scale.canary_questions // PER_LOOK)), lane)
        [look] = watch.act()
        looks.append(_look(look))
        stage.say(f"   {look.challenger.now.share:.0%} of the questions, {look.action}: {look.reasons[0]}")
    if tried:
        stage.say("   not enough evidence yet; the demonstration stops the trial here")
        watch.canaries.stop(tried[0], "the demonstration asks no more", BY)
    if looks:
        _show_outcomes(stage, looks[-1]["measured"])
    serving = champion_of(stage)
    stage.say(f"   after {asked} questions; now serving: {serving or 'the base model'}")
    return {
        "adapter_id": adapter.adapter_id,
        "questions": asked,
        "looks": looks,
        "ended": "stopped" if tried else str(looks[-1]["action"]),
        "promoted": serving == adapter.adapter_id,
        "champion_after": serving,
    }


def _show_outcomes(stage: Stage, measured: list[dict[str, Any]]) -> None:
    """Show what went badly on each side, and say what rolls an adapter back."""
    columns = ("measure", "challenger", "champion", "e-value: worse")
    stage.show("Bad outcomes while readers tried it", measured, columns)
    alpha = stage.app.settings.canary.alpha
    stage.say("   replaced: base+rag answered, since no adapter serves or passages did not bear its answer out")
    stage.say(
        f"   a mean of the e-values of {1 / alpha:g} rolls an adapter back, wrongly in at most {alpha:.0%} of trials"
    )


def _ask_and_vote(stage: Stage, asked: list[Asked], lane: str) -> int:
    """Have questions answered in the lane, each one by whom the canary chose, and vote on all of them."""
    answers = stage.readers.answering.answerer.ask_all([one.question for one in asked], lane=lane)
    votes = [_vote(answer, one) for answer, one in zip(answers, asked, strict=True)]
    stage.app.journal.give_all_feedback(votes)
    return len(answers)


def _vote(answer: "Answer", asked: Asked) -> tuple[str, str, str | None]:
    kind = FeedbackKind.UP if is_right(answer.answer, asked.fact) else FeedbackKind.DOWN
    return answer.interaction_id, kind, None


def _look(look: "Watched") -> dict[str, Any]:
    return {
        "share": look.challenger.now.share,
        "action": str(look.action),
        "reasons": list(look.reasons),
        "evidence": look.decision.evidence,
        "measured": [_row(one) for one in look.decision.measured],
    }


def _row(one: "Measured") -> dict[str, Any]:
    """Return a measure as the table shows it: bad outcomes of all outcomes, on each side."""
    return {
        "measure": str(one.measure),
        "challenger": f"{one.challenger_bad} of {one.challenger}",
        "champion": f"{one.champion_bad} of {one.champion}",
        "e-value: worse": f"{one.worse:.3g}",
    }
