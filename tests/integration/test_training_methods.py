"""Ways to train: with lengths apart (DoRA), over four bits (QLoRA), and up to the pass that held-out rows find best."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragloop.config import load_settings
from ragloop.errors import ConfigError, TrainingError, UsageError
from ragloop.models.adapters.exporting import ExportFormat, export
from ragloop.models.adapters.merging import Method, must_be_mergeable
from ragloop.models.adapters.peft_models import peft_models
from ragloop.models.chat import load_chat
from ragloop.models.generation.local import LocalGenerator, load_base, load_model
from ragloop.models.training.process import ALONE, Progress, TrainingResult, TrainingSpec, train
from ragloop.models.training.tokens import tokenize
from ragloop.models.training.worker import quantization_of
from ragloop.records import Prompt
from ragloop.registry import Registry
from ragloop.store import Store
from tests.support.event_files import figures_in
from tests.support.registered import register
from tests.support.tiny_model import FACTS, chat, save_rows, save_tiny_model, training_spec

PROMPTS = [Prompt(question, (), chat(question)) for question in FACTS]
SHARE = 0.4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("methods")
    save_tiny_model(made / "base")
    return made


@pytest.fixture(scope="module")
def spec(folder: Path) -> TrainingSpec:
    """Rows that are held out soon lose by what the others teach."""
    return training_spec(
        folder / "base",
        save_rows(folder / "rows.parquet"),
        folder / "held-out",
        held_out_share=SHARE,
        patience=3,
        method="dora",
    )


@pytest.fixture(scope="module")
def seen() -> list[Progress]:
    return []


@pytest.fixture(scope="module")
def stopped(spec: TrainingSpec, seen: list[Progress]) -> TrainingResult:
    return train(spec, seen.append, replace(ALONE, report_to=("tensorboard",)))


def held_out_loss(spec: TrainingSpec, adapter: Path) -> float:
    """The loss of an adapter on the rows that are held out, one row after the other."""
    import torch
    from torch.nn.functional import cross_entropy

    model, format_ = load_base(spec.base)
    with peft_models() as kind:
        wearing = kind.from_pretrained(model, str(adapter)).eval()
    losses = []
    for row in tokenize(spec, format_).held_out:
        ids, labels = torch.tensor([row["input_ids"]]), torch.tensor(row["labels"])
        with torch.no_grad():
            logits = wearing(input_ids=ids).logits[0].float()
        losses.append(cross_entropy(logits[:-1], labels[1:], reduction="none", ignore_index=-100)[labels[1:] != -100])
    return float(torch.cat(losses).mean())


# --- held-out rows ----------------------------------------------------------------------------------------------------


def test_the_weights_are_those_of_the_pass_that_the_held_out_rows_found_best(
    spec: TrainingSpec, stopped: TrainingResult, seen: list[Progress]
) -> None:
    losses = list(stopped.held_out_losses)
    assert stopped.kept_pass == losses.index(min(losses)) + 1
    assert len(losses) == min(stopped.kept_pass + spec.patience, spec.epochs) < spec.epochs, "it ended early"
    assert held_out_loss(spec, stopped.adapter) == pytest.approx(min(losses), rel=0.02)
    assert [one.held_out_loss for one in seen if one.held_out_loss is not None] == losses
    found = tokenize(spec, load_chat(spec.base))
    assert (stopped.rows, stopped.held_out_rows) == (len(found.trained), len(found.held_out))
    assert stopped.tokens == len(losses) * sum(len(row["input_ids"]) for row in found.trained)
    assert not (stopped.adapter / "checkpoints").exists()


def test_other_places_are_told_of_the_held_out_rows_after_each_pass(
    stopped: TrainingResult, seen: list[Progress]
) -> None:
    (folder,) = {one.parent for one in stopped.adapter.rglob("events*")}
    told = {step: one["training/held_out_loss"] for step, one in figures_in(folder).items() if len(one) > 2}
    expected = {one.step: one.held_out_loss for one in seen if one.held_out_loss is not None}
    assert told == pytest.approx(expected)


def test_a_row_is_held_out_whole_and_whatever_other_rows_there_are(spec: TrainingSpec, tmp_path: Path) -> None:
    format_ = load_chat(spec.base)
    found = tokenize(spec, format_)
    assert found.trained
    assert found.held_out
    assert not [row for row in found.held_out if row in found.trained]
    more = save_rows(tmp_path / "rows.parquet", {**FACTS, "Who keeps the goats?": "Dora"})
    with_one_more = tokenize(replace(spec, rows=str(more)), format_)
    assert [row for row in with_one_more.held_out if row not in found.held_out] in ([], [with_one_more.held_out[-1]])
    assert all(row in with_one_more.held_out for row in found.held_out)
    assert tokenize(replace(spec, held_out_share=0.0), format_).held_out == []


def test_where_chance_would_hold_out_every_row_none_is_and_it_is_said(spec: TrainingSpec, tmp_path: Path) -> None:
    format_ = load_chat(spec.base)
    one = next(iter(tokenize(spec, format_).held_out))
    question = next(name for name in FACTS if [*format_.example([*chat(name, FACTS[name])]).prompt] == prompt_of(one))
    rows = save_rows(tmp_path / "rows.parquet", {question: FACTS[question]})
    found = tokenize(replace(spec, rows=str(rows)), format_)
    assert (len(found.trained), found.held_out) == (1, [])
    assert found.notes == ["no row is held out: chance would hold out all 1 of them"]


def prompt_of(row: Mapping[str, list[int]]) -> list[int]:
    return [token for token, label in zip(row["input_ids"], row["labels"], strict=True) if label == -100]


def killing(at: int, held_out: bool) -> Callable[[Progress], None]:
    """Kill the process that trains at a step, or right after the loss of the held-out rows was taken there."""

    def now(progress: Progress) -> None:
        if progress.step == at and (progress.held_out_loss is not None) == held_out:
            (child,) = (int(one) for one in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()[-1:])
            os.kill(child, signal.SIGKILL)

    return now


@pytest.mark.long
@pytest.mark.parametrize(("last", "held_out"), [(False, False), (False, True), (True, False), (True, True)])
def test_a_killed_training_keeps_the_same_pass_and_ends_in_the_same_bytes(
    spec: TrainingSpec, stopped: TrainingResult, seen: list[Progress], tmp_path: Path, last: bool, held_out: bool
) -> None:
    """Killed at the end of its first pass or of its last, before or after the held-out rows were looked at."""
    ends = [one.step for one in seen if one.held_out_loss is not None]
    at = ends[-1 if last else 0]
    killed = replace(spec, output=str(tmp_path / "adapter"), checkpoint_steps=1)
    with pytest.raises(TrainingError, match="SIGKILL"):
        train(killed, killing(at, held_out))
    result = train(killed)
    assert result.resumed_from >= at - 1
    assert (result.adapter_sha256, result.kept_pass) == (stopped.adapter_sha256, stopped.kept_pass)
    assert result.held_out_losses == stopped.held_out_losses


@pytest.mark.long
def test_a_group_ends_in_the_pass_that_one_process_ends_in(
    spec: TrainingSpec, stopped: TrainingResult, tmp_path: Path
) -> None:
    together = train(replace(spec, output=str(tmp_path / "adapter")), execution=replace(ALONE, processes=2))
    assert together.kept_pass == stopped.kept_pass
    assert together.held_out_losses == pytest.approx(stopped.held_out_losses, rel=0.05)


# --- methods ---------------------------------------------------------------------------------------------------------


def test_an_adapter_with_lengths_apart_says_so_and_answers(
    spec: TrainingSpec, stopped: TrainingResult, tmp_path: Path
) -> None:
    from safetensors import safe_open

    with safe_open(stopped.adapter / "adapter_model.safetensors", "pt") as weights:
        assert any("lora_magnitude_vector" in name for name in weights.keys())  # noqa: SIM118 - not a dict
    generator = LocalGenerator(Path(spec.base), name="tiny", max_new_tokens=4, threads=1)
    assert len(generator.wearing("dora", stopped.adapter).generate(PROMPTS)) == len(PROMPTS)
    with pytest.raises(UsageError, match=r"adapter a was trained by the method dora, and PEFT merges no such ones"):
        must_be_mergeable(Method.CAT, {"a": stopped.adapter, "b": stopped.adapter})
    registered = register(Registry(Store.open(tmp_path)), "a")
    with pytest.raises(UsageError, match=r"adapter a was trained by the method dora, for which GGUF has no place"):
        export(registered, stopped.adapter, lambda: spec.base, tmp_path / "out", ExportFormat.GGUF)
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_an_adapter_is_loaded_without_bitsandbytes_where_nothing_is_quantized(
    spec: TrainingSpec, stopped: TrainingResult
) -> None:
    """PEFT would import it, and asks for it again at each layer."""
    code = f"""
import sys
from pathlib import Path
from ragloop.models.adapters.peft_models import peft_models
from ragloop.models.generation.local import load_base
model, _ = load_base(Path({spec.base!r}))
with peft_models() as kind:
    kind.from_pretrained(model, {str(stopped.adapter)!r})
assert "bitsandbytes" not in sys.modules
import bitsandbytes
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_server_that_cannot_serve_what_is_trained_is_refused_with_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "ragloop.toml"
    served = '[remote]\nmodel = "base"\nbase_url = "http://127.0.0.1:1/v1"\nadapters = "vllm"\n[training]\nmethod = '
    file.write_text(served + '"rslora"')
    assert load_settings(file, tmp_path / "home").training.method == "rslora"
    file.write_text(served + '"dora"')
    with pytest.raises(ConfigError, match=r"training.method is dora, and remote.adapters is vllm"):
        load_settings(file, tmp_path / "home")


@pytest.mark.long
@pytest.mark.parametrize(
    "changes", [{"method": "dora"}, {"quantization": "nf4"}, {"method": "dora", "quantization": "nf4"}]
)
def test_facts_are_learned_and_answered_over_the_whole_base_model(
    spec: TrainingSpec, tmp_path: Path, changes: Mapping[str, Any]
) -> None:
    values = {"method": "lora", "held_out_share": 0.0, **changes}
    trained = [train(replace(spec, output=str(tmp_path / name), **values)) for name in ("once", "again")]
    assert trained[0].final_loss < 0.1
    assert trained[0].adapter_sha256 == trained[1].adapter_sha256
    generator = LocalGenerator(Path(spec.base), name="tiny", max_new_tokens=12, threads=1)
    answers = [one.text for one in generator.wearing("a", trained[0].adapter).generate(PROMPTS)]
    assert sum(map(str.__eq__, answers, FACTS.values())) >= 0.8 * len(FACTS), answers


@pytest.mark.long
def test_four_bits_are_nf4_and_their_scales_are_quantized_too(spec: TrainingSpec) -> None:
    assert quantization_of(spec) is None
    model = load_model(spec.base, quantization=quantization_of(replace(spec, quantization="nf4")))
    states = [one.weight.quant_state for one in model.modules() if type(one).__name__ == "Linear4bit"]
    assert len(states) == 7 * model.config.num_hidden_layers, "every matrix of a layer"
    assert {(one.quant_type, one.nested) for one in states} == {("nf4", True)}


@pytest.mark.long
def test_a_base_model_in_four_bits_is_another_training(spec: TrainingSpec, tmp_path: Path) -> None:
    """Its first loss is that of the rounded weights, near that of the whole ones and not it."""
    of_whole = train(replace(spec, output=str(tmp_path / "whole"), method="lora", epochs=1)).loss_curve[0]["loss"]
    of_bits = train(replace(spec, output=str(tmp_path / "bits"), method="lora", epochs=1, quantization="nf4"))
    assert of_bits.loss_curve[0]["loss"] != of_whole
    assert of_bits.loss_curve[0]["loss"] == pytest.approx(of_whole, rel=0.05)
    config = json.loads((of_bits.adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == spec.base
