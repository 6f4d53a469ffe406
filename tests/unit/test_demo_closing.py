"""What the demonstration says at its end."""

from collections.abc import Mapping
from typing import Any

from ragloop.demo.closing import closing

CHANGED = {
    "chunks_gone": 11,
    "chunks_embedded": 2,
    "chunks_reused": 14,
    "ineligible_rows": 1,
    "new_version": "2.0.0",
    "answer_after": "The installed version is 2.0.0. [1]",
}
GOOD = {
    "adapter_id": "a1",
    "dataset": {"train": 160},
    "promoted": False,
    "tried": True,
    "reasons": [],
    "verdict": "promote",
    "champion": {"exact_match": 0.0, "target_questions": 117},
    "candidate": {"exact_match": 0.83, "target_questions": 117},
}
BAD = {**GOOD, "tried": False, "champion_after": "a1", "reasons": ["Exact match fell by 0.83."], "verdict": "reject"}
LOOK = {"reasons": ["100 questions at this share do not show that it is worse."]}
TRIED = {"promoted": True, "ended": "promote", "questions": 200, "looks": [LOOK]}
SENT_BACK = {"promoted": False, "ended": "roll back", "questions": 50, "looks": [LOOK]}
HOUSE = {
    "format_adapter_id": "a3",
    "rows": 28,
    "asked": 6,
    "valid": 6,
    "valid_before": 0,
    "killed_at": 14,
    "resumed_with_step": 11,
}
ASKED = {"champion": "a1", "lanes": ["closed-book"] * 2, "right": 2}


def _closing(
    good: Mapping[str, Any],
    bad: Mapping[str, Any],
    asked: Mapping[str, Any],
    tried: Mapping[str, Any] = TRIED,
    sent_back: Mapping[str, Any] = SENT_BACK,
    changed: Mapping[str, Any] = CHANGED,
) -> list[str]:
    figures = {
        "change": changed,
        "retrain": good,
        "try": tried,
        "plant": bad,
        "try planted": sent_back,
        "format": HOUSE,
        "ask": asked,
        "roll back": {"champion_after": None},
    }
    return closing({"steps": [{"name": name, "figures": one} for name, one in figures.items()]})


def test_a_demonstration_ends_with_what_stayed_true_what_was_learned_and_what_was_rejected() -> None:
    assert _closing(GOOD, BAD, ASKED) == [
        "What stayed true: after five documents changed, 2 chunks were embedded and 14 reused. 1 logged answer that "
        "rested on what changed left the training data. The new version, 2.0.0, was answered at once.",
        "What was learned: an adapter, from 160 rows of the log; tried on a share of 200 questions, it was promoted. "
        "Of 117 questions in a wording that nobody had asked it answers 83% without any passage; what served before, "
        "0%. Of 2 questions it then answered 2 right by itself.",
        "What was rejected: the adapter that was trained on shuffled answers: Exact match fell by 0.83. Tried on "
        "readers all the same, it was rolled back after 50 questions.",
        "What was taught besides: the format of a house, from 28 corrected answers: 6 of 6 questions about "
        "other packages were answered in it, 0 before. Its training was killed at step 14 and went on with step 11.",
    ]


def test_an_adapter_that_was_not_promoted_says_why_and_one_that_passed_by_fault_is_named() -> None:
    good = {**GOOD, "tried": False, "reasons": ["Found 20 golden questions, 100 are needed."]}
    untried = {"promoted": False, "questions": 0, "looks": []}
    stopped = {**SENT_BACK, "ended": "stopped"}
    _, learned, rejected, _ = _closing(good, {**BAD, "promoted": True}, {"champion": None}, untried, stopped)
    assert "trained and not promoted: Found 20 golden questions, 100 are needed." in learned
    assert "which is a fault" in rejected
    assert "stopped without enough evidence: 100 questions" in rejected


def test_an_answer_that_still_has_the_old_version_is_not_called_new() -> None:
    stale = {**CHANGED, "answer_after": "The installed version is 1.0.0. [1]"}
    told = _closing(GOOD, BAD, ASKED, changed=stale)[0]
    assert "was answered at once" not in told
    assert told.endswith("The new version, 2.0.0, was not in the answer: The installed version is 1.0.0. [1]")


def test_an_adapter_that_was_not_evaluated_has_no_scores() -> None:
    good = {name: one for name, one in GOOD.items() if name not in ("champion", "candidate")}
    assert "wording" not in _closing(good, BAD, {"champion": None})[1]
