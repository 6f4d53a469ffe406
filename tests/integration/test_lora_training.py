"""LoRA training on a tiny model, from rows to adapters in use."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ragloop.errors import MismatchError, NotFoundError, TrainingError
from ragloop.models.chat import load_chat
from ragloop.models.generation.local import LocalGenerator, best_dtype, load_base
from ragloop.models.training.process import Progress, TrainingResult, TrainingSpec, read_result, train
from ragloop.models.training.tokens import tokenize
from ragloop.records import Prompt
from tests.support.stock_model import save_image_model, save_stock_model
from tests.support.tiny_model import FACTS, chat, save_rows, save_tiny_model, training_spec

OTHER_FACTS = dict(zip(FACTS, reversed(FACTS.values()), strict=True))
PROMPTS = [Prompt(question, (), chat(question)) for question in FACTS]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture(scope="module")
def seen() -> list[Progress]:
    return []


@pytest.fixture(scope="module")
def spec(base: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingSpec:
    folder = tmp_path_factory.mktemp("facts")
    return training_spec(base, save_rows(folder / "rows.parquet"), folder / "adapter")


@pytest.fixture(scope="module")
def trained(spec: TrainingSpec, seen: list[Progress]) -> TrainingResult:
    return train(spec, seen.append)


@pytest.fixture(scope="module")
def trained_otherwise(base: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    folder = tmp_path_factory.mktemp("other")
    return train(training_spec(base, save_rows(folder / "rows.parquet", OTHER_FACTS), folder / "adapter"))


@pytest.fixture
def generator(base: Path) -> LocalGenerator:
    return LocalGenerator(base, name="tiny", max_new_tokens=12, threads=1)


def answers(generator: LocalGenerator) -> list[str]:
    return [draft.text for draft in generator.generate(PROMPTS)]


@pytest.mark.long
def test_it_notes_where_it_ran_and_the_memory_that_it_expected(trained: TrainingResult) -> None:
    assert (trained.device, trained.precision) == ("cpu", str(best_dtype("cpu")).removeprefix("torch."))
    assert trained.memory_estimated_mb == pytest.approx(trained.rss_peak_mb, rel=0.4)
    assert not trained.gradient_checkpointing


def test_the_loss_goes_down_and_every_step_is_reported(trained: TrainingResult, seen: list[Progress]) -> None:
    assert [entry.step for entry in seen] == list(range(1, seen[-1].steps + 1))
    assert trained.final_loss < 0.1 < trained.loss_curve[0]["loss"]
    assert [entry["loss"] for entry in trained.loss_curve] == [entry.loss for entry in seen]


def test_a_finished_training_leaves_the_adapter_and_its_record_and_no_checkpoint(
    spec: TrainingSpec, trained: TrainingResult
) -> None:
    left = {path.name for path in Path(spec.output).iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "training.json"} <= left
    assert "checkpoints" not in left
    record = json.loads((trained.adapter / "training.json").read_text())
    assert record["spec"]["seed"] == record["result"]["seed"] == spec.seed
    assert trained.tokens > 0
    assert trained.cpu_seconds > 0
    assert math.isclose(trained.tokens_per_s, trained.tokens / trained.training_seconds, rel_tol=0.2)
    assert read_result(trained.adapter) == trained


def test_training_a_finished_spec_again_trains_nothing(spec: TrainingSpec, trained: TrainingResult) -> None:
    steps: list[Progress] = []
    assert train(spec, steps.append) == trained
    assert steps == []


def test_five_facts_are_memorised(generator: LocalGenerator, trained: TrainingResult) -> None:
    assert answers(generator) != list(FACTS.values())
    assert answers(generator.wearing("facts", trained.adapter)) == list(FACTS.values())


def test_adapters_and_base_answer_side_by_side_in_any_order(
    generator: LocalGenerator, trained: TrainingResult, trained_otherwise: TrainingResult
) -> None:
    of_base = answers(generator)
    first = generator.wearing("facts", trained.adapter)
    second = generator.wearing("other/2.0", trained_otherwise.adapter)
    assert answers(second) == list(OTHER_FACTS.values())
    assert answers(first) == list(FACTS.values())
    assert answers(generator) == of_base
    assert answers(first) == list(FACTS.values())
    assert answers(second) == list(OTHER_FACTS.values())
    assert (generator.adapter, first.adapter, second.adapter) == (None, "facts", "other/2.0")


def test_an_adapter_that_is_taken_off_leaves_the_others(
    generator: LocalGenerator, trained: TrainingResult, trained_otherwise: TrainingResult
) -> None:
    of_base = answers(generator)
    generator.wearing("facts", trained.adapter)
    second = generator.wearing("other", trained_otherwise.adapter)
    generator.taking_off("facts")
    generator.taking_off("never seen")
    assert answers(second) == list(OTHER_FACTS.values())
    generator.taking_off("other")
    assert answers(generator) == of_base
    assert answers(generator.wearing("facts", trained.adapter)) == list(FACTS.values())


def test_an_adapter_id_stands_for_one_folder(
    generator: LocalGenerator, trained: TrainingResult, trained_otherwise: TrainingResult
) -> None:
    generator.wearing("facts", trained.adapter)
    with pytest.raises(MismatchError, match="stands for one folder"):
        generator.wearing("facts", trained_otherwise.adapter)


def test_a_folder_without_adapter_is_not_found(generator: LocalGenerator, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"adapter_config\.json"):
        generator.wearing("nothing", tmp_path)


def test_an_adapter_of_another_model_is_refused_and_the_base_stays_as_it_was(
    generator: LocalGenerator, trained: TrainingResult, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    weights = load_file(trained.adapter / "adapter_model.safetensors")
    save_file({key: torch.zeros(3, 3) for key in weights}, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text((trained.adapter / "adapter_config.json").read_text())
    of_base = answers(generator)
    with pytest.raises(MismatchError, match="does not fit"):
        generator.wearing("foreign", tmp_path)
    assert answers(generator) == of_base


def test_an_adapter_is_not_worn_by_a_base_that_speaks_in_another_chat_format(
    base: Path, trained: TrainingResult, tmp_path: Path
) -> None:
    same = shutil.copytree(base, tmp_path / "same")
    assert answers(LocalGenerator(same, name="tiny", threads=1).wearing("facts", trained.adapter))
    other = shutil.copytree(base, tmp_path / "other")
    template = other / "chat_template.jinja"
    template.write_text(template.read_text().replace("'\\n<|im_start|>assistant\\n'", "'\\n<|im_start|>assistant: '"))
    generator = LocalGenerator(other, name="tiny", threads=1)
    assert generator.fingerprint.replace("other", "same") != LocalGenerator(same, name="tiny", threads=1).fingerprint
    with pytest.raises(MismatchError, match=f"trained in chat format {trained.chat}, the base model's is"):
        generator.wearing("facts", trained.adapter)


@pytest.mark.long
def test_a_template_that_cannot_work_is_said_before_anything_is_trained(
    base: Path, spec: TrainingSpec, tmp_path: Path
) -> None:
    broken = shutil.copytree(base, tmp_path / "broken")
    (broken / "chat_template.jinja").write_text("{{ messages[-1].content }}")
    steps: list[Progress] = []
    with pytest.raises(MismatchError, match=r"chat template of base model .* leaves out .* model\.base$"):
        train(replace(spec, base=str(broken), output=str(tmp_path / "adapter")), steps.append)
    assert steps == []
    assert not (tmp_path / "adapter").exists()


@pytest.mark.long
def test_a_base_that_reads_images_too_is_asked_and_its_training_is_refused(spec: TrainingSpec, tmp_path: Path) -> None:
    base = save_image_model(tmp_path / "base")
    assert LocalGenerator(base, name="images", max_new_tokens=2, threads=1).generate(PROMPTS)
    with pytest.raises(MismatchError, match=r"\(type gemma3\) reads more than text .*model\.base$"):
        train(replace(spec, base=str(base), output=str(tmp_path / "adapter")))


@pytest.mark.long
def test_the_loss_is_that_of_the_model_itself_where_it_caps_what_its_head_gives(tmp_path: Path) -> None:
    import torch
    from torch.nn.functional import cross_entropy

    base = save_stock_model("gemma3", tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "final_logit_softcapping": 1.0}))
    rows = save_rows(tmp_path / "rows.parquet")
    result = train(training_spec(base, rows, tmp_path / "adapter", epochs=1, frozen_share=0.0))
    model, format_ = load_base(base)
    losses = []
    for question, answer in FACTS.items():
        example = format_.example(chat(question, answer))
        ids = [*example.prompt, *example.answer]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids])).logits[0].float()
        losses.append(
            cross_entropy(logits[len(example.prompt) - 1 : -1], torch.tensor(example.answer), reduction="none")
        )
    assert math.isclose(result.loss_curve[0]["loss"], torch.cat(losses).mean().item(), rel_tol=0.01)


def test_one_question_that_is_too_long_keeps_nothing_else_from_being_trained(
    base: Path, spec: TrainingSpec, tmp_path: Path
) -> None:
    format_ = load_chat(base)
    rows = save_rows(tmp_path / "rows.parquet", {**FACTS, "Who? " * 800: "Ada"})
    found = tokenize(replace(spec, rows=str(rows)), format_)
    assert found.trained == tokenize(spec, format_).trained
    assert found.notes == ["rows left out because they are longer than 1024 tokens: 1"]
    with pytest.raises(ValueError, match="no row of at most 5 tokens"):
        tokenize(replace(spec, max_length=5), format_)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_answers_do_not_depend_on_the_batch(base: Path, trained: TrainingResult, batch_size: int) -> None:
    alone = LocalGenerator(base, name="tiny", max_new_tokens=12, batch_size=batch_size, threads=1)
    together = LocalGenerator(base, name="tiny", max_new_tokens=12, batch_size=8, threads=1)
    of_alone = alone.wearing("facts", trained.adapter).generate(PROMPTS)
    assert of_alone == together.wearing("facts", trained.adapter).generate(PROMPTS)


@pytest.mark.long
def test_the_frozen_share_of_the_layers_stays_without_adapter(
    base: Path, tmp_path: Path, generator: LocalGenerator, spec: TrainingSpec
) -> None:
    result = train(replace(spec, output=str(tmp_path / "adapter"), frozen_share=0.5))
    from safetensors import safe_open

    with safe_open(result.adapter / "adapter_model.safetensors", "pt") as weights:
        assert all(".layers.1." in key for key in weights.keys())  # noqa: SIM118 - not a dict
    assert answers(generator.wearing("upper", result.adapter)) == list(FACTS.values())


def _without_answer(folder: Path) -> dict[str, str]:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    parquet.write_table(pa.Table.from_pylist([{"messages": chat("Who?")}]), folder / "rows.parquet")
    return {"rows": str(folder / "rows.parquet")}


def _without_weights(folder: Path) -> dict[str, str]:
    (folder / "broken").mkdir()
    (folder / "broken" / "config.json").write_text("{}")
    return {"base": str(folder / "broken")}


@pytest.mark.long
def test_a_failing_training_says_why_and_promises_no_checkpoint_that_is_not_there(
    spec: TrainingSpec, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=r"exit code 1.*row 0 .* has no answer") as failed:
        train(replace(spec, output=str(tmp_path / "adapter"), **_without_answer(tmp_path)))
    assert "checkpoint" not in str(failed.value)
    with pytest.raises(NotFoundError, match="finished training"):
        read_result(tmp_path / "adapter")


def _unknown_to_the_hub(folder: Path) -> dict[str, str]:
    return {"base": "Nobody/nothing-1B"}


@pytest.mark.parametrize("broken", [_without_weights, pytest.param(_unknown_to_the_hub, marks=pytest.mark.long)])
def test_a_base_that_cannot_be_loaded_is_one_line_and_leaves_no_folder(
    spec: TrainingSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Callable[[Path], dict[str, str]]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    output = tmp_path / "adapter"
    output.mkdir()
    rows = save_rows(output / "rows.parquet")
    with pytest.raises(NotFoundError, match=r"^base model .* cannot be loaded .*correct model\.base$") as refused:
        train(replace(spec, rows=str(rows), output=str(output), **broken(tmp_path)))
    assert "\n" not in str(refused.value)
    assert not output.exists()


def test_missing_rows_and_a_missing_base_are_found_before_anything_starts(spec: TrainingSpec, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="expected the rows"):
        train(replace(spec, rows=str(tmp_path / "none.parquet")))
    with pytest.raises(NotFoundError, match="expected a folder"):
        train(replace(spec, base=str(tmp_path / "none")))


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"learning_rate": 0.0}, {"frozen_share": 1.0}, {"rank": 0}])
def test_a_spec_out_of_range_is_refused(spec: TrainingSpec, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        replace(spec, **wrong)
