"""Datasets: train.parquet, eval.parquet, and manifest.json, which is written last and makes the dataset exist.

A dataset is named by its content (rows, split, examples left out, schema version), so building it again changes
nothing. Every row carries its lineage: the interactions that gave it, and the documents with revisions that it rests
on. Rows hold questions and answers only; prompts are made when training begins.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ragloop.errors import MismatchError, NotFoundError
from ragloop.learning.examples.curation import Standing
from ragloop.learning.examples.example import EXAMPLES, Curated, DocumentRevision, digest
from ragloop.learning.examples.splitting import Split, split
from ragloop.learning.parquet_files import parquet_of
from ragloop.store.files import Files

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
TRAIN, EVALUATION = "train.parquet", "eval.parquet"
SPLIT_REASON = "across the split in time"

SCHEMA = EXAMPLES.remove(EXAMPLES.get_field_index("question_wording"))


@dataclass(frozen=True, eq=False)
class Dataset:
    """A complete dataset; both tables have SCHEMA."""

    dataset_id: str
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


def as_it_is(table: pa.Table) -> pa.Table:
    """Return the rows of a recipe that mixes nothing."""
    return table


def build(
    files: Files,
    curated: Curated,
    *,
    recipe: str,
    eval_share: float,
    seed: int,
    created_at: datetime,
    fell: Sequence[str] = (),
    mixed: Callable[[pa.Table], pa.Table] = as_it_is,
) -> Dataset:
    """Split the examples and write them; a dataset that is there already is returned as it is.

    `recipe` names what the rows are for, and `mixed` makes them of the examples of one side. `fell` are interactions
    that were looked at and gave none. Raises StorageFullError; nothing of an interrupted write is a dataset.
    """
    parts = split(curated.table, eval_share, seed)
    sides = {TRAIN: parts.train, EVALUATION: parts.eval}
    tables = {name: mixed(table).select(SCHEMA.names) for name, table in sides.items()}
    left_out = sorted([*fell, *pc.list_flatten(parts.left_out["interaction_ids"]).to_pylist()])
    dataset_id = _dataset_id(recipe, tables, left_out)
    path = path_of(dataset_id)
    if f"{path}/{MANIFEST}" not in files.list(f"{path}/"):
        contents = {name: parquet_of(table) for name, table in tables.items()}
        manifest = {
            **_manifest(curated, parts),
            "dataset_id": dataset_id,
            "left_out": left_out,
            "recipe": recipe,
            "created_at": created_at.isoformat(),
            "eval_share": eval_share,
            "seed": seed,
            "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
        }
        contents[MANIFEST] = (json.dumps(manifest, indent=2) + "\n").encode()
        for name, content in contents.items():
            files.write(f"{path}/{name}", [content])
    return load(files, dataset_id)


def path_of(dataset_id: str) -> str:
    """Return where a dataset lies under the artifact root."""
    return f"datasets/{dataset_id}"


def funnel_of(curated: Curated, dataset: Dataset) -> dict[str, int]:
    """Count rows of this curation by why they fell; with the rows of the dataset they add up to its rows."""
    return {**curated.funnel, SPLIT_REASON: curated.table.num_rows - dataset.rows}


def load(files: Files, dataset_id: str) -> Dataset:
    """Read a dataset back.

    Raises NotFoundError where there is none or its writing was interrupted, MismatchError where a file is not the one
    that was written or the schema is newer.
    """
    path = path_of(dataset_id)
    where = f"{files}/{path}"
    manifest = _read_manifest(files, path)
    if manifest["schema_version"] > SCHEMA_VERSION:
        raise MismatchError(
            f"the dataset in {where} has schema {manifest['schema_version']}, this ragloop knows schemas up to "
            f"{SCHEMA_VERSION}; install the ragloop that wrote it, or a newer one"
        )
    tables = []
    for name in (TRAIN, EVALUATION):
        content, expected = _content(files, f"{path}/{name}"), str(manifest["sha256"].get(name))
        found = "no file" if content is None else hashlib.sha256(content).hexdigest()
        if content is None or found != expected:
            raise MismatchError(
                f"{where}/{name} is not what was written: found {found[:12]}, expected {expected[:12]}; "
                f"delete {where} and build the dataset again"
            )
        tables.append(pq.read_table(pa.BufferReader(content)))
    train, evaluation = tables
    return Dataset(dataset_id, train, evaluation, manifest)


def _read_manifest(files: Files, path: str) -> dict[str, Any]:
    content = _content(files, f"{path}/{MANIFEST}")
    if content is None:
        raise NotFoundError(f"found no complete dataset in {files}/{path}; `ragloop dataset build` makes one")
    try:
        manifest: dict[str, Any] = json.loads(content)
        version, hashes, _ = int(manifest["schema_version"]), dict(manifest["sha256"]), manifest["recipe"]
    except (ValueError, KeyError, TypeError):
        raise MismatchError(
            f"{files}/{path}/{MANIFEST} is damaged; delete {files}/{path} and build the dataset again"
        ) from None
    return {**manifest, "schema_version": version, "sha256": hashes}


def _content(files: Files, name: str) -> bytes | None:
    try:
        return b"".join(files.read(name))
    except NotFoundError:
        return None


def state_of(files: Files, dataset_id: str) -> str:
    """Return what changes with the files of a dataset; empty where it is not complete."""
    path = path_of(dataset_id)
    found = files.list(f"{path}/")
    stamps = [found[name].stamp for one in (MANIFEST, TRAIN, EVALUATION) if (name := f"{path}/{one}") in found]
    return " ".join(stamps) if len(stamps) == 3 else ""


def recipe_in(files: Files, dataset_id: str) -> str:
    """Return the recipe of a dataset, without reading its rows; empty where it is not complete or damaged."""
    try:
        return str(_read_manifest(files, path_of(dataset_id))["recipe"]) if state_of(files, dataset_id) else ""
    except (NotFoundError, MismatchError):
        return ""


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


def _dataset_id(recipe: str, tables: Mapping[str, pa.Table], left_out: Sequence[str]) -> str:
    parts = ({name: table["example_id"].to_pylist()} for name, table in tables.items())
    return digest([SCHEMA_VERSION, recipe, *parts, {"left out": left_out}])


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
