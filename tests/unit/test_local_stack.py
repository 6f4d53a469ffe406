"""What the processes of a local stack find in their environment."""

from pathlib import Path

import pytest

from ragloop.config import Settings
from ragloop.orchestrator.local_stack import LocalStack


def test_relative_places_are_made_absolute_since_flows_work_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAGLOOP_CACHE", "models")
    environment = LocalStack(Settings(home=Path("home")), config=Path("ragloop.toml")).client_environment
    places = {name: environment[name] for name in ("RAGLOOP_HOME", "RAGLOOP_CONFIG", "RAGLOOP_CACHE")}
    assert set(places.values()) == {str(tmp_path / name) for name in ("home", "ragloop.toml", "models")}


def test_a_cache_that_nobody_named_stays_unnamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAGLOOP_CACHE", raising=False)
    assert "RAGLOOP_CACHE" not in LocalStack(Settings(home=tmp_path)).client_environment
