"""What the id of an adapter stands for: settings count where they differ from those of the first trainings."""

from dataclasses import fields, replace
from typing import Any

import pytest
from pydantic import ValidationError

from ragloop.app.policies import training_spec
from ragloop.config import Settings
from ragloop.config.training import TrainingSettings
from ragloop.learning.examples.lineage import TrainedRow
from ragloop.learning.steps.train import adapter_id_of
from ragloop.models.training.process import FIRST_VALUES, TrainingSpec, what_differs

ROWS = [TrainedRow("Who keeps the bees?", "Ada", ())]
FIRST = TrainingSpec(base="tiny", rows="", output="", chat="c1", **FIRST_VALUES)
OTHER: dict[str, Any] = {
    "recipe": "another", "seed": 1, "epochs": 11, "learning_rate": 2e-3, "rank": 8, "alpha": 16, "target": "q_proj",
    "frozen_share": 0.5, "batch_size": 8, "warmup_steps": 5, "checkpoint_steps": 10, "max_length": 512, "threads": 1,
    "base": "other", "chat": "c2", "objective": "preferences", "method": "dora", "quantization": "nf4",
    "held_out_share": 0.1, "patience": 2,
}  # fmt: skip


def adapter_id(spec: TrainingSpec) -> str:
    return adapter_id_of(ROWS, "d1", spec, "")


def settings(**training: Any) -> Settings:
    return Settings.model_construct(training=TrainingSettings(**training))


def test_the_id_of_a_training_with_first_values_never_changes() -> None:
    assert adapter_id(FIRST) == "a1c4a85984108722"
    assert adapter_id(replace(FIRST, rank=64)) == "ad9426b954a40c50"


def test_a_new_setting_with_its_first_value_is_not_hashed() -> None:
    assert what_differs({**FIRST_VALUES, "base": "tiny", "epochs": 3}) == {"base": "tiny", "epochs": 3}


def test_every_field_of_a_spec_has_a_first_value_or_is_always_hashed() -> None:
    always = {"base", "rows", "output", "chat"}
    assert {one.name for one in fields(TrainingSpec)} - FIRST_VALUES.keys() == always


@pytest.mark.parametrize("name", OTHER)
def test_every_field_makes_another_adapter(name: str) -> None:
    assert OTHER.keys() == {one.name for one in fields(TrainingSpec)} - {"rows", "output"}
    assert adapter_id(replace(FIRST, **{name: OTHER[name]})) != adapter_id(FIRST)


def test_where_the_files_lie_makes_no_other_adapter() -> None:
    assert adapter_id(replace(FIRST, rows="r.parquet", output="here")) == adapter_id(FIRST)


@pytest.mark.parametrize(("training", "alpha"), [({}, 32), ({"rank": 64}, 128), ({"rank": 64, "alpha": 32}, 32)])
def test_a_higher_rank_keeps_the_scale_unless_alpha_is_set(training: dict[str, int], alpha: int) -> None:
    spec = training_spec(settings(**training))
    assert (spec.rank, spec.alpha) == (training.get("rank", 16), alpha)


@pytest.mark.parametrize(("rank", "alpha"), [(16, 32), (64, 64), (256, 128)])
def test_rslora_is_a_plain_adapter_whose_scale_falls_with_the_root_of_its_rank(rank: int, alpha: int) -> None:
    spec = training_spec(settings(rank=rank, method="rslora"))
    assert (spec.method, spec.alpha) == ("lora", alpha)
    with pytest.raises(ValidationError, match="rslora sets alpha by the rank"):
        settings(rank=rank, method="rslora", alpha=7)


def test_the_default_settings_are_those_of_the_first_trainings() -> None:
    spec = training_spec(settings())
    assert {name: getattr(spec, name) for name in FIRST_VALUES} == FIRST_VALUES
