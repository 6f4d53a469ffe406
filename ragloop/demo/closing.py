"""The end of the story in sentences: what stayed true, what was learned, what was rejected."""

from collections.abc import Mapping
from typing import Any

from ragloop.wording import counted


def closing(report: Mapping[str, Any]) -> list[str]:
    """Write the sentences from the figures of the steps."""
    steps = {step["name"]: step["figures"] for step in report["steps"]}
    changed, good, bad = _with(steps, "chunks_gone"), _with(steps, "dataset"), _with(steps, "verdict", "champion_after")
    good_tried, bad_tried = (figures for figures in steps.values() if "looks" in figures)
    house = _with(steps, "format_adapter_id")
    asked = _with(steps, "lanes") if any("lanes" in figures for figures in steps.values()) else {}
    return [
        f"What stayed true: after five documents changed, {counted(changed['chunks_embedded'], 'chunk')} were embedded "
        f"and {changed['chunks_reused']:,} reused. {counted(changed['ineligible_rows'], 'logged answer')} that rested "
        f"on what changed left the training data. {_answered(changed)}",
        f"What was learned: {_learned(good, good_tried, asked)}",
        f"What was rejected: {_rejected(bad)} {_sent_back(bad_tried)}",
        f"What was taught besides: the format of a house, from {counted(house['rows'], 'corrected answer')}: "
        f"{house['valid']} of {house['asked']} questions about other packages were answered in it, "
        f"{house['valid_before']} before."
        f"{_killed(house)}",
    ]


def _with(steps: Mapping[str, Mapping[str, Any]], *names: str) -> Mapping[str, Any]:
    """Return the figures of the first step that has these."""
    return next(figures for figures in steps.values() if all(name in figures for name in names))


def _answered(changed: Mapping[str, Any]) -> str:
    """Say whether the question after the change was answered by what changed."""
    version = changed["new_version"]
    if version in changed["answer_after"]:
        return f"The new version, {version}, was answered at once."
    return f"The new version, {version}, was not in the answer: {changed['answer_after']}"


def _learned(good: Mapping[str, Any], tried: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    if tried["promoted"]:
        through = f" Of 2 questions it then answered {asked['right']} right by itself." if asked else ""
        rows = counted(good["dataset"]["train"], "row")
        gate = "" if good["tried"] else f" The gate had not decided ({_why(good)})"
        tried_on = f"tried on a share of {counted(tried['questions'], 'question')}"
        return f"an adapter, from {rows} of the log; {tried_on}, it was promoted.{gate}{_measured(good)}{through}"
    return f"an adapter was trained and not promoted: {_not_promoted(good, tried)}{_measured(good)}"


def _not_promoted(good: Mapping[str, Any], tried: Mapping[str, Any]) -> str:
    """Say why, by the gate or by its canary."""
    return _last(tried) if good["tried"] else _why(good)


def _last(tried: Mapping[str, Any]) -> str:
    """Return the reason of the last look at a canary."""
    return str(tried["looks"][-1]["reasons"][0])


def _measured(good: Mapping[str, Any]) -> str:
    """Compare the adapter with what served before; empty where it was not evaluated."""
    if "candidate" not in good or good["candidate"]["exact_match"] is None:
        return ""
    new, old = good["candidate"], good["champion"]
    return (
        f" Of {new['target_questions']} questions in a wording that nobody had asked it answers "
        f"{new['exact_match']:.0%} without any passage; what served before, {old['exact_match']:.0%}."
    )


def _why(figures: Mapping[str, Any]) -> str:
    return figures["reasons"][0] if figures["reasons"] else f"{figures['verdict']}."


def _rejected(bad: Mapping[str, Any]) -> str:
    if bad["promoted"]:
        return "nothing. The adapter that was trained on shuffled answers passed the gate, which is a fault: see above."
    return f"the adapter that was trained on shuffled answers: {_why(bad)}"


def _sent_back(tried: Mapping[str, Any]) -> str:
    """Say how the trial of the planted adapter ended."""
    if tried["ended"] == "roll back":
        return f"Tried on readers all the same, it was rolled back after {counted(tried['questions'], 'question')}."
    return f"Tried on readers all the same, it was stopped without enough evidence: {_last(tried)}"


def _killed(house: Mapping[str, Any]) -> str:
    """Say where a killed training went on; empty where it had ended before."""
    if house["killed_at"] is None:
        return ""
    return f" Its training was killed at step {house['killed_at']} and went on with step {house['resumed_with_step']}."
