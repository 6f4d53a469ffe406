"""Training that is killed at any moment goes on where it was and ends in the same bytes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ragloop.errors import TrainingError
from ragloop.models.training.checkpoints import COMPLETE, newest_complete
from ragloop.models.training.process import Progress, TrainingResult, TrainingSpec, train
from tests.support.tiny_model import save_rows, save_tiny_model, spec_file, training_spec

KILLED_AT = 27
CHECKPOINT = 20


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> TrainingSpec:
    folder = tmp_path_factory.mktemp("killed")
    base = save_tiny_model(folder / "base")
    # Ten rows in batches of four: epochs end in a smaller batch, and checkpoints fall into the middle of one.
    rows = save_rows(folder / "rows.parquet", repeat=2)
    return training_spec(base, rows, folder / "straight", batch_size=4, epochs=14, frozen_share=0.5)


@pytest.fixture(scope="module")
def straight(spec: TrainingSpec) -> TrainingResult:
    return train(spec)


def kill_at(spec: TrainingSpec, step: int) -> None:
    """Start the training process and kill it without warning when it has reported `step`."""
    file = spec_file(spec, Path(spec.output) / "spec.json")
    command = [sys.executable, "-m", "ragloop.models.training.worker", str(file)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if json.loads(line).get("step") == step:
                child.kill()
                break
    assert child.returncode == -signal.SIGKILL


def elsewhere(spec: TrainingSpec, output: Path) -> TrainingSpec:
    from dataclasses import replace

    return replace(spec, output=str(output))


@pytest.mark.long
def test_a_killed_training_goes_on_from_its_checkpoint_to_the_same_bytes(
    spec: TrainingSpec, straight: TrainingResult, tmp_path: Path
) -> None:
    killed = elsewhere(spec, tmp_path / "adapter")
    kill_at(killed, KILLED_AT)
    # A checkpoint that was being written when the process died: newer, all files but the marker.
    half_written = Path(killed.output) / "checkpoints" / f"checkpoint-{KILLED_AT}"
    half_written.mkdir()
    (half_written / "adapter_model.safetensors").write_bytes(b"half")
    steps: list[Progress] = []
    result = train(killed, steps.append)
    assert result.resumed_from == CHECKPOINT
    assert steps[0].step == CHECKPOINT + 1
    assert result.adapter_sha256 == straight.adapter_sha256
    assert [e["loss"] for e in result.loss_curve] == [e["loss"] for e in straight.loss_curve]


def test_a_checkpoint_of_another_spec_is_not_used(spec: TrainingSpec, tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    for step, content in ((10, '{"digest": "ours"}'), (20, '{"digest": "theirs"}'), (30, '{"dig')):
        (checkpoints / f"checkpoint-{step}").mkdir(parents=True)
        (checkpoints / f"checkpoint-{step}" / COMPLETE).write_text(content)
    assert newest_complete(checkpoints, "ours") == checkpoints / "checkpoint-10"
    assert [path.name for path in checkpoints.iterdir()] == ["checkpoint-10"]
    assert newest_complete(tmp_path / "none", "ours") is None


WORKER = b"ragloop.models.training.worker"


@pytest.mark.long
def test_a_training_that_is_killed_by_others_says_so(spec: TrainingSpec, tmp_path: Path) -> None:
    def kill_the_child(progress: Progress) -> None:
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        mine = [pid for pid in children if WORKER in Path(f"/proc/{pid}/cmdline").read_bytes()]
        for pid in mine:
            os.kill(int(pid), signal.SIGKILL)

    with pytest.raises(TrainingError, match="was killed by SIGKILL"):
        train(elsewhere(spec, tmp_path / "adapter"), kill_the_child)
