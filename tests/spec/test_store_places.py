"""What a store promises wherever it is: in a folder, and in a bucket."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from lancedb.index import BTree

from ragloop.errors import NotFoundError, StoreBusyError
from ragloop.store import Place, Store, index_schema
from ragloop.store.places.bucket import BucketPlace
from ragloop.store.places.folder import FolderPlace

if TYPE_CHECKING:
    from tests.support.s3_server import Bucket

ROW = {"report_id": "r", "at": None, "kind": "scan", "subject": "", "body": "{}"}
Opens = Callable[[], Store]


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Place]]:
    """Makes the place anew each time, as another process does."""
    if request.param == "folder":
        yield lambda: FolderPlace(tmp_path)
    else:
        bucket: Bucket = request.getfixturevalue("bucket")
        yield lambda: BucketPlace(bucket.uri("home"))


@pytest.fixture
def opened(place: Callable[[], Place], tmp_path: Path) -> Opens:
    return lambda: Store.open(tmp_path, place=place())


def subjects(store: Store) -> list[str]:
    return sorted(store.rows("reports")["subject"].to_pylist())


def test_a_store_that_is_nowhere_is_not_found(place: Callable[[], Place], tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="found no index in"):
        Store.open(tmp_path, create=False, place=place())


def test_what_one_wrote_another_reads_at_once(opened: Opens, place: Callable[[], Place], tmp_path: Path) -> None:
    reader, writer = opened(), opened()
    writer.upsert_rows("reports", [ROW])
    writer.upsert_rows("reports", [{**ROW, "subject": "again"}, {**ROW, "report_id": "s", "subject": "new"}])
    assert subjects(reader) == ["again", "new"]
    assert subjects(Store.open(tmp_path, create=False, place=place())) == ["again", "new"]


def test_tables_are_known_by_name_and_can_be_removed(opened: Opens) -> None:
    store = opened()
    schema = pa.schema([pa.field("id", pa.string(), nullable=False)])
    assert not store.tables.has("index_a")
    for name in ("index_a", "index_b"):
        store.tables.create(name, schema)
    assert store.tables.names("index_") == ["index_a", "index_b"]
    store.tables.drop("index_a")
    assert (store.tables.has("index_a"), store.tables.has("index_b")) == (False, True)
    assert store.tables.names("index_") == ["index_b"]


def test_a_table_that_is_set_aside_is_kept_beside_the_database_until_its_retention_ends(
    opened: Opens, place: Callable[[], Place]
) -> None:
    store = opened()
    store.tables.create("index_a", index_schema(8))
    for _ in range(2):  # a second time there is nothing to move
        store.tables.set_aside("index_a")
    assert not store.tables.has("index_a")
    ((name, age_s),) = place().aside.ages().items()
    assert name.startswith("index_a-")
    assert -2 <= age_s < 60
    store.tables.expire_aside(timedelta(hours=1))
    assert [*place().aside.ages()] == [name]
    store.tables.expire_aside(timedelta(seconds=-10))
    assert place().aside.ages() == {}


def test_a_table_is_created_with_its_key_in_one_commit(opened: Opens) -> None:
    schema = index_schema(8)
    table = opened().tables.create("index_x", schema)
    assert table.version == 1
    assert table.schema.field(0).metadata == schema.field(0).metadata


def test_a_table_that_is_not_there_is_not_found(opened: Opens) -> None:
    with pytest.raises(NotFoundError, match="found no table nothing"):
        opened().table("nothing")


def test_versions_are_of_now_when_they_are_written(opened: Opens, place: Callable[[], Place]) -> None:
    opened().upsert_rows("reports", [ROW])
    versions = place().database.list("reports.lance/_versions/").values()
    assert len(versions) >= 2
    assert all(-2 <= one.age_s < 60 for one in versions)


def test_one_holds_a_lease_and_the_other_learns_who(opened: Opens) -> None:
    with opened().lease("index"):
        with pytest.raises(StoreBusyError, match=r"index is being written by process \d+ on "), opened().lease("index"):
            pass
        with opened().lease("registry"):
            pass
    with opened().lease("index"):
        pass


def test_who_holds_a_lease_writes_what_it_likes(opened: Opens) -> None:
    store = opened()
    with store.lease("index"), store.lease("registry"):
        store.upsert_rows("reports", [ROW])
    assert subjects(store) == [""]


def test_every_durable_step_is_within_the_boundary_that_it_names(place: Callable[[], Place], tmp_path: Path) -> None:
    steps: list[tuple[str, list[str]]] = []
    other = Store.open(tmp_path, place=place())

    @contextmanager
    def boundary(step: str) -> Iterator[None]:
        steps.append((f"before {step}", subjects(other)))
        yield
        steps.append((f"after {step}", subjects(other)))

    store = Store.open(tmp_path, place=place(), boundary=boundary)
    store.upsert_rows("reports", [ROW])
    store.delete("reports", "report_id = 'r'")
    store.tables.create("index_x", index_schema(8))
    store.tables.drop("index_x")
    assert steps == [
        ("before upsert reports", []),
        ("after upsert reports", [""]),
        ("before delete reports", [""]),
        ("after delete reports", []),
        ("before create index_x", []),
        ("after create index_x", []),
        ("before drop index_x", []),
        ("after drop index_x", []),
    ]


def test_files_that_no_version_names_are_listed_with_their_age(
    opened: Opens, place: Callable[[], Place], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store = opened()
    for number in range(3):
        store.upsert_rows("reports", [{**ROW, "report_id": str(number)}])
    store.table("reports").create_index("report_id", config=BTree())
    assert store.upkeep.nameless_files("reports") == {}
    index = "_indices/00000000-0000-4000-8000-000000000000"
    left = ["data/0000ffff0000ffff0000ffff.lance", f"{index}/page_data.lance", f"{index}/page_lookup.lance"]
    for file in left:
        if isinstance(place(), FolderPlace):
            (tmp_path / "store" / "reports.lance" / file).parent.mkdir(exist_ok=True)
            (tmp_path / "store" / "reports.lance" / file).write_bytes(b"left")
        else:
            bucket: Bucket = request.getfixturevalue("bucket")
            bucket.write(f"home/store/reports.lance/{file}", b"left")
    found = store.upkeep.nameless_files("reports")
    assert set(found) == {left[0], index}
    assert all(-1 <= age < 60 for age in found.values())
    assert opened().upkeep.nameless_files("migrations") == {}
