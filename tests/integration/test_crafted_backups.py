"""A backup that somebody made to reach outside of a home or of its place reaches nothing, as do names in tables."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ragloop.backup import Entry, Manifest
from ragloop.errors import MismatchError, NotFoundError
from ragloop.store import Store
from ragloop.store.files import FolderFiles, open_files
from tests.support.backed_up import BackedUp
from tests.support.indexed_folder import IndexedFolder

if TYPE_CHECKING:
    from tests.support.s3_server import Bucket

SECRET = b"of the machine, and of no backup"


@pytest.fixture
def made(indexed: IndexedFolder, tmp_path: Path) -> BackedUp:
    made = BackedUp(indexed, str(tmp_path / "backups"))
    made.fill(2)
    made.app.safekeeping.back_up(made.uri)
    return made


def craft(made: BackedUp, whole: Manifest, **changes: Any) -> None:
    """Give a backup one more entry, which no constructor has looked at, under a SHA-256 that is right."""
    backups = made.app.safekeeping.backups(made.uri)
    added = object.__new__(Entry)
    data = b"crafted"
    sha256 = hashlib.sha256(data).hexdigest()
    given = {"path": "artifacts/x", "bytes": len(data), "sha256": sha256, "name": f"files/by-content/{sha256}"}
    added.__dict__.update({**given, **changes})
    backups.files.write(f"files/by-content/{sha256}", [data])
    backups.files.write(f"backups/{whole.backup_id}.json", [replace(whole, entries=(*whole.entries, added)).encoded()])


def tree(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@pytest.mark.parametrize(
    "path",
    ["store/{outside}/x", "artifacts/../../outside/x", "artifacts/{outside}/x", "journal/../../outside/x", "{outside}"],
)
def test_a_restore_writes_nothing_outside_of_its_home(made: BackedUp, tmp_path: Path, path: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    craft(made, made.app.safekeeping.backups(made.uri).all()[0], path=path.format(outside=outside))
    before = tree(tmp_path)
    with pytest.raises(MismatchError, match="is damaged"):
        made.app.safekeeping.restore(made.uri, replace=True)
    assert tree(tmp_path) == before


def test_a_restore_reads_nothing_outside_of_its_place(made: BackedUp, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    whole = made.app.safekeeping.backups(made.uri).all()[0]
    for name in ("../secret", "files/../../secret", str(tmp_path / "secret"), "files//secret"):
        craft(made, whole, bytes=len(SECRET), sha256=hashlib.sha256(SECRET).hexdigest(), name=name)
        with pytest.raises(MismatchError, match="is damaged"):
            made.app.safekeeping.restore(made.uri, replace=True)
        assert SECRET not in tree(made.indexed.home).values()


def test_a_backup_removes_nothing_outside_of_its_place(made: BackedUp, tmp_path: Path) -> None:
    (tmp_path / "precious.json").write_bytes(SECRET)
    backups = made.app.safekeeping.backups(made.uri)
    whole = backups.all()[0]
    (Path(made.uri) / "backups" / f"{whole.backup_id}.json").write_bytes(
        replace(whole, backup_id="../../precious").encoded()
    )
    done = backups.make(made.app.store, keep=1)
    assert (tmp_path / "precious.json").read_bytes() == SECRET
    assert "is damaged" in done.problems[0]


def test_a_link_in_a_place_or_a_home_leads_nowhere(made: BackedUp, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(SECRET)
    files = FolderFiles(tmp_path / "files")
    files.write("a/b", [b"1"])
    (files.folder / "out").symlink_to(outside)
    (files.folder / "a" / "secret").symlink_to(outside / "secret")
    for work in (
        lambda: list(files.read("out/secret")),
        lambda: list(files.read("a/secret")),
        lambda: files.write("out/x", [b"x"]),
        lambda: files.write("out/new/x", [b"x"]),
        lambda: files.remove(["out/secret"]),
        lambda: files.list("out/"),
    ):
        with pytest.raises(MismatchError, match=r"leads out of .*files through a link"):
            work()
    files.write("a/secret", [b"2"])
    assert b"".join(files.read("a/secret")) == b"2", "a link is replaced, not written through"
    assert tree(outside) == {"secret": SECRET}
    (made.indexed.home / "artifacts" / "adapters" / "early" / "more").symlink_to(outside / "secret")
    with pytest.raises(MismatchError, match="through a link"):
        made.app.safekeeping.back_up(made.uri)


def test_a_folder_that_is_itself_a_link_is_used(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    files = FolderFiles(tmp_path / "link")
    files.write("a/b", [b"1"])
    assert files.list("a/").keys() == {"a/b"}
    assert b"".join(files.read("a/b")) == b"1"
    files.remove(["a/b"])
    assert list((tmp_path / "disk").iterdir()) == []


def test_artifacts_on_another_disk_are_backed_up_and_restored(indexed: IndexedFolder, tmp_path: Path) -> None:
    made = BackedUp(indexed, str(tmp_path / "backups"))
    (tmp_path / "disk").mkdir()
    indexed.home.mkdir()
    (indexed.home / "artifacts").symlink_to(tmp_path / "disk")
    made.fill(2)
    made.app.safekeeping.back_up(made.uri)
    before = made.state()
    (tmp_path / "disk" / "adapters" / "early" / "adapter_model.safetensors").write_bytes(b"damaged")
    made.app.safekeeping.restore(made.uri, replace=True)
    assert made.state() == before
    assert (indexed.home / "artifacts").is_symlink()


def test_a_list_shows_nothing_outside(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    files = FolderFiles(tmp_path / "files")
    files.write("a/b", [b"1"])
    for prefix in ("../", f"{tmp_path}/", "a/../../", "/"):
        with pytest.raises(MismatchError, match="expected a path of plain parts"):
            files.list(prefix)


def test_an_object_of_a_bucket_has_one_name(bucket: "Bucket") -> None:
    files = open_files(bucket.uri("files"))
    open_files(bucket.uri("secret")).write("x", [SECRET])
    for name in ("../secret/x", "/x", "a//b", "a/./b"):
        with pytest.raises(MismatchError, match="expected a path of plain parts"):
            list(files.read(name))
        with pytest.raises(MismatchError, match="expected a path of plain parts"):
            files.write(name, [b"x"])
        with pytest.raises(MismatchError, match="expected a path of plain parts"):
            files.remove([name])
    with pytest.raises(MismatchError, match="expected a path of plain parts"):
        files.list("../secret/")


# --- names in tables --------------------------------------------------------------------------------------------------


def test_a_table_of_another_folder_is_neither_read_nor_dropped(made: BackedUp, tmp_path: Path) -> None:
    store = made.app.store
    other = tmp_path / "other.lance" / "_versions"
    other.mkdir(parents=True)
    (other / "1.manifest").write_bytes(SECRET)
    for name in ("../../other", str(tmp_path / "other"), "x/../../../other", ""):
        for work in (store.tables.has, store.table, store.tables.drop, store.upkeep.tidy, store.upkeep.nameless_files):
            with pytest.raises(MismatchError, match="expected the name of a table"):
                work(name)
    assert tree(tmp_path / "other.lance") == {"_versions/1.manifest": SECRET}


def test_a_table_of_another_prefix_is_neither_read_nor_dropped(bucket: "Bucket", indexed: IndexedFolder) -> None:
    indexed.settings = {"store": bucket.uri("home")}
    indexed.write_numbered(1)
    indexed.sync()
    store = indexed.app().store
    for name in ("../../other", "x/y", ""):
        for work in (store.tables.has, store.tables.drop, store.upkeep.nameless_files):
            with pytest.raises(MismatchError, match="expected the name of a table"):
                work(name)


def crafted_adapter(made: BackedUp, **changes: str) -> None:
    store: Store = made.app.store
    row = store.rows("adapters").to_pylist()[0]
    store.upsert_rows("adapters", [{**row, **changes}])


def test_an_adapter_of_another_folder_is_not_loaded_and_not_backed_up(made: BackedUp, tmp_path: Path) -> None:
    inside = made.indexed.home / "artifacts" / "adapters" / "early"
    outside = tmp_path / "outside"
    inside.rename(outside)
    for path in ("../../outside", str(outside)):
        crafted_adapter(made, path=path)
        champion, trouble = made.app.registry.serving()
        assert champion is None
        assert "expected a path of plain parts" in trouble
        with pytest.raises(MismatchError, match="expected a path of plain parts"):
            made.app.safekeeping.back_up(made.uri)


def test_a_dataset_of_another_folder_is_not_read(made: BackedUp, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    for dataset_id in ("../../../outside", str(tmp_path / "outside"), ""):
        with pytest.raises((MismatchError, NotFoundError), match="expected a path of plain parts"):
            made.app.learning.retraining.parts.dataset(dataset_id)
