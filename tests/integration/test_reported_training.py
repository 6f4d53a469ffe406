"""What is reported of a training: numbers and hyperparameters, to each place, in one run, and never at its expense."""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ragloop.app.policies import training_execution
from ragloop.config import Settings
from ragloop.config.settings import RegistrySettings
from ragloop.config.training import TrainingSettings
from ragloop.errors import ConfigError, NotFoundError, TrainingError
from ragloop.models.training.process import Execution, Progress, TrainingResult, TrainingSpec, train
from ragloop.models.training.reporting.event_files import EventFiles
from ragloop.models.training.reporting.figures import FIGURES, HYPERPARAMETERS, Run, Step, parameters
from ragloop.models.training.reporting.mlflow_runs import TRAINING, MlflowRun
from ragloop.models.training.reporting.sending import Sender, must_be_able_to_report
from tests.support.event_files import figures_in, parameters_in
from tests.support.mirrored import empty_database
from tests.support.tiny_model import FACTS, save_rows, save_tiny_model, training_spec
from tests.support.waiting import until

WANDB = ("wandb",) if find_spec("wandb") else ()
"""No extra brings it: it is tried where somebody has installed it."""
PLACES = ("tensorboard", "mlflow", *WANDB)
PARAMETERS = {"recipe": "facts", "rank": 8, "learning_rate": 0.02}
STEPS = [Step(number, 1.7e9 + number, {"loss": 4.0 / number, "learning_rate": 0.5}) for number in (1, 2, 3, 4)]
MEMORY = {"gpu_memory_mb"}
"""What only a GPU has."""


def run(resumed_at: int = 0) -> Run:
    return Run("a0123", PARAMETERS, resumed_at)


# --- places ----------------------------------------------------------------------------------------------------------


def test_event_files_hold_the_figures_and_those_of_a_resumed_training_once(tmp_path: Path) -> None:
    killed = EventFiles(run(), tmp_path / "run")
    killed.write(STEPS[:3])
    killed.close()
    again = EventFiles(run(resumed_at=2), tmp_path / "run")
    again.write([*STEPS[:2], Step(3, 1.8e9, {"loss": 9.0})])
    again.write(STEPS[3:])
    again.close()
    assert parameters_in(tmp_path / "run") == pytest.approx(PARAMETERS)
    found = figures_in(tmp_path / "run")
    assert found[1] == {"training/loss": 4.0, "training/learning_rate": 0.5}
    assert {step: one["training/loss"] for step, one in found.items()} == {1: 4.0, 2: 2.0, 3: 9.0, 4: 1.0}
    late = EventFiles(run(resumed_at=4), tmp_path / "run")
    late.write([STEPS[3], Step(4, 1.8e9, {"held_out_loss": 2.5})])
    late.close()
    assert figures_in(tmp_path / "run")[4]["training/held_out_loss"] == 2.5, "it was killed before that was sent"
    EventFiles(run(), tmp_path / "run").close()
    assert figures_in(tmp_path / "run") == {}, "a training from its start has a run of its own"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty_database(tmp_path_factory.mktemp("mlflow") / "empty.db")


@pytest.fixture
def uri(database: Path, tmp_path: Path) -> str:
    (tmp_path / "mlflow.db").write_bytes(database.read_bytes())
    return f"sqlite:///{tmp_path}/mlflow.db"


def runs_in(uri: str, project: str) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    return client.search_runs([client.get_experiment_by_name(project).experiment_id])


def history_in(uri: str, run_id: str, figure: str) -> list[tuple[int, float]]:
    from mlflow import MlflowClient

    return [(one.step, one.value) for one in MlflowClient(tracking_uri=uri).get_metric_history(run_id, figure)]


@pytest.mark.long
def test_a_training_has_one_run_in_mlflow_which_goes_on(uri: str) -> None:
    MlflowRun(run(), uri, "house").write(STEPS[:3])
    again = MlflowRun(run(resumed_at=2), uri, "house")
    again.write(STEPS[2:])
    again.close()
    (held,) = runs_in(uri, "house")
    assert (held.data.tags[TRAINING], held.info.run_name, held.info.status) == ("a0123", "a0123", "FINISHED")
    assert held.data.params == {name: str(value) for name, value in PARAMETERS.items()}
    assert history_in(uri, held.info.run_id, "loss") == [(1, 4.0), (2, 2.0), (3, pytest.approx(4 / 3)), (4, 1.0)]
    MlflowRun(run(), uri, "house")
    assert len(runs_in(uri, "house")) == 2, "one that is trained anew has a run of its own"


# --- what goes wrong -------------------------------------------------------------------------------------------------


def refusing() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://ada:hunter2@127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A server that accepts and never answers."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


def test_a_server_that_is_not_there_is_said_once_without_its_password() -> None:
    address = refusing()
    sender = Sender("mlflow", lambda: MlflowRun(run(), address, "house"))
    for step in STEPS:
        sender.send(step)
    sender.close(time.monotonic() + 60)
    said = sender.trouble()
    assert said.startswith(
        "nothing more of this training is reported to mlflow: cannot reach MLflow at http://127.0.0.1"
    )
    assert "hunter2" not in said
    assert sender.trouble() == ""


def test_what_a_library_says_of_its_troubles_may_hold_a_password_and_is_not_told() -> None:
    def opened() -> EventFiles:
        raise ValueError("no scheme in postgresql//ada:hunter2@db/mlflow")

    sender = Sender("mlflow", opened)
    sender.close(time.monotonic() + 60)
    assert sender.trouble() == "nothing more of this training is reported to mlflow: ValueError"


def test_a_server_that_hangs_holds_nobody_up(silent: socket.socket) -> None:
    address = f"http://127.0.0.1:{silent.getsockname()[1]}"
    sender = Sender("mlflow", lambda: MlflowRun(run(), address, "house"))
    began = time.monotonic()
    for step in STEPS:
        sender.send(step)
    assert time.monotonic() - began < 0.2
    sender.close(time.monotonic() + 0.3)
    assert time.monotonic() - began < 2
    assert sender.trouble() == "mlflow took too long, and may lack the last figures of this training"
    silent.close()
    until(lambda: not sender.is_open())
    assert "cannot reach MLflow" in sender.trouble()


def test_what_is_missing_is_said_before_a_training_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///any.db")
    must_be_able_to_report(PLACES)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    must_be_able_to_report(("tensorboard", *WANDB))
    with pytest.raises(ConfigError, match="set MLFLOW_TRACKING_URI to the address"):
        must_be_able_to_report(("mlflow",))
    monkeypatch.setitem(sys.modules, "wandb", None)  # as where it is not installed
    with pytest.raises(NotFoundError, match=r"names wandb, and found no package wandb; run `pip install wandb`"):
        must_be_able_to_report(("wandb",))
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(NotFoundError, match=r"no package tensorboardX; .*pip install --editable '\.\[tensorboard\]'"):
        must_be_able_to_report(("tensorboard",))


# --- a training ------------------------------------------------------------------------------------------------------


def test_the_settings_say_where_and_under_which_name() -> None:
    training = TrainingSettings(report_to=["wandb", "tensorboard", "wandb"], processes=3)
    settings = Settings.model_construct(training=training, registry=RegistrySettings(mirror_name="house"))
    assert training_execution(settings) == Execution(3, ("wandb", "tensorboard"), "house")
    assert training_execution(Settings.model_construct()) == Execution(None, (), "ragloop")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> TrainingSpec:
    folder = tmp_path_factory.mktemp("reported")
    base = save_tiny_model(folder / "base")
    return training_spec(base, save_rows(folder / "rows.parquet"), folder / "a0123", epochs=14, frozen_share=0.5)


def test_hyperparameters_name_no_place_and_no_text() -> None:
    spec = training_spec(Path("/srv/base"), Path("/srv/rows.parquet"), Path("/srv/a0123"), chat="c1")
    found = parameters(spec, processes=2)
    assert set(found) == set(HYPERPARAMETERS)
    assert not any("/" in str(value) for value in found.values())


def kill_at(step: int):
    def kill(progress: Progress) -> None:
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        for pid in children if progress.step == step else ():
            if b"ragloop.models.training.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)

    return kill


@pytest.fixture(scope="module")
def reported(
    spec: TrainingSpec, database: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainingResult, str]:
    """A training that was killed and went on, reported to every place; and the address of MLflow."""
    held = tmp_path_factory.mktemp("held") / "mlflow.db"
    held.write_bytes(database.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{held}")
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_API_KEY", "0123456789" * 4)
        with pytest.raises(TrainingError, match="was killed"):
            train(spec, kill_at(12), Execution(1, PLACES, "house"))
        return train(spec, execution=Execution(1, PLACES, "house")), f"sqlite:///{held}"


@pytest.mark.long
def test_every_place_gets_the_figures_of_every_step_once(reported: tuple[TrainingResult, str]) -> None:
    result, uri = reported
    assert (result.resumed_from, result.notes) == (10, [])
    losses = {entry["step"]: entry["loss"] for entry in result.loss_curve}
    found = figures_in(result.adapter / "tensorboard")
    assert {step: one["training/loss"] for step, one in found.items()} == pytest.approx(losses)
    assert all(set(one) == {f"training/{name}" for name in set(FIGURES) - MEMORY} for one in found.values())
    assert set(parameters_in(result.adapter / "tensorboard")) == set(HYPERPARAMETERS)
    assert all(one["training/tokens_per_s"] > 0 and one["training/memory_mb"] > 50 for one in found.values())
    (held,) = runs_in(uri, "house")
    assert dict(history_in(uri, held.info.run_id, "loss")) == pytest.approx(losses)
    assert held.data.metrics.keys() == set(FIGURES) - MEMORY
    held = {one.name.rpartition("-")[2] for one in (result.adapter / "wandb").glob("offline-run-*")}
    assert held == ({"a0123"} if WANDB else set())


@pytest.mark.long
def test_no_text_of_a_row_and_no_key_reaches_a_place(spec: TrainingSpec, reported: tuple[TrainingResult, str]) -> None:
    result, uri = reported
    files = [one for name in ("tensorboard", "wandb") for one in (result.adapter / name).rglob("*") if one.is_file()]
    files.append(Path(uri.removeprefix("sqlite:///")))
    held = {one: one.read_bytes() for one in files}
    assert len(held) >= (5 if WANDB else 3)
    for text in (*FACTS, *FACTS.values(), spec.rows, spec.base, "0123456789" * 4):
        assert [one for one, data in held.items() if text.encode() in data] == []
    assert any(b"all-linear" in data for data in held.values()), "what is looked for in vain would be found"


@pytest.mark.long
def test_reports_change_no_byte_and_an_unreachable_server_fails_no_training(
    spec: TrainingSpec, reported: tuple[TrainingResult, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    monkeypatch.setenv("MLFLOW_TRACKING_URI", refusing())
    result = train(replace(spec, output=str(tmp_path / "a")), execution=Execution(1, ("mlflow",), "house"))
    assert result.adapter_sha256 == reported[0].adapter_sha256
    assert len(result.notes) == 1
    assert result.notes[0].startswith("nothing more of this training is reported to mlflow: cannot reach MLflow at")
