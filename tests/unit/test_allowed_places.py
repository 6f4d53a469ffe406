"""Which configuration the environment of a worker leads to, where its deployment names none."""

from pathlib import Path

import pytest

from tasks.allowed import of_environment


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, inside of a project."""
    monkeypatch.delenv("RAGLOOP_CONFIG", raising=False)
    inner = tmp_path / "flows"
    inner.mkdir()
    monkeypatch.chdir(inner)
    return tmp_path


def test_what_the_variable_names_wins_over_what_lies_in_the_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "ragloop.toml").touch()
    named = tmp_path / "named.toml"
    named.touch()
    monkeypatch.setenv("RAGLOOP_CONFIG", str(named))
    assert of_environment() == named


def test_without_the_variable_it_is_the_file_of_the_nearest_folder_above(folder: Path) -> None:
    (folder / "ragloop.toml").touch()
    assert of_environment() == folder / "ragloop.toml"


def test_a_file_that_is_not_there_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".ragloop").mkdir()  # a project without a file, where the search ends
    assert of_environment() is None
    monkeypatch.setenv("RAGLOOP_CONFIG", "absent.toml")
    assert of_environment() is None
