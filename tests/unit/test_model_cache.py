"""A cached folder is complete or not there, whoever builds it and however the builder ends."""

import threading
from pathlib import Path

import pytest

from ragloop.errors import StorageFullError
from ragloop.hashes import sha256_of
from ragloop.models.cache import MANIFEST, built_once, default_cache


def complete(folder: Path) -> None:
    (folder / "weights").write_text("w")
    (folder / MANIFEST).write_text("{}")


def test_a_folder_is_built_once(tmp_path: Path) -> None:
    built: list[Path] = []

    def build(folder: Path) -> None:
        built.append(folder)
        complete(folder)

    folder = built_once(tmp_path / "cache" / "model", build)
    assert built_once(folder, build) == folder
    assert len(built) == 1
    assert (folder / "weights").read_text() == "w"


def test_a_failed_build_leaves_nothing_and_the_next_one_succeeds(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "weights").write_text("half")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        built_once(tmp_path / "model", fail)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    assert built_once(tmp_path / "model", complete).is_dir()


def test_what_a_killed_builder_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".building-dead" / "model").mkdir(parents=True)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("without a manifest")
    built_once(tmp_path / "model", complete)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "model"]
    assert (tmp_path / "model" / "weights").read_text() == "w"


def test_builders_at_the_same_time_build_once(tmp_path: Path) -> None:
    built: list[int] = []
    start = threading.Barrier(4)

    def build(folder: Path) -> None:
        built.append(1)
        complete(folder)

    def run() -> None:
        start.wait()
        built_once(tmp_path / "model", build)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [1]


def test_a_full_disk_is_reported_as_a_full_disk(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageFullError, match=str(tmp_path)):
        built_once(tmp_path / "model", fill)


def test_the_cache_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAGLOOP_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("RAGLOOP_CACHE")
    assert default_cache().name == "ragloop"


def test_a_file_is_hashed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert sha256_of(tmp_path / "file").startswith("e3b0c442")
