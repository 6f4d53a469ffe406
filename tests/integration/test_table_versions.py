"""What a manifest names is what its version needs: the backup and the doctor read manifests of LanceDB by their bytes.

A change of LanceDB's format shows here first; docs/decisions/0008-manifests.md says what to do then.
"""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
import pytest

from ragloop.store import versions

KNOWN_FORMAT = b"\x00\x00\x02\x00LANC"
"""Major and minor version of the format, and the mark at the end of a manifest."""
ROWS = 400


def batch(begin: int, count: int) -> pa.Table:
    vectors = np.random.default_rng(begin).random((count, 8), dtype=np.float32)
    return pa.table(
        {
            "id": [f"{number:06}" for number in range(begin, begin + count)],
            "text": [f"passage {number} about subject{number % 7}" for number in range(begin, begin + count)],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 8),
        }
    )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with every kind of commit that a store makes: rows added, replaced, deleted, indexed, compacted."""
    place = tmp_path_factory.mktemp("database")
    table: Any = lancedb.connect(place).create_table("t", batch(0, ROWS))
    table.create_index("text", config=lancedb.index.FTS())
    table.create_index("id", config=lancedb.index.BTree())
    table.create_index("vector", config=lancedb.index.IvfFlat(num_partitions=2, distance_type="dot"))
    table.add(batch(ROWS, 50))
    table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(batch(100, 30))
    table.delete("id < '000010'")
    table.optimize(cleanup_older_than=timedelta(days=1))
    table.delete("id >= '000440'")
    table.add(batch(ROWS + 50, 5))
    return place


def files_of(database: Path) -> list[str]:
    folder = database / "t.lance"
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


def manifests_of(database: Path) -> dict[int, str]:
    by_number = {versions.version_of(name): name for name in files_of(database)}
    return {number: name for number, name in by_number.items() if number is not None}


def test_a_manifest_ends_with_the_format_that_is_known(database: Path) -> None:
    for name in manifests_of(database).values():
        assert (database / "t.lance" / name).read_bytes().endswith(KNOWN_FORMAT), (
            f"lancedb {lancedb.__version__} writes another format of manifests: see docs/decisions/0008-manifests.md"
        )


def test_what_a_manifest_names_is_a_whole_version(database: Path, tmp_path: Path) -> None:
    """Copied alone into another folder, it has the rows of its version and answers by every index."""
    files, whole = files_of(database), lancedb.connect(database).open_table("t")
    manifests = manifests_of(database)
    assert len(manifests) > 8
    for number, name in manifests.items():
        needed = versions.named((database / "t.lance" / name).read_bytes(), files)
        alone = tmp_path / str(number)
        for one in [*needed, name]:
            target = alone / "t.lance" / one
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(database / "t.lance" / one, target)
        whole.checkout(number)
        found = lancedb.connect(alone).open_table("t")
        assert found.version == number
        assert found.to_arrow().sort_by("id").equals(whole.to_arrow().sort_by("id")), number
        assert sorted(one.name for one in found.list_indices()) == sorted(one.name for one in whole.list_indices())
        words = (
            [{"query": "321", "query_type": "fts"}] if "text_idx" in {one.name for one in found.list_indices()} else []
        )
        for query in (*words, {"query": [0.5] * 8, "vector_column_name": "vector"}):
            ids = [{row["id"] for row in one.search(**query).limit(10).to_list()} for one in (found, whole)]
            assert ids[0] == ids[1], (number, query)


def test_a_version_needs_every_file_of_rows_that_its_manifest_names(database: Path) -> None:
    files = files_of(database)
    data = [one for one in files if one.startswith("data/")]
    for name in manifests_of(database).values():
        manifest = (database / "t.lance" / name).read_bytes()
        needed = [one for one in versions.named(manifest, files) if one.startswith("data/")]
        assert versions.missing(manifest, data) == []
        assert versions.missing(manifest, needed[1:]) == [needed[0].removeprefix("data/")]


def test_old_versions_need_fewer_files_than_there_are(database: Path) -> None:
    """Otherwise the test above would hold of a rule that takes everything."""
    files = files_of(database)
    counts = [
        len(versions.named((database / "t.lance" / one).read_bytes(), files)) for one in manifests_of(database).values()
    ]
    assert max(counts) < len(files)
    assert len(set(counts)) > 4
