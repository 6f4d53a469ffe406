"""Datasets on disk: train.parquet, eval.parquet, and manifest.json, which is written last and makes the dataset exist.

A dataset is named by its content (rows, split, examples left out, schema version), so building it again changes
nothing. Every row carries its lineage: the interactions that gave it, and the documents with revisions that it rests
on. Rows hold questions and answers only; prompts are made when training begins.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ragloop.errors import MismatchError, NotFoundError, full_disk_is_an_error
from ragloop.hashes import sha256_of
from ragloop.learning.examples.curation import Standing
from ragloop.learning.examples.example import EXAMPLES, Curated, DocumentRevision, digest
from ragloop.learning.examples.splitting import Split, split
from ragloop.store import sync_to_disk

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
TRAIN, EVALUATION = "train.parquet", "eval.parquet"
SPLIT_REASON = "across the split in time"

SCHEMA = EXAMPLES.remove(EXAMPLES.get_field_index("question_wording"))


@dataclass(frozen=True, eq=False)
class Dataset:
    """A complete dataset as it lies in `path`; both tables have SCHEMA."""

    dataset_id: str
    path: Path
    train: pa.Table
    eval: pa.Table
    manifest: Mapping[str, Any]

    @property
    def rows(self) -> int:
        return int(self.train.num_rows + self.eval.num_rows)

    @property
    def recipe(self) -> str:
        """Name of the recipe that its rows are for."""
        return str(self.manifest["recipe"])

    @property
    def seen(self) -> frozenset[str]:
        """Interactions behind every example that was looked at: trained on, held out, or left out by the split."""
        lists = [ids for table in (self.train, self.eval) for ids in table["interaction_ids"].to_pylist()]
        return frozenset(one for ids in lists for one in ids) | frozenset(self.manifest.get("left_out", ()))

    @property
    def funnel(self) -> dict[str, int]:
        """Logged rows per reason for which they fell, when this dataset was first built."""
        return dict(self.manifest["funnel"])


def build(root: Path, curated: Curated, *, recipe: str, eval_share: float, seed: int, created_at: datetime) -> Dataset:
    """Split the examples and write them to `root/<dataset_id>`; a dataset that is there already is returned as it is.

    `recipe` names what the rows are for. Raises StorageFullError; nothing of an interrupted write is visible.
    """
    parts = split(curated.table, eval_share, seed)
    tables = {TRAIN: parts.train.select(SCHEMA.names), EVALUATION: parts.eval.select(SCHEMA.names)}
    left_out = sorted(pc.list_flatten(parts.left_out["interaction_ids"]).to_pylist())
    dataset_id = _dataset_id(tables, left_out)
    target = root / dataset_id
    if not (target / MANIFEST).is_file():
        manifest = {
            **_manifest(curated, parts),
            "dataset_id": dataset_id,
            "left_out": left_out,
            "recipe": recipe,
            "created_at": created_at.isoformat(),
            "eval_share": eval_share,
            "seed": seed,
        }
        with full_disk_is_an_error(root):
            _write(target, tables, manifest)
    return load(target)


def funnel_of(curated: Curated, dataset: Dataset) -> dict[str, int]:
    """Count rows of this curation by why they fell; with the rows of the dataset they add up to its rows."""
    return {**curated.funnel, SPLIT_REASON: curated.table.num_rows - dataset.rows}


def load(path: Path) -> Dataset:
    """Read a dataset back.

    Raises NotFoundError where there is none or its writing was interrupted, MismatchError where a file is not the one
    that was written or the schema is newer.
    """
    if not (path / MANIFEST).is_file():
        raise NotFoundError(f"found no complete dataset in {path}; `ragloop dataset build` makes one")
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        version, hashes, _ = int(manifest["schema_version"]), dict(manifest["sha256"]), manifest["recipe"]
    except (ValueError, KeyError, TypeError):
        raise MismatchError(f"{path / MANIFEST} is damaged; delete {path} and build the dataset again") from None
    if version > SCHEMA_VERSION:
        raise MismatchError(
            f"the dataset in {path} has schema {version}, this ragloop knows schemas up to {SCHEMA_VERSION}; "
            "install the ragloop that wrote it, or a newer one"
        )
    for name in (TRAIN, EVALUATION):
        found = sha256_of(path / name) if (path / name).is_file() else "no file"
        if found != hashes.get(name):
            raise MismatchError(
                f"{path / name} is not what was written: found {found[:12]}, expected {str(hashes.get(name))[:12]}; "
                f"delete {path} and build the dataset again"
            )
    train, evaluation = (pq.read_table(path / name) for name in (TRAIN, EVALUATION))
    return Dataset(str(manifest["dataset_id"]), path, train, evaluation, manifest)


def documents_behind(dataset: Dataset) -> set[tuple[str, str]]:
    """Return the documents that its rows rest on, with their revisions."""
    lists = [one for table in (dataset.train, dataset.eval) for one in table["documents"].to_pylist()]
    return {(one["document_id"], one["revision"]) for documents in lists for one in documents}


def stale_examples(dataset: Dataset, standing: Standing) -> frozenset[str]:
    """Check every row against what the index says now, and return the ids of those that no longer stand."""
    return frozenset(
        row["example_id"]
        for table in (dataset.train, dataset.eval)
        for row in table.select(["example_id", "documents"]).to_pylist()
        if not all(standing.holds(DocumentRevision.of(one)) for one in row["documents"])
    )


def _dataset_id(tables: Mapping[str, pa.Table], left_out: Sequence[str]) -> str:
    parts = ({name: table["example_id"].to_pylist()} for name, table in tables.items())
    return digest([SCHEMA_VERSION, *parts, {"left out": left_out}])


def _manifest(curated: Curated, parts: Split) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "logged_rows": curated.rows,
        "train": parts.train.num_rows,
        "eval": parts.eval.num_rows,
        "funnel": {**curated.funnel, SPLIT_REASON: parts.left_out.num_rows},
        "components": parts.components,
        "largest_component": parts.largest_component,
        "note": parts.note,
    }


def _write(target: Path, tables: Mapping[str, pa.Table], manifest: dict[str, Any]) -> None:
    """Write beside the target, then rename: another process sees all of it or nothing."""
    partial = target.parent / f".partial-{target.name}-{uuid4().hex}"
    partial.mkdir(parents=True)
    try:
        for name, table in tables.items():
            pq.write_table(table, partial / name)
            sync_to_disk(partial / name)
        hashes = {name: sha256_of(partial / name) for name in tables}
        (partial / MANIFEST).write_text(json.dumps({**manifest, "sha256": hashes}, indent=2) + "\n", encoding="utf-8")
        sync_to_disk(partial / MANIFEST)
        _move(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _move(partial: Path, target: Path) -> None:
    if target.exists() and not (target / MANIFEST).is_file():
        # What lies there was never complete, a copy that was cut off for instance.
        shutil.rmtree(target)
    try:
        partial.rename(target)
    except OSError:
        # Another process finished the same dataset first; its content is equal.
        if not (target / MANIFEST).is_file():
            raise
    sync_to_disk(target.parent)
