"""A registry with three adapters and a mirror of it: a folder, or MLflow's own store on disk."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from ragloop.registry import Evidence, Registry, VerdictKind
from ragloop.registry.evidence import Criterion, EvaluationRecord, GateRecord
from ragloop.registry.mirroring.folder_mirror import FolderMirror
from ragloop.registry.mirroring.mirror import Mirror
from ragloop.registry.mirroring.mlflow_mirror import MlflowMirror
from ragloop.registry.mirroring.reconciling import Mirroring
from ragloop.store import Boundary, Store
from ragloop.store.files import open_files
from tests.support.registered import AT, register
from tests.support.waiting import until

NAME = "house"
EVIDENCE = Evidence(
    evaluation=EvaluationRecord({"exact_match": 0.25}, {"exact_match": 0.75}, None, ("a note about bees.md",)),
    gate=GateRecord((Criterion("lift", 0.5, 0.25, 0.75, 0.0, 40, "pass", None),)),
)


@dataclass(frozen=True)
class MirroredHome:
    """A store with the adapters a, b and c, and what mirrors them at a place. `seen` reads the place by other means."""

    store: Store
    place: str
    opened: Callable[[str, Boundary], Mirror]
    seen: Callable[[], Mapping[str, Any]]

    @property
    def registry(self) -> Registry:
        return Registry(self.store)

    def mirroring(self, boundary: Boundary = nullcontext) -> Mirroring:
        return Mirroring(self.store, self.registry, self.opened(self.store.migrations.identity, boundary))


def store_with_adapters(home: Path, *names: str) -> Store:
    store = Store.open(home)
    for number, name in enumerate(names or "abc"):
        register(Registry(store), name, at=AT + timedelta(days=number))
    return store


def judged(registry: Registry, name: str) -> None:
    registry.update(name, lambda one: replace(one, evidence=EVIDENCE, verdict=VerdictKind.PROMOTE))


def files_home(place: Path, uri: str) -> MirroredHome:
    """Mirror a home to a folder or a bucket."""
    files = open_files(uri)

    def opened(store_id: str, boundary: Boundary) -> Mirror:
        return FolderMirror(open_files(uri), store_id, boundary)

    def seen() -> Mapping[str, Any]:
        aliases = json.loads(b"".join(files.read("mirror.json")))["aliases"]
        there = dict[str, list[str]]()
        for folder, _, name in (one.partition("/") for one in sorted(files.list()) if "/" in one):
            there.setdefault(folder, []).append(name)
        return {"files": there, "aliases": {lane: names for lane, names in aliases.items() if names}}

    return MirroredHome(store_with_adapters(place / "home"), uri, opened, seen)


def folder_home(place: Path) -> MirroredHome:
    return files_home(place, str(place / "mirror"))


def mlflow_home(place: Path, uri: str, files: Path, name: str = NAME) -> MirroredHome:
    """Mirror a home to MLflow at `uri`, which keeps files somewhere in `files`."""

    def opened(store_id: str, boundary: Boundary) -> Mirror:
        return MlflowMirror(uri, name, store_id, boundary)

    def seen() -> Mapping[str, Any]:
        client, aliases, there = _client(uri), dict[str, dict[str, str]](), dict[str, list[str]]()
        for model in client.search_registered_models(f"name LIKE '{name}-%'"):
            versions = {
                str(one.version): one.tags["ragloop.adapter_id"]
                for one in client.search_model_versions(f"name='{model.name}'")
            }
            named = {alias: versions[str(number)] for alias, number in model.aliases.items()}
            if named:
                aliases[model.name.removeprefix(f"{name}-")] = named
            there |= {one: [] for one in versions.values()}
        experiment = client.get_experiment_by_name(name).experiment_id
        for file in sorted(files.rglob("*")):
            if file.is_file():
                run = client.get_run(file.parts[-4])
                if run.info.experiment_id == experiment:
                    there.setdefault(run.data.tags["ragloop.adapter_id"], []).append(file.name)
        return {"files": dict(sorted(there.items())), "aliases": aliases}

    return MirroredHome(store_with_adapters(place / "home"), uri, opened, seen)


def database_home(place: Path, empty: Path) -> MirroredHome:
    """Mirror a home to a copy of an empty database of MLflow, whose tables take seconds to make."""
    place.mkdir(exist_ok=True)
    shutil.copy(empty, place / "mlflow.db")
    uri, files = f"sqlite:///{place}/mlflow.db", place / "files"
    _client(uri).create_experiment(NAME, artifact_location=str(files))
    return mlflow_home(place, uri, files)


@contextmanager
def mlflow_server(place: Path, empty: Path) -> Iterator[tuple[str, Path]]:
    """Serve MLflow's own API over a database and a folder; yields its address and the folder."""
    shutil.copy(empty, place / "served.db")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    uri, files = f"sqlite:///{place}/served.db", place / "served"
    settings = {
        "_MLFLOW_SERVER_FILE_STORE": uri,
        "_MLFLOW_SERVER_REGISTRY_STORE": uri,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(files),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    code = f"from mlflow.server import app; app.run(port={port}, threaded=True)"
    with (place / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", code], env={**os.environ, **settings}, stdout=log, stderr=log, cwd=place
        )
        try:
            until(lambda: _listens(port), "MLflow")
            yield f"http://127.0.0.1:{port}", files
        finally:
            process.terminate()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def empty_database(file: Path) -> Path:
    _client(f"sqlite:///{file}").search_experiments()
    return file


def _client(uri: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)
