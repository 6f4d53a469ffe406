"""Datasets on disk: complete or absent, named by their content, and checked when read."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ragloop.errors import MismatchError, NotFoundError
from ragloop.learning.examples import datasets
from ragloop.learning.examples.curation import REASONS, Standing
from ragloop.learning.examples.datasets import SPLIT_REASON, Dataset, funnel_of, load, path_of, stale_examples, state_of
from ragloop.learning.examples.example import Curated, DocumentRevision, Example, as_table
from ragloop.learning.recipes import FACTS
from ragloop.store.files import FolderFiles

START = datetime(2026, 1, 1, tzinfo=UTC)


def curated(n: int = 20, fallen: int = 3) -> Curated:
    """n examples about n documents, asked a minute apart; each also rests on a document that was only shown."""
    examples = tuple(
        Example(
            question=f"What is thing{minute}?",
            answer=f"answer {minute}",
            interaction_ids=(f"i{minute}", f"j{minute}"),
            documents=(DocumentRevision(f"d{minute}", "r1", True), DocumentRevision("shown", "r1", False)),
            asked_at=START + timedelta(minutes=minute),
        )
        for minute in range(n)
    )
    return Curated(n + fallen, as_table(examples), dict.fromkeys(REASONS, 0) | {"no feedback": fallen})


def path(root: Path, dataset: Dataset) -> Path:
    return root / path_of(dataset.dataset_id)


def build(root: Path, rows: Curated, *, eval_share: float = 0.1, created_at: datetime = START) -> Dataset:
    return datasets.build(
        FolderFiles(root), rows, recipe=FACTS.name, eval_share=eval_share, seed=0, created_at=created_at
    )


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return build(tmp_path, curated(), created_at=START)


def test_every_row_of_a_dataset_carries_its_lineage(dataset: Dataset) -> None:
    assert (dataset.train.num_rows, dataset.eval.num_rows, dataset.rows) == (18, 2, 20)
    row = dataset.eval.to_pylist()[0]
    assert len(row.pop("example_id")) == 16
    assert row == {
        "question": "What is thing18?",
        "answer": "answer 18",
        "interaction_ids": ["i18", "j18"],
        "documents": [
            {"document_id": "d18", "revision": "r1", "cited": True, "text_hashes": [], "statements": []},
            {"document_id": "shown", "revision": "r1", "cited": False, "text_hashes": [], "statements": []},
        ],
        "passages": [],
        "rejected": "",
        "asked_at": START + timedelta(minutes=18),
    }


def test_the_manifest_accounts_for_every_logged_row(dataset: Dataset) -> None:
    manifest = dataset.manifest
    assert (manifest["logged_rows"], manifest["train"], manifest["eval"]) == (23, 18, 2)
    assert sum(dataset.funnel.values()) + dataset.rows == 23
    assert (manifest["created_at"], manifest["seed"], manifest["schema_version"]) == (START.isoformat(), 0, 1)
    assert (manifest["recipe"], dataset.recipe) == ("facts", "facts")
    assert list(dataset.funnel) == [*REASONS, SPLIT_REASON]


def test_a_dataset_knows_every_example_that_was_looked_at_also_those_left_out(tmp_path: Path) -> None:
    rows = list(curated().examples)
    # Both are about one document: it is held out, and the older one lies before the newest training row.
    rows[3] = replace(rows[3], documents=rows[19].documents)
    made = build(tmp_path, replace(curated(), table=as_table(rows)))
    assert made.funnel[SPLIT_REASON] == 1
    assert made.seen == {f"{letter}{n}" for letter in "ij" for n in range(20)}


def test_building_again_changes_nothing(dataset: Dataset, tmp_path: Path) -> None:
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path(tmp_path, dataset).iterdir()}
    again = build(tmp_path, curated(), created_at=START + timedelta(days=1))
    assert again.dataset_id == dataset.dataset_id
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path(tmp_path, dataset).iterdir()} == before
    assert list((tmp_path / "datasets").iterdir()) == [path(tmp_path, dataset)]


def test_the_same_examples_make_the_same_files_elsewhere(dataset: Dataset, tmp_path: Path) -> None:
    elsewhere = build(tmp_path / "elsewhere", curated(), created_at=START)
    assert elsewhere.manifest == dataset.manifest


def test_more_rows_that_fall_leave_the_dataset_as_it_is_and_show_in_the_funnel(
    dataset: Dataset, tmp_path: Path
) -> None:
    later = curated(fallen=9)
    again = build(tmp_path, later)
    assert again.dataset_id == dataset.dataset_id
    assert funnel_of(later, again)["no feedback"] == 9
    assert sum(funnel_of(later, again).values()) + again.rows == later.rows


def test_another_split_of_the_same_examples_is_another_dataset(dataset: Dataset, tmp_path: Path) -> None:
    assert build(tmp_path, curated(), eval_share=0.3).dataset_id != dataset.dataset_id


def test_a_dataset_without_examples_can_be_read_back(tmp_path: Path) -> None:
    empty = build(tmp_path, curated(0))
    assert (load(FolderFiles(tmp_path), empty.dataset_id).rows, empty.train.schema) == (0, datasets.SCHEMA)


def test_an_interrupted_write_leaves_no_dataset(tmp_path: Path) -> None:
    made = build(tmp_path, curated())
    whole = {file.name: file.read_bytes() for file in path(tmp_path, made).iterdir()}
    (tmp_path / "datasets" / made.dataset_id / "train.parquet").unlink()
    (tmp_path / "datasets" / made.dataset_id / "manifest.json").unlink()
    assert state_of(FolderFiles(tmp_path), made.dataset_id) == ""
    build(tmp_path, curated())
    assert {file.name: file.read_bytes() for file in path(tmp_path, made).iterdir()} == whole


def test_a_folder_without_its_manifest_is_no_dataset_and_is_replaced(dataset: Dataset, tmp_path: Path) -> None:
    (path(tmp_path, dataset) / "manifest.json").unlink()
    with pytest.raises(NotFoundError, match="no complete dataset"):
        load(FolderFiles(tmp_path), dataset.dataset_id)
    assert build(tmp_path, curated()).rows == 20


@pytest.mark.parametrize("name", ["train.parquet", "eval.parquet"])
def test_a_changed_or_missing_file_is_named(dataset: Dataset, name: str, tmp_path: Path) -> None:
    table = pq.read_table(path(tmp_path, dataset) / name)
    pq.write_table(table.slice(1), path(tmp_path, dataset) / name)
    with pytest.raises(MismatchError, match=name):
        load(FolderFiles(tmp_path), dataset.dataset_id)
    (path(tmp_path, dataset) / name).unlink()
    with pytest.raises(MismatchError, match="found no file"):
        load(FolderFiles(tmp_path), dataset.dataset_id)


@pytest.mark.parametrize("text", ["{", "{}", "[]"])
def test_a_damaged_manifest_is_named(dataset: Dataset, text: str, tmp_path: Path) -> None:
    (path(tmp_path, dataset) / "manifest.json").write_text(text)
    with pytest.raises(MismatchError, match="is damaged"):
        load(FolderFiles(tmp_path), dataset.dataset_id)


def test_a_dataset_of_a_newer_schema_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    newer = json.dumps({**dataset.manifest, "schema_version": 2})
    (path(tmp_path, dataset) / "manifest.json").write_text(newer)
    with pytest.raises(MismatchError, match="has schema 2"):
        load(FolderFiles(tmp_path), dataset.dataset_id)


def test_rows_whose_document_changed_or_went_are_found_again_before_training(dataset: Dataset) -> None:
    live = {f"d{n}": "r1" for n in range(20)} | {"shown": "r1"}
    ids = {row["question"]: row["example_id"] for t in (dataset.train, dataset.eval) for row in t.to_pylist()}
    assert stale_examples(dataset, Standing(live)) == frozenset()
    del live["d0"]
    assert stale_examples(dataset, Standing(live | {"d19": "r2"})) == {ids["What is thing0?"], ids["What is thing19?"]}
    assert len(stale_examples(dataset, Standing(live | {"shown": "r2"}))) == 20
