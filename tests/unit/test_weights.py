"""Which weights a base model has, and when they are read again."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragloop.models.weights import REMEMBERED, weights_sha256


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Models of two files of weights, written some time ago; a file's change of status cannot be dated back."""
    folders = [tmp_path_factory.mktemp("model") for _ in range(3)]
    for folder in folders:
        for number in range(2):
            (folder / f"model-{number}.safetensors").write_bytes(bytes([number]) * 100)
    time.sleep(2.1)
    return iter(folders)


@pytest.fixture
def model(models: Iterator[Path]) -> Path:
    """One of the models, which nothing has read."""
    return next(models)


def remembered(tmp_path: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads((tmp_path / "cache" / REMEMBERED).read_text())
    return found


def test_weights_are_read_once_and_again_when_their_file_changed(model: Path, tmp_path: Path) -> None:
    first = weights_sha256(model, tmp_path / "cache")
    known = remembered(tmp_path)
    assert len(known) == 2
    file = tmp_path / "cache" / REMEMBERED
    file.write_text(json.dumps({name: {**one, "sha256": "planted"} for name, one in known.items()}))
    planted = weights_sha256(model, tmp_path / "cache")
    assert planted != first, "what is remembered is believed"
    before = (model / "model-0.safetensors").stat()
    (model / "model-0.safetensors").write_bytes(b"x" * 100)
    os.utime(model / "model-0.safetensors", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert weights_sha256(model, tmp_path / "cache") not in (first, planted)


def test_a_file_that_is_young_is_not_remembered(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"new")
    assert weights_sha256(tmp_path, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_names_and_places_mean_nothing_and_bytes_do(model: Path, tmp_path: Path) -> None:
    first = weights_sha256(model, tmp_path / "cache")
    moved = model.rename(tmp_path / "moved")
    for number in range(2):
        (moved / f"model-{number}.safetensors").rename(moved / f"part-{number}.safetensors")
    (moved / "config.json").write_text("{}")
    assert weights_sha256(moved, tmp_path / "cache") == first
    (moved / "part-1.safetensors").write_bytes(b"other")
    assert weights_sha256(moved, tmp_path / "cache") != first


def test_what_is_remembered_may_be_damaged_or_not_be_written(model: Path, tmp_path: Path) -> None:
    first = weights_sha256(model, tmp_path / "cache")
    for damaged in ("{", "[1]", '{"x": 1}'):
        (tmp_path / "cache" / REMEMBERED).write_text(damaged)
        assert weights_sha256(model, tmp_path / "cache") == first
    (tmp_path / "file").write_text("no folder")
    assert weights_sha256(model, tmp_path / "file") == first


def test_a_model_that_is_not_on_this_disk_has_no_hash(tmp_path: Path) -> None:
    assert weights_sha256(tmp_path, tmp_path) == ""
    assert weights_sha256("nobody/has-this-model", tmp_path) == ""
