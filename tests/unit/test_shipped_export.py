"""An export of the default embedder that comes inside a distribution is run in place, if it is of this recipe."""

import json
from pathlib import Path

import pytest

from ragloop.models.embedding.runtimes import DEFAULT_EMBEDDER, RECIPES, SHIPPED, export_folder, shipped_export


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The manifest of an installed distribution that carries an export."""
    manifest = tmp_path / "carrier" / "model" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"precision": "fp32", "recipe": RECIPES["fp32"]}))
    info = tmp_path / f"{SHIPPED[DEFAULT_EMBEDDER].replace('-', '_')}-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {SHIPPED[DEFAULT_EMBEDDER]}\nVersion: 2.0\n")
    (info / "RECORD").write_text("carrier/model/manifest.json,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    return manifest


def test_it_needs_no_folder_in_the_cache(installed: Path, tmp_path: Path) -> None:
    for name in (DEFAULT_EMBEDDER, f"sentence-transformers/{DEFAULT_EMBEDDER}"):
        assert shipped_export(name, "fp32") == installed.parent
        assert export_folder(name, tmp_path) is None


def test_another_model_or_precision_is_not_in_it(installed: Path, tmp_path: Path) -> None:
    assert shipped_export("all-mpnet-base-v2", "fp32") is None
    assert shipped_export(DEFAULT_EMBEDDER, "int8") is None
    assert export_folder(DEFAULT_EMBEDDER, tmp_path, "onnx-int8") is not None


def test_one_of_another_recipe_is_left_alone(installed: Path) -> None:
    installed.write_text(json.dumps({"precision": "fp32", "recipe": RECIPES["fp32"] + 1}))
    assert shipped_export(DEFAULT_EMBEDDER, "fp32") is None


def test_the_wheel_is_numbered_by_the_recipe() -> None:
    project = Path(__file__).parents[2] / "infra" / "minilm" / "pyproject.toml"
    assert f'version = "{RECIPES["fp32"]}.0"' in project.read_text(encoding="utf-8")
