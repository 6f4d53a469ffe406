"""Whether a training fits is decided from lengths and sizes alone, and what is said of one that does not is true."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragloop.app.policies import training_execution
from ragloop.config import Settings
from ragloop.config.training import TrainingSettings
from ragloop.errors import UsageError
from ragloop.models.training.memory.available import left_by_cgroups
from ragloop.models.training.memory.batches import Length, alike, lengths_of, mixed
from ragloop.models.training.memory.decision import Demand, Place, decide
from ragloop.models.training.memory.estimate import Batch, Layout, Matrix, Way, estimate

GIB = 2**30
WIDTH, INNER, LAYERS = 4096, 14_336, 32
SIDES = [(WIDTH, WIDTH), (WIDTH, 1024), (WIDTH, 1024), (WIDTH, WIDTH), (WIDTH, INNER), (WIDTH, INNER), (INNER, WIDTH)]
MATRICES = [Matrix(layer, *sides) for layer in range(LAYERS) for sides in SIDES]
EIGHT_BILLION = Layout(
    linear=sum(one.inputs * one.outputs for one in MATRICES),
    other=2 * 128_256 * WIDTH + 65 * WIDTH,
    adapted=MATRICES,
    layers=LAYERS,
    first=0,
    width=WIDTH,
    inner=INNER,
    queries=WIDTH,
    keys=1024,
    normed=2 * WIDTH,
    vocabulary=128_256,
)
"""Llama 3 8B."""
WAY = Way(rank=16, precision=2, weight=2, on_gpu=True)
ROWS = [Length(300 + n, 20) for n in range(64)]
DEMAND = Demand(EIGHT_BILLION, WAY, ROWS, batch_size=16, checkpoints=None, able=True)


def gpu(gib: float) -> Place:
    return Place("cuda:0", "bfloat16", int(gib * GIB), 1)


def changed(text: str) -> Demand:
    """The demand after the settings that an error names."""
    found = dict(re.findall(r"training\.(\w+) = ([\w.\"]+)", text))
    demand = DEMAND
    if size := found.get("batch_size"):
        demand = replace(demand, batch_size=int(size))
    if share := found.get("frozen_share"):
        demand = replace(demand, layout=EIGHT_BILLION.trained_from(int(float(share) * LAYERS)))
    return demand


# --- the estimate ----------------------------------------------------------------------------------------------------


def test_weights_and_adapter_of_a_known_model() -> None:
    needs = estimate(EIGHT_BILLION, WAY, [Batch(1, 100, 10, padded=False)])
    assert needs.weights == 2 * 8_030_261_248
    adapter = 41_943_040  # parameters of a LoRA of rank 16 on every matrix, as PEFT counts them
    assert needs.adapter == adapter * (4 + 4 + 8 + 2)
    assert needs.total == sum(needs.parts().values())


def test_weights_in_four_bits_take_less_and_nothing_else_changes() -> None:
    batches = [Batch(2, 100, 10, padded=True)]
    whole, four = (estimate(EIGHT_BILLION, replace(WAY, weight=one), batches).parts() for one in (2, 0.5625))
    assert four["weights"] == round(0.5625 * EIGHT_BILLION.linear) + 2 * EIGHT_BILLION.other
    assert {name for name in whole if whole[name] != four[name]} == {"weights"}


def test_what_each_change_costs() -> None:
    short, long = Batch(4, 100, 40, padded=False), Batch(4, 200, 40, padded=False)
    of = estimate(EIGHT_BILLION, WAY, [short])
    assert estimate(EIGHT_BILLION, WAY, [short, long]).activations == 2 * of.activations
    assert estimate(EIGHT_BILLION, WAY, [replace(short, answers=80)]).logits == 2 * of.logits
    repeated_and_mask = 400 * LAYERS * (2 * (WIDTH - 1024) + 100) * 2
    assert estimate(EIGHT_BILLION, WAY, [replace(short, padded=True)]).activations == of.activations + repeated_and_mask
    assert estimate(EIGHT_BILLION, replace(WAY, rank=32), [short]).adapter == 2 * of.adapter
    assert estimate(EIGHT_BILLION, replace(WAY, checkpoints=True), [short]).activations < of.activations / 8
    upper = EIGHT_BILLION.trained_from(24)
    assert estimate(upper, WAY, [short]).adapter == of.adapter // 4
    kept = replace(WAY, kept=7)
    on_cpu = estimate(EIGHT_BILLION, replace(WAY, on_gpu=False), [short])
    assert 1.4 < on_cpu.activations / of.activations < 1.5, "the heap holds more than what is kept"
    assert (estimate(upper, kept, [short]).kept, estimate(EIGHT_BILLION, kept, [short]).kept) == (7, 0)


# --- the batches -----------------------------------------------------------------------------------------------------


def row(tokens: int, answers: int) -> dict[str, list[int]]:
    return {"input_ids": [5] * tokens, "labels": [-100] * (tokens - answers) + [5] * answers}


def test_batches_are_of_rows_of_like_length() -> None:
    lengths = lengths_of([row(9, 1), row(4, 2), row(5, 1), row(9, 3), row(20, 4)], compares=False)
    assert alike(lengths, 2, processes=1) == [Batch(2, 5, 3, True), Batch(2, 9, 4, False), Batch(1, 20, 4, False)]


def test_a_process_of_a_group_reads_its_share() -> None:
    lengths = [Length(10, 1), Length(11, 2), Length(12, 3)]
    assert alike(lengths, 3, processes=2) == [Batch(2, 12, 5, True)]


def test_where_answers_are_compared_both_are_read() -> None:
    rows = [
        {"prompt_ids": [5] * 7, "chosen_ids": [5] * 2, "rejected_ids": [5] * 3},
        {"prompt_ids": [5] * 3, "chosen_ids": [5] * 4, "rejected_ids": [5]},
    ]
    lengths = lengths_of(rows, compares=True)
    assert mixed(lengths, 2) == [Batch(4, 10, 14, True)]
    assert mixed(lengths, 1) == [Batch(2, 10, 6, True)]


def test_where_answers_are_compared_logits_are_looked_at_in_tiles() -> None:
    batches = [Batch(8, 1000, 300, padded=True)]
    on_gpu, on_cpu = (
        estimate(EIGHT_BILLION, replace(WAY, compares=True, on_gpu=one), batches).logits for one in (True, False)
    )
    assert on_gpu == 300 * 32_768 * 2 * 2
    assert on_cpu == 4096 * 32_768 * (2 + 8 * 4 + 1)


# --- the decision ----------------------------------------------------------------------------------------------------


def test_where_it_fits_nothing_is_computed_again() -> None:
    plan = decide(DEMAND, gpu(80))
    assert not plan.checkpoints
    assert plan.said() == f"trains on cuda:0 in bfloat16, about {plan.needs.total / GIB:.1f} GB of 80.0 GB"
    assert plan.noted() == {
        "device": "cuda:0",
        "precision": "bfloat16",
        "memory_estimated_mb": round(plan.needs.total / 2**20, 1),
        "gradient_checkpointing": False,
    }


def test_where_it_fits_only_without_its_activations_they_are_computed_again() -> None:
    plan = decide(DEMAND, gpu(24))
    assert plan.checkpoints
    assert plan.needs.total <= 24 * GIB < DEMAND.needs(checkpoints=False).total
    assert plan.said().endswith(" of 24.0 GB, with gradient checkpointing")


def test_what_the_settings_say_is_done() -> None:
    assert decide(replace(DEMAND, checkpoints=True), gpu(80)).checkpoints
    with pytest.raises(
        UsageError, match=r'gradient checkpointing would fit: set training.gradient_checkpointing = "au'
    ):
        decide(replace(DEMAND, checkpoints=False), gpu(24))


def test_a_model_that_cannot_compute_again_is_told() -> None:
    unable = replace(DEMAND, able=False)
    assert not decide(unable, gpu(80)).checkpoints
    with pytest.raises(UsageError, match="does not support it; set it to auto"):
        decide(replace(unable, checkpoints=True), gpu(80))
    with pytest.raises(UsageError, match=r"a batch of \d+ rows? would fit"):
        decide(unable, gpu(24))


def test_the_largest_batch_that_fits_is_named() -> None:
    with pytest.raises(UsageError) as raised:
        decide(DEMAND, gpu(18.5))
    said = str(raised.value)
    assert re.match(r"training needs about [\d.]+ GB even with gradient checkpointing \(weights 15.0 GB, ", said)
    assert ", found 18.5 GB free on cuda:0; a batch of " in said
    fitting = changed(said)
    assert 1 < fitting.batch_size < 16
    assert decide(fitting, gpu(18.5)).checkpoints
    with pytest.raises(UsageError):
        decide(replace(fitting, batch_size=fitting.batch_size + 1), gpu(18.5))


def test_where_no_batch_fits_fewer_layers_may() -> None:
    room = gpu(replace(DEMAND, batch_size=1).least().total / GIB - 0.2)
    with pytest.raises(UsageError, match=r"a row at a time, with adapters in \d+ of 32 layers, would fit") as raised:
        decide(DEMAND, room)
    assert decide(changed(str(raised.value)), room).checkpoints


def test_where_nothing_fits_it_says_how_long_a_row_may_be() -> None:
    lengths = [Length(10, 1), Length(100, 1), Length(30_000, 1)]
    one = replace(DEMAND, lengths=lengths, batch_size=1)
    assert decide(replace(one, lengths=lengths[:2]), gpu(17))
    with pytest.raises(UsageError, match="rows of up to 100 tokens would fit one at a time, the longest has 30,000"):
        decide(one, gpu(17))
    with pytest.raises(UsageError, match=r"no row would fit one at a time.* name a smaller model in model\.base"):
        decide(one, gpu(8))


def test_processes_of_a_machine_share_its_memory() -> None:
    group = replace(DEMAND, way=replace(WAY, processes=2, on_gpu=False))
    plan = decide(group, Place("cpu", "bfloat16", 200 * GIB, 2))
    assert f"about {2 * plan.needs.total / GIB:.1f} GB of 200.0 GB" in plan.said()
    with pytest.raises(
        UsageError, match=r"each of 2 processes that train needs about .* found 15.0 GB free for each on c"
    ):
        decide(group, Place("cpu", "bfloat16", 30 * GIB, 2))
    with pytest.raises(UsageError, match=r"one process would fit: set training.processes = 1$"):
        decide(group, Place("cpu", "bfloat16", 30 * GIB, 2))


@pytest.mark.parametrize(("given", "asked"), [("auto", None), (True, True), ("false", False)])
def test_the_setting_says_how_a_training_is_carried_out(given: Any, asked: bool | None) -> None:
    settings = Settings.model_construct(training=TrainingSettings(gradient_checkpointing=given))
    assert training_execution(settings).gradient_checkpointing is asked


# --- the limits of cgroups -------------------------------------------------------------------------------------------


def group(folder: Path, files: dict[str, str], stat: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {**files, "memory.stat": stat}.items():
        (folder / name).write_text(content + "\n")


def left(tmp_path: Path, line: str) -> list[int]:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cgroup").write_text(f"12:cpu,cpuacct:/any\n{line}\n")
    return left_by_cgroups(tmp_path / "proc", tmp_path / "cgroup")


def test_every_limit_above_the_process_counts(tmp_path: Path) -> None:
    stat = "anon 500\nactive_file 30\ninactive_file 70"
    group(tmp_path / "cgroup" / "pod" / "worker", {"memory.max": "max", "memory.current": "600"}, stat)
    group(tmp_path / "cgroup" / "pod", {"memory.max": "1000", "memory.current": "700"}, stat)
    group(tmp_path / "cgroup" / "other", {"memory.max": "10", "memory.current": "9"}, stat)
    assert left(tmp_path, "0::/pod/worker") == [1000 - 700 + 100]


def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    stat = "cache 5\ntotal_active_file 10\ntotal_inactive_file 20\nactive_file 1"
    files = {"memory.limit_in_bytes": "4096", "memory.usage_in_bytes": "4000"}
    group(tmp_path / "cgroup" / "memory", files, stat)
    assert left(tmp_path, "4:memory:/docker/0123") == [96 + 30]


def test_without_limits_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "cgroup").mkdir()
    assert left(tmp_path, "0::/") == []
