"""A registry with three adapters and a mirror of it: a folder, or MLflow's own store on disk."""

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import nullcontext
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
from ragloop.store.files import FolderFiles
from tests.support.registered import AT, register

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


def folder_home(place: Path) -> MirroredHome:
    folder = place / "mirror"

    def opened(store_id: str, boundary: Boundary) -> Mirror:
        return FolderMirror(FolderFiles(folder), store_id, boundary)

    def seen() -> Mapping[str, Any]:
        aliases = json.loads((folder / "mirror.json").read_text())["aliases"]
        files = {
            one.name: sorted(file.name for file in one.iterdir()) for one in sorted(folder.iterdir()) if one.is_dir()
        }
        return {"files": files, "aliases": {lane: names for lane, names in aliases.items() if names}}

    return MirroredHome(store_with_adapters(place / "home"), str(folder), opened, seen)


def mlflow_home(place: Path, empty: Path) -> MirroredHome:
    """Copy an empty database of MLflow, whose tables take seconds to make."""
    place.mkdir(exist_ok=True)
    shutil.copy(empty, place / "mlflow.db")
    uri, files = f"sqlite:///{place}/mlflow.db", place / "files"
    _client(uri).create_experiment(NAME, artifact_location=str(files))

    def opened(store_id: str, boundary: Boundary) -> Mirror:
        return MlflowMirror(uri, NAME, store_id, boundary)

    def seen() -> Mapping[str, Any]:
        client, aliases, there = _client(uri), dict[str, dict[str, str]](), dict[str, list[str]]()
        for model in client.search_registered_models():
            versions = {
                one.version: one.tags["ragloop.adapter_id"]
                for one in client.search_model_versions(f"name='{model.name}'")
            }
            named = {alias: versions[number] for alias, number in model.aliases.items()}
            if named:
                aliases[model.name.removeprefix(f"{NAME}-")] = named
            there |= {one: [] for one in versions.values()}
        for file in sorted(files.rglob("*")):
            if file.is_file():
                run = client.get_run(file.relative_to(files).parts[0])
                there.setdefault(run.data.tags["ragloop.adapter_id"], []).append(file.name)
        return {"files": dict(sorted(there.items())), "aliases": aliases}

    return MirroredHome(store_with_adapters(place / "home"), uri, opened, seen)


def empty_database(file: Path) -> Path:
    _client(f"sqlite:///{file}").search_experiments()
    return file


def _client(uri: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)
