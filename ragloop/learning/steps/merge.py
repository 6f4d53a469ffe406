"""Merge adapters into a new one, and register it."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ragloop.durable import whole_file
from ragloop.errors import RagloopError, UsageError, full_disk_is_an_error
from ragloop.learning.examples.lineage import merge_rows
from ragloop.learning.steps.parts import RetrainingParts
from ragloop.models.adapters.merging import Merging, merge, must_be_mergeable
from ragloop.models.training.process import RESULT
from ragloop.registry import REGISTERED, RETIRED, Adapter, Evidence, adapter_sha256, files_are_whole
from ragloop.registry.adapter import AND, BY_HISTORY
from ragloop.registry.evidence import MergeRecord, Parent
from ragloop.registry.registry import must_be_able
from ragloop.telemetry import as_run, span


def merge_adapters(
    parts: RetrainingParts, adapter_ids: Sequence[str], method: str, weights: Sequence[float], density: float | None
) -> str:
    """Merge adapters into a new one, register it and return its id; without weights all count alike.

    It rests on the rows of all of them. The same adapters with the same weights, in whatever order, give the same one,
    which is made once. Raises UsageError where they do not go together, or the merged one is registered and was
    promoted, tried or retired since; MismatchError where one of them cannot serve.
    """
    given = [parts.registry.adapter(one) for one in adapter_ids]
    merging = Merging.of(len(given), method, weights, density, parts.policy.training.seed)
    # In one order, as what is drawn and rounded depends on it.
    order = sorted(range(len(given)), key=lambda one: given[one].adapter_id)
    parents = [given[one] for one in order]
    merging = replace(merging, weights=tuple(merging.weights[one] for one in order))
    _must_go_together(parts, parents)
    adapter_id = _id(parents, merging)
    known = next((one for one in parts.registry.adapters() if one.adapter_id == adapter_id), None)
    if known and known.state in BY_HISTORY:
        raise UsageError(f"nothing new to merge: adapter {adapter_id} was merged of these and is {known.state}")
    artifacts = parts.registry.artifacts
    if known and files_are_whole(artifacts.files, known.path, known.sha256):
        artifacts.clear(known.path)
    else:
        _make(parts, parents, merging, adapter_id, known)
    return adapter_id


def _must_go_together(parts: RetrainingParts, parents: Sequence[Adapter]) -> None:
    ids = [one.adapter_id for one in parents]
    if len(set(ids)) < 2 or len(set(ids)) < len(ids):
        raise UsageError(f"found {', '.join(ids)}, expected two adapters or more, each named once")
    for one in parents:
        must_be_able(parts.registry, one)
        if one.state == RETIRED:
            raise UsageError(
                f"adapter {one.adapter_id} is retired: nothing is merged of it; a person may promote it again"
            )
    # A dataset that is gone would let nobody judge what is merged.
    recipes = {one.recipe or dataset.recipe: one.adapter_id for one in parents if (dataset := parts.dataset_of(one))}
    if len(recipes) > 1:
        found = ", ".join(f"{recipe} ({name})" for recipe, name in recipes.items())
        raise UsageError(
            f"found adapters of the recipes {found}, expected one recipe: it says in which prompt an adapter is asked"
        )


def _id(parents: Sequence[Adapter], merging: Merging) -> str:
    """Return the id of the adapter that this merge makes, by all that decides what it becomes and is judged on."""
    of = [[one.adapter_id, one.sha256, weight] for one, weight in zip(parents, merging.weights, strict=True)]
    content = json.dumps([str(merging.method), of, merging.density, merging.seed], sort_keys=True)
    return "a" + hashlib.sha256(content.encode()).hexdigest()[:15]


@as_run
def _make(
    parts: RetrainingParts, parents: Sequence[Adapter], merging: Merging, adapter_id: str, known: Adapter | None
) -> None:
    artifacts, path = parts.registry.artifacts, f"adapters/{adapter_id}"
    folders = {one.adapter_id: parts.registry.folder(one) for one in parents}
    must_be_mergeable(merging.method, folders)
    folder = artifacts.folder / path
    with full_disk_is_an_error(artifacts.folder), span("merge adapters", adapter=adapter_id, of=len(parents)):
        folder.mkdir(parents=True, exist_ok=True)
        # The rows first: by them an erasure finds the weights, also those of a merge that was killed.
        try:
            merge_rows(artifacts.files, [one.path for one in parents], folder)
            rank = merge([*folders.values()], merging, parts.base(), folder)
        except RagloopError:
            if known is None:
                shutil.rmtree(folder)
            raise
        made = _made(parts, parents, adapter_id, _record(parents, merging, rank), folder)
        _write_result(made, folder)
    artifacts.keep(path)
    if known:
        parts.registry.update(adapter_id, partial(replace, sha256=made.sha256, base_sha256=made.base_sha256))
    else:
        parts.registry.register(made)
    artifacts.clear(path)


def _record(parents: Sequence[Adapter], merging: Merging, rank: int) -> MergeRecord:
    of = tuple(
        Parent(one.adapter_id, one.dataset_id, weight) for one, weight in zip(parents, merging.weights, strict=True)
    )
    chat = next((one.evidence.chat for one in parents if one.evidence.chat), "")
    return MergeRecord(str(merging.method), of, merging.density, merging.seed, rank, chat)


def _made(
    parts: RetrainingParts, parents: Sequence[Adapter], adapter_id: str, record: MergeRecord, folder: Path
) -> Adapter:
    datasets = dict.fromkeys(dataset_id for one in parents for dataset_id in one.dataset_ids)
    return Adapter(
        adapter_id,
        parts.journal.store.now(),
        parts.policy.base_name,
        AND.join(datasets),
        path=f"adapters/{adapter_id}",
        sha256=adapter_sha256(folder),
        state=REGISTERED,
        verdict=None,
        reasons=(),
        evidence=Evidence(merge=record),
        base_sha256=parts.base_sha256(),
        recipe=parents[0].recipe,
        lane=parents[0].lane,
    )


def _write_result(made: Adapter, folder: Path) -> None:
    """Write what whoever loads the adapter reads: recipe and chat format, where a training leaves them."""
    content: dict[str, Any] = {
        "spec": {"recipe": made.recipe},
        "result": {"chat": made.evidence.chat},
        **{name: one for name, one in made.evidence.as_row().items() if name == "merge"},
    }
    with whole_file(folder / RESULT) as file:
        file.write_text(json.dumps(content, indent=2), encoding="utf-8")
