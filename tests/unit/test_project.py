"""Which prefect.yaml is applied, and the project that `ragloop init --project` writes."""

from pathlib import Path

import pytest
import yaml

from ragloop.config import load_settings
from ragloop.errors import UsageError
from ragloop.orchestrator.deployments import flows_of
from ragloop.orchestrator.project import prefect_file, project_root, write_project


def test_a_written_project_names_the_deployments_of_the_package(tmp_path: Path) -> None:
    files = write_project(tmp_path / "new" / "project")
    assert [one.name for one in files] == ["ragloop.toml", "prefect.yaml", ".gitignore"]
    load_settings(files[0])
    text = files[1].read_text(encoding="utf-8")
    assert yaml.safe_load(text) == yaml.safe_load((project_root() / "prefect.yaml").read_text(encoding="utf-8"))
    assert text.startswith("# Deployments of ragloop, yours to edit")


@pytest.mark.parametrize("name", ["ragloop.toml", "prefect.yaml", ".gitignore"])
def test_a_project_replaces_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match=f"{name}: exists and was not changed"):
        write_project(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_a_project_beside_the_configuration_comes_before_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, config = project_root(), write_project(tmp_path / "own")[0]
    assert prefect_file(root, config) == tmp_path / "own" / "prefect.yaml"
    monkeypatch.chdir(tmp_path / "own")
    assert prefect_file(root, None) == tmp_path / "own" / "prefect.yaml"
    assert prefect_file(root, tmp_path / "ragloop.toml") == root / "prefect.yaml"


def test_a_project_of_before_homes_had_names_is_refused_and_says_where_a_new_one_comes_from(tmp_path: Path) -> None:
    file = write_project(tmp_path)[1]
    assert "sync-index" in flows_of(file)
    older = {"name": "sync-index", "entrypoint": "flows/sync.py:sync_index", "tags": ["ragloop"]}
    file.write_text(yaml.safe_dump({"name": "ragloop", "deployments": [older]}))
    with pytest.raises(UsageError, match=r"sync_index as 'sync-index' .* `ragloop init --project DIR`"):
        flows_of(file)


def test_the_deployments_of_another_project_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prefect.yaml").write_text("name: of-another-team\ndeployments: []\n")
    monkeypatch.chdir(tmp_path)
    assert prefect_file(project_root(), None) == project_root() / "prefect.yaml"
