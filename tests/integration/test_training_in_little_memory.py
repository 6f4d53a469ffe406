"""A training says where it runs and what it needs before its first step, and goes on in less memory where it must."""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragloop.errors import UsageError
from ragloop.models.generation.local import best_dtype
from ragloop.models.training.process import ALONE, Execution, Objective, TrainingResult, TrainingSpec, train
from tests.integration.test_preferences import WRONG, rows_of
from tests.support.tiny_model import save_rows, save_tiny_model, training_spec

pytestmark = pytest.mark.long  # each trains once or twice, in processes of its own

AGAIN = Execution(1, gradient_checkpointing=True)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny") / "base")


def trained(spec: TrainingSpec, name: str, execution: Execution) -> TrainingResult:
    return train(replace(spec, output=str(Path(spec.output).with_name(name))), execution=execution)


def spec_of(base: Path, folder: Path, **changes: Any) -> TrainingSpec:
    return training_spec(base, save_rows(folder / "rows.parquet"), folder / "adapter", epochs=3, **changes)


def test_it_says_so_before_it_begins_and_what_is_computed_again_changes_no_byte(
    base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = spec_of(base, tmp_path, frozen_share=0.5)
    with caplog.at_level(logging.INFO, "ragloop"):
        kept, again = (trained(spec, name, how) for name, how in (("kept", ALONE), ("again", AGAIN)))
    assert (kept.gradient_checkpointing, again.gradient_checkpointing) == (False, True)
    assert again.adapter_sha256 == kept.adapter_sha256
    assert again.loss_curve == kept.loss_curve
    assert kept.notes == again.notes == [], "the frozen layer runs once, either way"
    said = [one.message for one in caplog.records if one.message.startswith("trains on ")]
    exact = str(best_dtype("cpu")).removeprefix("torch.")
    assert len(said) == 2
    assert said[0].startswith(f"trains on cpu in {exact}, about ")
    assert said[1].endswith(", with gradient checkpointing")


def test_computing_again_takes_less_memory_as_was_expected(base: Path, tmp_path: Path) -> None:
    rows = save_rows(tmp_path / "rows.parquet", repeat=200)
    deep = grown(base, tmp_path / "base", num_hidden_layers=16)  # those above the second are random
    spec = training_spec(deep, rows, tmp_path / "adapter", batch_size=1000, epochs=1, frozen_share=0.0)
    kept, again = (trained(spec, name, how) for name, how in (("kept", ALONE), ("again", AGAIN)))
    assert again.rss_peak_mb < kept.rss_peak_mb / 2
    for one in (kept, again):
        assert one.memory_estimated_mb == pytest.approx(one.rss_peak_mb, rel=0.3)


@pytest.mark.parametrize("frozen_share", [0.0, 0.5])
def test_preferences_are_learned_to_the_same_bytes(base: Path, tmp_path: Path, frozen_share: float) -> None:
    rows = rows_of(tmp_path / "rows.parquet", WRONG)
    changes: dict[str, Any] = {"epochs": 3, "objective": Objective.PREFERENCES, "frozen_share": frozen_share}
    spec = training_spec(base, rows, tmp_path / "adapter", **changes)
    assert trained(spec, "again", AGAIN).adapter_sha256 == trained(spec, "kept", ALONE).adapter_sha256


def test_frozen_layers_that_run_in_every_pass_change_no_byte(tmp_path: Path) -> None:
    from tests.support.stock_model import save_stock_model

    base = save_stock_model("gemma3", tmp_path / "base")
    spec = spec_of(base, tmp_path)
    assert trained(spec, "again", AGAIN).adapter_sha256 == trained(spec, "kept", ALONE).adapter_sha256


def test_a_group_learns_the_same_bytes(base: Path, tmp_path: Path) -> None:
    spec = spec_of(base, tmp_path, batch_size=2, frozen_share=0.5)
    kept, again = (trained(spec, str(one), Execution(2, gradient_checkpointing=one)) for one in (False, True))
    assert (kept.processes, again.gradient_checkpointing) == (2, True)
    assert again.adapter_sha256 == kept.adapter_sha256


# --- what does not fit -----------------------------------------------------------------------------------------------


def grown(base: Path, folder: Path, **sizes: int) -> Path:
    """The base with other sizes in its configuration; its weights are not those of such a model, and never read."""
    folder.mkdir()
    for file in base.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config: Mapping[str, Any] = json.loads((base / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **sizes}))
    return folder


def test_a_batch_that_fits_no_machine_is_refused_with_one_that_fits(base: Path, tmp_path: Path) -> None:
    # Thousands of answer tokens times ten million words of four bytes: terabytes of logits.
    many = grown(base, tmp_path / "base", vocab_size=10_000_000, hidden_size=16, head_dim=4)
    rows = save_rows(tmp_path / "rows.parquet", repeat=800)
    spec = training_spec(many, rows, tmp_path / "adapter", batch_size=4000)
    with pytest.raises(
        UsageError, match=r"\(.*logits [\d.]+ GB.*\), found .* free on cpu; .*training.batch_size = \d+"
    ):
        train(spec)
    assert not (tmp_path / "adapter").exists()


@pytest.mark.parametrize("execution", [ALONE, Execution(2)], ids=["alone", "two"])
def test_a_model_that_fits_no_machine_is_refused_before_its_weights_are_read(
    base: Path, tmp_path: Path, execution: Execution
) -> None:
    spec = spec_of(grown(base, tmp_path / "base", hidden_size=2**17, intermediate_size=2**19), tmp_path)
    with pytest.raises(UsageError, match=r"no row would fit one at a time.* name a smaller model in model\.base"):
        train(spec, execution=execution)
    assert not (tmp_path / "adapter").exists()
