"""Processes that train one adapter together learn what one process learns, and can be killed one by one or together."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragloop.errors import MismatchError, TrainingError, UsageError
from ragloop.models.generation.local import best_dtype
from ragloop.models.training.group import loopback, processes_for
from ragloop.models.training.process import (
    ALONE,
    Execution,
    Objective,
    Progress,
    TrainingResult,
    TrainingSpec,
    read_result,
    train,
)
from tests.support.tiny_model import save_rows, save_tiny_model, spec_file, training_spec

pytestmark = pytest.mark.long

TWO = Execution(2)
KILLED_AT, CHECKPOINT = 17, 10


def tolerance() -> float:
    """How far losses of equal trainings lie apart by rounding, where the tiny model is trained as it is here."""
    import torch

    return 1e-4 if best_dtype("cpu") == torch.float32 else 2e-2


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> TrainingSpec:
    folder = tmp_path_factory.mktemp("group")
    base = save_tiny_model(folder / "base")
    # Five rows in batches of two: in the last batch of each epoch there is no row for the second process.
    rows = save_rows(folder / "rows.parquet")
    return training_spec(base, rows, folder / "alone", batch_size=2, epochs=8, frozen_share=0.5, learning_rate=1e-2)


@pytest.fixture(scope="module")
def alone(spec: TrainingSpec) -> TrainingResult:
    return train(spec, execution=ALONE)


@pytest.fixture(scope="module")
def together(spec: TrainingSpec) -> TrainingResult:
    return train(elsewhere(spec, Path(spec.output).with_name("together")), execution=TWO)


def elsewhere(spec: TrainingSpec, output: Path) -> TrainingSpec:
    return replace(spec, output=str(output))


def losses(result: TrainingResult) -> list[float]:
    return [entry["loss"] for entry in result.loss_curve]


def weights(result: TrainingResult) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(result.adapter / "adapter_model.safetensors")


def processes_of(output: Path) -> dict[int, list[str]]:
    """The processes that train into a folder, with their command lines."""
    found = {}
    for pid in (int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if str(output / "spec.json") in line:
            found[pid] = line
    return found


def launcher_and_ranks(output: Path) -> tuple[int, list[int]]:
    found = processes_of(output)
    [launcher] = [pid for pid, line in found.items() if "torch.distributed.run" in line]
    return launcher, sorted(set(found) - {launcher})


def killing(folder: Path, rank: int | None = None) -> Callable[[Progress], None]:
    """Return what kills a process of the group of two that trains there, or its launcher, at one step."""

    def at_that_step(progress: Progress) -> None:
        if progress.step == KILLED_AT:
            launcher, ranks = launcher_and_ranks(folder)
            assert len(ranks) == 2
            os.kill(launcher if rank is None else ranks[rank], signal.SIGKILL)

    return at_that_step


def test_a_group_learns_what_one_process_learns(alone: TrainingResult, together: TrainingResult) -> None:
    import torch

    assert (alone.processes, together.processes) == (1, 2)
    assert losses(together)[:2] == pytest.approx(losses(alone)[:2], abs=1e-4)
    assert losses(together) == pytest.approx(losses(alone), abs=tolerance())
    assert together.tokens == alone.tokens
    of_one, of_two = weights(alone), weights(together)
    apart = max(float((of_one[name] - of_two[name]).abs().max()) for name in of_one)
    assert apart < 10 * tolerance() * max(float(one.abs().max()) for one in of_one.values())
    assert of_one.keys() == of_two.keys()
    assert all(torch.isfinite(one).all() for one in of_two.values())
    assert together.cpu_seconds > 1.5 * alone.cpu_seconds, "those of both processes count"


def test_a_killed_group_ends_as_a_whole_and_goes_on_to_the_same_bytes(
    spec: TrainingSpec, together: TrainingResult, tmp_path: Path
) -> None:
    killed = elsewhere(spec, tmp_path / "adapter")
    with pytest.raises(TrainingError, match=r"^training in .* was killed by SIGKILL.*newest complete checkpoint$"):
        train(killed, killing(tmp_path / "adapter"), TWO)
    end = time.monotonic() + 10
    while processes_of(tmp_path / "adapter") and time.monotonic() < end:
        time.sleep(0.05)
    assert processes_of(tmp_path / "adapter") == {}
    steps: list[Progress] = []
    result = train(killed, steps.append, TWO)
    assert (result.resumed_from, steps[0].step) == (CHECKPOINT, CHECKPOINT + 1)
    assert result.adapter_sha256 == together.adapter_sha256
    assert losses(result) == losses(together)
    assert result.notes == together.notes == []


@pytest.mark.parametrize("rank", [0, 1])
def test_one_killed_process_ends_the_training_which_says_so_and_goes_on(
    spec: TrainingSpec, together: TrainingResult, tmp_path: Path, rank: int
) -> None:
    killed = elsewhere(spec, tmp_path / "adapter")
    said = rf"^process {rank} of the training in .* was killed by SIGKILL.*newest complete checkpoint$"
    with pytest.raises(TrainingError, match=said):
        train(killed, killing(tmp_path / "adapter", rank), TWO)
    assert processes_of(tmp_path / "adapter") == {}
    result = train(killed, execution=TWO)
    assert result.resumed_from == CHECKPOINT
    assert result.adapter_sha256 == together.adapter_sha256


def test_a_training_goes_on_with_another_number_of_processes_and_says_so(
    spec: TrainingSpec, alone: TrainingResult, tmp_path: Path
) -> None:
    killed = elsewhere(spec, tmp_path / "adapter")
    with pytest.raises(TrainingError):
        train(killed, killing(tmp_path / "adapter"), TWO)
    result = train(killed, execution=ALONE)
    assert (result.resumed_from, result.processes) == (CHECKPOINT, 1)
    assert [note[:47] for note in result.notes] == ["1 process went on with what 2 processes began: "]
    assert losses(result) == pytest.approx(losses(alone), abs=tolerance())


@pytest.mark.parametrize(
    ("names", "found"), [(["eth0", "lo"], "lo"), (["lo0", "en0"], "lo0"), (["loop", "tailscale0"], "")]
)
def test_a_group_of_one_machine_talks_over_its_loopback(names: list[str], found: str) -> None:
    assert loopback(names) == found


def test_no_process_goes_without_a_row_and_answers_are_compared_by_one(spec: TrainingSpec) -> None:
    import torch

    gpus = torch.cuda.device_count()
    assert processes_for(spec, None) == min(max(1, gpus), spec.batch_size)
    assert processes_for(spec, 1) == 1
    assert processes_for(replace(spec, objective=Objective.PREFERENCES), 8) == 1
    if gpus == 0:
        assert processes_for(replace(spec, batch_size=3), 8) == 3
    else:
        with pytest.raises(UsageError, match=f"this machine has {gpus} GPUs"):
            processes_for(spec, gpus + 1)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def nodes(spec: TrainingSpec, tmp_path: Path) -> Iterator[list["subprocess.Popen[str]"]]:
    """Two launchers, as on two machines that see one folder."""
    file = spec_file(elsewhere(spec, tmp_path / "adapter"), tmp_path / "adapter" / "spec.json")
    place = {
        "PET_NNODES": "2",
        "PET_MASTER_ADDR": "127.0.0.1",
        "PET_MASTER_PORT": str(free_port()),
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "ragloop.models.training.worker", str(file)]
    started = [
        subprocess.Popen(
            command, env={**os.environ, **place, "PET_NODE_RANK": str(one)}, stdout=subprocess.PIPE, text=True
        )
        for one in range(2)
    ]
    yield started
    for one in started:
        one.kill()
        one.wait()
        one.stdout.close()


def test_two_machines_train_together_where_a_launcher_runs_on_each(
    nodes: list["subprocess.Popen[str]"], together: TrainingResult, tmp_path: Path
) -> None:
    said = [one.communicate(timeout=200)[0].splitlines() for one in nodes]
    plan = 1
    assert [len(lines) for lines in said] == [plan + len(together.loss_curve), 0], "the first process alone reports"
    result = read_result(tmp_path / "adapter")
    assert (result.processes, result.adapter_sha256) == (2, together.adapter_sha256)


def test_an_error_of_a_group_is_that_of_one_process(spec: TrainingSpec, tmp_path: Path) -> None:
    from tests.support.stock_model import save_image_model

    base = save_image_model(tmp_path / "base")
    with pytest.raises(MismatchError, match="reads more than text"):
        train(replace(spec, base=str(base), output=str(tmp_path / "adapter")), execution=TWO)
    assert not (tmp_path / "adapter").exists()
