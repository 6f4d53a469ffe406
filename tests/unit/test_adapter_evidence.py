"""What a row of the registry holds of an adapter's training, evaluation and gate."""

from typing import Any

from ragloop.registry.evidence import CriterionState, Evidence, TrainingRecord

SCORES: dict[str, Any] = {"exact_match": 0.5, "target_questions": 2, "token_f1_elsewhere": None}
TRAINING: dict[str, Any] = {
    "rows": 3, "seconds": 1.5, "cpu_seconds": 2.5, "tokens": 90, "tokens_per_s": 60.0, "rss_peak_mb": 300.0, "seed": 0,
    "chat": "c1", "final_loss": 0.1, "notes": ["short."], "left_out": {"stale": 1, "golden": 0},
    "chosen": {"epochs": "3: few."}, "device": "cpu", "precision": "bfloat16", "memory_estimated_mb": 290.5,
    "gpu_peak_mb": 280.5,
    "gradient_checkpointing": True, "held_out_rows": 1, "held_out_losses": [1.5, 1.25], "kept_pass": 2,
}  # fmt: skip
CRITERION: dict[str, Any] = {
    "name": "lift", "estimate": 0.4, "low": 0.3, "high": 0.5, "threshold": 0.0, "n": 120, "state": "pass",
    "needed_n": None,
}  # fmt: skip
STORED: dict[str, Any] = {
    "training": TRAINING,
    "champion": {**SCORES, "exact_match": 0.25},
    "candidate": SCORES,
    "compared_with": "a1",
    "notes": ["one left out."],
    "criteria": [CRITERION],
}


def test_a_row_is_read_as_records_and_written_as_it_was() -> None:
    found = Evidence.of_row(STORED)
    assert found.training is not None
    assert found.evaluation is not None
    assert (found.training.rows, found.training.notes, found.left_out["stale"]) == (3, ("short.",), 1)
    assert (found.evaluation.incumbent["exact_match"], found.evaluation.challenger) == (0.25, SCORES)
    assert (found.compared_with, found.notes) == ("a1", ("one left out.",))
    assert [one.state for one in found.criteria] == [CriterionState.PASS]
    assert found.as_row() == STORED


def test_a_row_from_before_devices_and_held_out_rows_were_noted_is_read() -> None:
    since = ("device", "precision", "memory_estimated_mb", "gpu_peak_mb", "gradient_checkpointing")
    since += ("held_out_rows", "held_out_losses", "kept_pass")
    old = {name: value for name, value in TRAINING.items() if name not in since}
    found = TrainingRecord.of_row(old)
    assert (found.device, found.precision, found.memory_estimated_mb, found.gradient_checkpointing) == (
        "",
        "",
        None,
        False,
    )
    assert (found.rows, found.held_out_rows, found.held_out_losses, found.kept_pass) == (3, 0, (), None)


def test_steps_that_did_not_run_stand_in_no_row() -> None:
    for steps in ((), ("training",), ("training", "champion", "candidate", "compared_with", "notes")):
        stored = {name: STORED[name] for name in steps}
        assert Evidence.of_row(stored).as_row() == stored


def test_a_merge_stands_where_a_training_does_and_says_its_chat_format() -> None:
    parents = [{"adapter_id": "a1", "dataset_id": "d1+d2", "weight": -0.5}]
    merge = {"method": "ties", "parents": parents, "density": 0.5, "seed": None, "rank": 8, "chat": "c1"}
    found = Evidence.of_row({"merge": merge})
    assert (found.as_row(), found.chat, found.training) == ({"merge": merge}, "c1", None)
    assert (Evidence.of_row(STORED).chat, Evidence().chat) == ("c1", "")


def test_a_training_that_named_no_chat_format_and_left_nothing_out_is_read() -> None:
    fewer = {name: value for name, value in TRAINING.items() if name not in ("chat", "notes", "left_out")}
    found = TrainingRecord.of_row(fewer)
    assert (found.chat, found.notes, found.left_out) == ("", (), {})
