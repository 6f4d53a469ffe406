"""A mirror in MLflow: one registered model per lane, one version per adapter, each with a run that holds its files.

Versions and runs bear the id of their store as a tag, and nothing that lacks it is touched. A version is made when its
files are there, and removed before they are; a run without a version is what something left that stopped in between.
MLflow keeps the figures of a removed run until `mlflow gc`; the files are removed at once.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ragloop.errors import UsageError
from ragloop.records import LaneName
from ragloop.registry.files import ADAPTER_CONFIG
from ragloop.registry.mirroring.mirror import Portable
from ragloop.registry.mirroring.mlflow_server import MlflowServer
from ragloop.registry.mirroring.plan import MIRRORED, Holding, Move, Place, Version
from ragloop.registry.portable import ABOUT
from ragloop.store import Boundary

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLDER = "adapter"
"""Among the artifacts of a run: what PEFT loads."""
_STORE, _ADAPTER, _SHA256, _RECORD = "ragloop.store", "ragloop.adapter_id", "ragloop.sha256", "ragloop.record"
_MADE_BY = "ragloop.version"
_PAGE = 1000
_NOT_IN_NAMES = re.compile(r"[^\w\-. :/]")


@dataclass(frozen=True)
class _Traces:
    """What MLflow has of one adapter."""

    versions: tuple[tuple[str, str], ...] = ()
    """Names of models and numbers of their versions."""
    runs: tuple[str, ...] = ()


class MlflowMirror:
    """The mirror of the store `store_id` at `uri`; `name` is that of the experiment; models are called NAME-LANE."""

    def __init__(self, uri: str, name: str, store_id: str, boundary: Boundary) -> None:
        self._server = MlflowServer(uri, name)
        self._uri, self._name, self._store_id, self._boundary = uri, name, store_id, boundary

    def __str__(self) -> str:
        return str(self._server)

    def is_there(self) -> bool:
        """Return True: a server that is gone does not answer, and what answers knows what it holds."""
        return True

    def held(self) -> Holding:
        """Look at the models of all lanes, their versions and aliases, and the runs of this store."""
        with self._errors():
            found = self._traces()
            aliases = dict[Place, str]()
            for lane in LaneName:
                aliases |= self._aliases(lane)
            return Holding([self._version(one, traces) for one, traces in sorted(found.items())], aliases)

    def add(self, one: Portable) -> None:
        """Make a run with the files and the figures, then the version."""
        adapter_id, name = one.adapter.adapter_id, self._model_name(one.adapter.lane)
        self.remove(adapter_id)
        with self._errors():
            self._must_have_model(name)
            tags = {_STORE: self._store_id, _ADAPTER: adapter_id}
            run = self._step("start run", self._client.create_run, self._experiment_id(), None, tags, adapter_id)
            run_id = run.info.run_id
            self._step("log weights", self._client.log_artifact, run_id, str(one.weights), FOLDER)
            self._log_json(run_id, {ADAPTER_CONFIG: one.config, ABOUT: one.about})
            self._log_figures(run_id, one)
            self._step("end run", self._client.set_terminated, run_id)
            source = f"{run.info.artifact_uri}/{FOLDER}"
            self._step("make version", self._client.create_model_version, name, source, run_id, self._tags(one))

    def update(self, one: Portable) -> None:
        """Log what is now known, then set the tags; that of the record comes last."""
        with self._errors():
            traces = self._traces()[one.adapter.adapter_id]
            [(name, number)], [run_id] = traces.versions, traces.runs
            self._log_json(run_id, {ABOUT: one.about})
            self._log_figures(run_id, one)
            for key, value in sorted(self._tags(one).items(), key=lambda tag: tag[0] == _RECORD):
                self._step("tag", self._client.set_model_version_tag, name, number, key, value)

    def point(self, move: Move) -> None:
        """Set an alias of the model of a lane, or delete it."""
        name = self._model_name(move.lane)
        with self._errors():
            if move.adapter_id is None:
                self._step("delete alias", self._client.delete_registered_model_alias, name, str(move.alias))
                return
            versions = self._traces()[move.adapter_id].versions
            [number] = [number for model, number in versions if model == name]
            self._step("set alias", self._client.set_registered_model_alias, name, str(move.alias), number)

    def remove(self, adapter_id: str) -> None:
        """Delete the versions of an adapter, the files of its runs, and the runs."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        with self._errors():
            traces = self._traces().get(adapter_id, _Traces())
            for name, number in traces.versions:
                self._step("delete version", self._client.delete_model_version, name, number)
            for run_id in traces.runs:
                run = self._client.get_run(run_id)
                files = get_artifact_repository(run.info.artifact_uri, self._uri)
                if files.list_artifacts(FOLDER):
                    self._step("delete files", files.delete_artifacts, FOLDER)
                if run.info.lifecycle_stage == "active":
                    self._step("delete run", self._client.delete_run, run_id)

    def _traces(self) -> dict[str, _Traces]:
        """Return what there is of each adapter of this store."""
        found = dict[str, _Traces]()
        for lane in LaneName:
            if not self._has_model(name := self._model_name(lane)):
                continue
            for one in _pages(self._client.search_model_versions, f"name='{name}'"):
                if one.tags.get(_STORE) == self._store_id:
                    had = found.get(one.tags[_ADAPTER], _Traces())
                    runs = dict.fromkeys((*had.runs, *filter(None, [one.run_id])))
                    found[one.tags[_ADAPTER]] = _Traces((*had.versions, (name, str(one.version))), tuple(runs))
        for run in self._runs():
            had = found.get(run.data.tags[_ADAPTER], _Traces())
            runs = dict.fromkeys((*had.runs, run.info.run_id))
            found[run.data.tags[_ADAPTER]] = _Traces(had.versions, tuple(runs))
        return found

    def _runs(self) -> Iterator[Any]:
        experiment = self._client.get_experiment_by_name(self._name)
        if experiment is None:
            return
        wanted = f"tags.`{_STORE}` = '{self._store_id}'"
        yield from _pages(self._client.search_runs, [experiment.experiment_id], wanted)

    def _version(self, adapter_id: str, traces: _Traces) -> Version:
        """Return a version as its tags have it; whole where there is one, with one run that has its files."""
        if len(traces.versions) != 1 or len(traces.runs) != 1:
            return Version(adapter_id, "", "", is_whole=False)
        [(name, number)], [run_id] = traces.versions, traces.runs
        tags = self._client.get_model_version(name, number).tags
        active = self._client.get_run(run_id).info.lifecycle_stage == "active"
        return Version(adapter_id, tags.get(_SHA256, ""), tags.get(_RECORD, ""), active)

    def _aliases(self, lane: LaneName) -> dict[Place, str]:
        name = self._model_name(lane)
        if not self._has_model(name):
            return {}
        held = self._client.get_registered_model(name).aliases
        named = {alias: str(held[alias]) for alias in MIRRORED if alias in held}
        return {
            (lane, alias): self._client.get_model_version(name, number).tags.get(_ADAPTER, "")
            for alias, number in named.items()
        }

    def _has_model(self, name: str) -> bool:
        """Return whether there is a model of this name. Raises UsageError where it is not of this store."""
        found = self._client.search_registered_models(f"name='{name}'")
        if found and found[0].tags.get(_STORE) != self._store_id:
            raise UsageError(
                f"found a model {name} that is not of this home in {self}; set registry.mirror_name to another name"
            )
        return bool(found)

    def _must_have_model(self, name: str) -> None:
        if not self._has_model(name):
            self._step("make model", self._client.create_registered_model, name, {_STORE: self._store_id})

    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(self._name)
        return str(found.experiment_id if found else self._client.create_experiment(self._name))

    def _model_name(self, lane: LaneName) -> str:
        return f"{self._name}-{lane.replace('+', '-')}"

    def _tags(self, one: Portable) -> dict[str, str]:
        said = {f"ragloop.{name}": value for name, value in one.said.items() if value}
        return {**said, _STORE: self._store_id, _RECORD: one.version.record, _MADE_BY: version("ragloop")}

    def _log_json(self, run_id: str, files: Mapping[str, bytes]) -> None:
        with TemporaryDirectory() as folder:
            for name, body in files.items():
                Path(folder, name).write_bytes(body)
                self._step(f"log {name}", self._client.log_artifact, run_id, str(Path(folder, name)), FOLDER)

    def _log_figures(self, run_id: str, one: Portable) -> None:
        from mlflow.entities import Metric

        at = int(time.time() * 1000)
        figures = [Metric(_NOT_IN_NAMES.sub("_", name), value, at, 0) for name, value in one.figures.items()]
        if figures:
            self._step("log figures", self._client.log_batch, run_id, figures)

    def _step(self, step: str, call: Callable[..., Any], *given: Any) -> Any:
        with self._boundary(f"{step} mlflow"):
            return call(*given)

    @property
    def _client(self) -> "MlflowClient":
        return self._server.client

    def _errors(self) -> AbstractContextManager[None]:
        return self._server.errors()


def _pages(search: Callable[..., Any], *given: Any) -> Iterator[Any]:
    """Yield all that a search of MLflow finds, page by page."""
    token = None
    while True:
        page = search(*given, max_results=_PAGE, page_token=token)
        yield from page
        if not (token := page.token):
            return
