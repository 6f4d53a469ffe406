"""What the demonstration says at its end."""

from collections.abc import Mapping
from typing import Any

from ragloop.demo.closing import closing

CHANGED = {"chunks_gone": 11, "chunks_embedded": 2, "chunks_reused": 14, "ineligible_rows": 1, "new_version": "2.0.0"}
GOOD = {
    "adapter_id": "a1",
    "dataset": {"train": 160},
    "promoted": True,
    "reasons": [],
    "verdict": "promote",
    "champion": {"exact_match": 0.0, "target_questions": 117},
    "candidate": {"exact_match": 0.83, "target_questions": 117},
}
BAD = {**GOOD, "promoted": False, "champion_after": "a1", "reasons": ["Exact match fell by 0.83."], "verdict": "reject"}
ASKED = {"champion": "a1", "lanes": ["closed-book"] * 2, "right": 2}


def _closing(good: Mapping[str, Any], bad: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    figures = {"change": CHANGED, "retrain": good, "plant": bad, "ask": asked, "roll back": {"champion_after": None}}
    return closing({"steps": [{"name": name, "figures": one} for name, one in figures.items()]})


def test_a_demonstration_ends_with_what_stayed_true_what_was_learned_and_what_was_rejected() -> None:
    assert _closing(GOOD, BAD, ASKED) == [
        "What stayed true: after five documents changed, 2 chunks were embedded and 14 reused. 1 logged answer that "
        "rested on what changed left the training data. The new version, 2.0.0, was answered at once.",
        "What was learned: an adapter, from 160 rows of the log; it was promoted. Of 117 questions in a wording that "
        "nobody had asked it answers 83% without any passage; what served before, 0%. Asked through it, 2 of 2 answers "
        "were right.",
        "What was rejected: the adapter that was trained on shuffled answers never served: Exact match fell by 0.83.",
    ]


def test_an_adapter_that_was_not_promoted_says_why_and_one_that_passed_by_fault_is_named() -> None:
    good = {**GOOD, "promoted": False, "reasons": ["Found 20 golden questions, 100 are needed."]}
    _, learned, rejected = _closing(good, {**BAD, "promoted": True}, {"champion": None})
    assert "trained and not promoted: Found 20 golden questions, 100 are needed." in learned
    assert "which is a fault" in rejected


def test_an_adapter_that_was_not_evaluated_has_no_scores() -> None:
    good = {name: one for name, one in GOOD.items() if name not in ("champion", "candidate")}
    assert "wording" not in _closing(good, BAD, {"champion": None})[1]
