"""The picture of a training."""

from tasks.pictures import loss_curve

LOSSES = [{"step": 1.0, "loss": 4.0}, {"step": 2.0, "loss": 2.0}]


def test_the_losses_of_held_out_rows_are_drawn_where_there_are_any() -> None:
    plain, with_held_out = loss_curve(LOSSES), loss_curve(LOSSES, [{"step": 2.0, "loss": 3.0}])
    assert plain.startswith("![")
    assert plain == loss_curve(LOSSES, [])
    assert plain != with_held_out
    assert loss_curve(LOSSES, [{"step": 2.0, "loss": 1.0}]) != with_held_out


def test_a_training_says_at_which_step_each_pass_ended() -> None:
    from pathlib import Path

    from ragloop.models.training.process import TrainingResult

    taken = [{"step": float(step), "loss": 1.0, "learning_rate": 0.1} for step in range(1, 7)]
    none = dict.fromkeys(("seconds", "training_seconds", "cpu_seconds", "tokens_per_s", "rss_peak_mb"), 0.0)
    result = TrainingResult(
        Path(),
        taken,
        tokens=0,
        rows=1,
        versions={},
        seed=0,
        adapter_sha256="",
        resumed_from=0,
        held_out_losses=[3, 2, 2.5],
        **none,
    )
    assert result.held_out_curve == [{"step": 2, "loss": 3}, {"step": 4, "loss": 2}, {"step": 6, "loss": 2.5}]
