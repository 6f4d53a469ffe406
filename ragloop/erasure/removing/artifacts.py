"""Datasets and adapters: which rest on what is erased, and how their files go.

A dataset rests on it where one of its rows does, an adapter where one of the rows does that it was trained on; a merged
one has the rows of all that it was merged from. What cannot be read rests on it, too: nobody could tell. An adapter
that is erased keeps its row, without the hash of its weights, so that the history of what served stays whole.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ragloop.catalogue import Derived
from ragloop.erasure.removing.index import erase_from_rows
from ragloop.erasure.removing.work import Counts, Work
from ragloop.erasure.traces import Traces
from ragloop.errors import MismatchError, NotFoundError
from ragloop.learning.parquet_files import read_table
from ragloop.registry import Adapter, Canaries, Registry, Request, prune_copies
from ragloop.store.files import Files, FolderFiles

_LEASE_WAIT_S = 60
_ADAPTERS, _DATASETS = "adapters", "datasets"
_ROWS, _EVALUATION = "rows.parquet", "evaluation.parquet"


def resting(registry: Registry, traces: Traces) -> tuple[frozenset[str], frozenset[str]]:
    """Return the datasets and the adapters that rest on what is erased."""
    datasets = frozenset(one for one in _folders(registry, _DATASETS) if _dataset_rests(registry, one, traces))
    known = {one.adapter_id: one.dataset_ids for one in registry.adapters()}
    every = {*_folders(registry, _ADAPTERS), *known}
    adapters = frozenset(one for one in every if _adapter_rests(registry, one, known.get(one, ()), datasets, traces))
    return datasets, adapters


def sha256_of_files(registry: Registry, traces: Traces) -> frozenset[str]:
    """Return the SHA-256 of every file that goes with these datasets and adapters, and of evaluations that do."""
    return frozenset(
        _sha256(files, name)
        for files in places(registry)
        for name in files.list()
        if _goes(files, name, traces) and _is_known_by_hash(files, name, traces)
    )


def _is_known_by_hash(files: Files, name: str, traces: Traces) -> bool:
    """Return whether no later training makes the same file: its rows rest on what is erased, or it is of such rows."""
    if name.endswith(".parquet"):
        return _file_rests(files, name, traces)
    return not name.endswith(("/lock", "/adapter_config.json"))


def _dataset_rests(registry: Registry, dataset_id: str, traces: Traces) -> bool:
    names = (f"{_DATASETS}/{dataset_id}/{one}" for one in ("train.parquet", "eval.parquet"))
    return any(_file_rests(files, name, traces) for name in names for files in places(registry))


def _adapter_rests(
    registry: Registry, adapter_id: str, dataset_ids: Sequence[str], datasets: frozenset[str], traces: Traces
) -> bool:
    name = f"{_ADAPTERS}/{adapter_id}/{_ROWS}"
    there = [files for files in places(registry) if name in files.list(name)]
    if not there:
        return not datasets.isdisjoint(dataset_ids)
    return any(_file_rests(files, name, traces) for files in there)


def _file_rests(files: Files, name: str, traces: Traces) -> bool:
    """Return whether a row of a Parquet file rests on what is erased; one that cannot be read counts as if it did."""
    try:
        rows = read_table(files, name).to_pylist()
    except NotFoundError:
        return False
    except MismatchError:
        return True
    return any(_row_rests(row, traces) for row in rows)


def _row_rests(row: dict[str, Any], traces: Traces) -> bool:
    if traces.interactions.intersection(row.get("interaction_ids") or ()):
        return True
    if any(one["document_id"] in traces.documents for one in row.get("documents") or ()):
        return True
    return traces.rest_in(_texts(row))


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a row."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


# --- erase ------------------------------------------------------------------------------------------------------------


def erase_files(work: Work, entry: Derived) -> Counts:
    """Remove the files of one kind that belong to datasets and adapters which rest on what is erased."""
    removed = 0
    for files in places(work.registry):
        there = [name for name in files.list() if entry.claims_file(f"artifacts/{name}")]
        gone = [name for name in there if _goes(files, name, work.traces)]
        if gone:
            files.remove(gone)
        removed += len(gone)
    return {_what(entry): removed}


def erase_every_file(work: Work, entry: Derived) -> Counts:
    """Remove all files of one kind: they are made anew when they are needed."""
    removed = 0
    for files in places(work.registry):
        gone = [name for name in files.list() if entry.claims_file(f"artifacts/{name}")]
        files.remove(gone)
        removed += len(gone)
    return {_what(entry): removed}


def erase_golden(work: Work, entry: Derived) -> Counts:
    """Remove the golden questions that name a document which is erased, or have a run of words of it."""
    name, files = entry.name.removeprefix("artifacts/"), work.registry.artifacts.files
    with work.store.lease(entry.lease, wait_s=_LEASE_WAIT_S):
        if not files.list(name):
            return {}
        lines = b"".join(files.read(name)).splitlines(keepends=True)
        kept = [one for one in lines if not _line_rests(one, work.traces)]
        if len(kept) < len(lines):
            files.write(name, [b"".join(kept)])
    return {"golden questions": len(lines) - len(kept)}


def _line_rests(line: bytes, traces: Traces) -> bool:
    """Return whether a line of JSON rests on what is erased; one that cannot be read counts as if it did."""
    try:
        found = json.loads(line)
    except ValueError:
        return bool(line.strip())
    return traces.name(found) or traces.rest_in(_texts(found))


def erase_copies(work: Work, entry: Derived) -> Counts:
    """Remove copies of adapters that are retired, as those are which rest on what is erased."""
    return {"copies of adapters": prune_copies(work.registry)}


def erase_datasets(work: Work, entry: Derived) -> Counts:
    """Note in the rows of datasets that nothing is left of them."""
    store = work.store
    rows = [row for row in store.rows(entry.name).to_pylist() if row["dataset_id"] in work.traces.datasets]
    store.upsert_rows(entry.name, [{**row, "rows": 0, "train": 0, "eval": 0} for row in rows])
    return {"datasets": len(rows)}


def erase_adapters(work: Work, entry: Derived) -> Counts:
    """Retire the adapters that rest on what is erased, roll back from one that serves, and take names out of the rest.

    Who serves next is found by their files, so that none which is to go serves in between.
    """
    registry, traces = work.registry, work.traces
    going = [one for one in registry.adapters() if one.adapter_id in traces.adapters and not one.is_erased]
    for one in going:
        registry.update(one.adapter_id, _erased)
    canaries, why, by = Canaries(registry), "what it was trained on was erased", "ragloop erase"
    for tried in [one for one in canaries.under_way() if one.adapter_id in traces.adapters]:
        canaries.roll_back(tried, why, by)
    serving = [one for one in registry.aliases.champions().values() if one in traces.adapters]
    for champion in serving:
        registry.rollback(why, Request(champion), by)
    with work.store.lease(entry.lease, wait_s=_LEASE_WAIT_S):
        named = erase_from_rows(work, entry)
    return {"adapters": len(going), "champions rolled back": len(serving), **named}


def erase_aliases(work: Work, entry: Derived) -> Counts:
    """Take names of documents out of the reasons of promotions and rollbacks."""
    with work.store.lease(entry.lease, wait_s=_LEASE_WAIT_S):
        return erase_from_rows(work, entry)


def _erased(adapter: Adapter) -> Adapter:
    evidence = adapter.evidence
    evaluation = evidence.evaluation and replace(evidence.evaluation, notes=())
    return replace(
        adapter, sha256="", reasons=("what it was trained on was erased.",),
        evidence=replace(evidence, evaluation=evaluation),
    )  # fmt: skip


def _goes(files: Files, name: str, traces: Traces) -> bool:
    """Return whether an artifact goes: of a dataset or adapter that does, or an evaluation that rests on it."""
    top, _, rest = name.partition("/")
    owner = rest.partition("/")[0]
    if (top == _DATASETS and owner in traces.datasets) or (top == _ADAPTERS and owner in traces.adapters):
        return True
    return top == _ADAPTERS and name.endswith(f"/{_EVALUATION}") and _file_rests(files, name, traces)


def remove_empty_folders(registry: Registry, traces: Traces) -> None:
    """Remove what is left of the folders of datasets and adapters that were erased."""
    for top, owners in ((_DATASETS, traces.datasets), (_ADAPTERS, traces.adapters)):
        for one in owners:
            folder = registry.artifacts.folder / top / one
            if folder.is_dir() and not any(path.is_file() for path in folder.rglob("*")):
                shutil.rmtree(folder)


def _folders(registry: Registry, top: str) -> set[str]:
    found = (name.split("/") for files in places(registry) for name in files.list(f"{top}/"))
    return {parts[1] for parts in found if len(parts) > 2}


def places(registry: Registry) -> Sequence[Files]:
    """Return the artifact root, and the folder of this machine where trainings write, if it is another."""
    artifacts = registry.artifacts
    own = FolderFiles(artifacts.folder)
    return [artifacts.files] if str(artifacts.files) == str(own) else [artifacts.files, own]


def _sha256(files: Files, name: str) -> str:
    found = hashlib.sha256()
    for part in files.read(name):
        found.update(part)
    return found.hexdigest()


def _what(entry: Derived) -> str:
    return f"files {entry.name.rpartition('/')[2]}" if not entry.name.endswith("**") else "files of checkpoints"
