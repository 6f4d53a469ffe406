"""Adapters as other programs read them: PEFT's files, and a whole model that answers as base and adapter do."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ragloop.app import App
from ragloop.cli.main import app as command
from ragloop.errors import MismatchError, UsageError
from ragloop.models.generation.local import LocalGenerator
from ragloop.records import Prompt
from ragloop.registry import adapter_sha256
from tests.support.adapter_home import QUESTION, app_of, flip_a_byte, make_home

pytestmark = pytest.mark.realmodel
PROMPTS = [Prompt(QUESTION), Prompt("Where is the key?")]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    app = app_of(make_home(tmp_path_factory.mktemp("lanes")))
    _weigh(app)
    return app


def _weigh(app: App) -> None:
    """Give the adapter `early` weights that change answers; a fresh one adds nothing."""
    import torch
    from safetensors.torch import load_file, save_file

    folder = app.registry.artifacts.folder / "adapters" / "early"
    file = folder / "adapter_model.safetensors"
    generator = torch.Generator().manual_seed(5)
    weights = {name: torch.randn(one.shape, generator=generator) for name, one in load_file(file).items()}
    save_file(weights, file)
    app.registry.update("early", lambda one: replace(one, sha256=adapter_sha256(folder)))


def test_an_exported_adapter_is_loaded_by_peft_on_its_base(app: App, tmp_path: Path) -> None:
    target = tmp_path / "exported"
    assert app.learning.export_adapter("early", target, "peft") == [
        "adapter_config.json", "adapter_model.safetensors", "ragloop.json",
    ]  # fmt: skip
    config = json.loads((target / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == app.settings.model.base
    about = json.loads((target / "ragloop.json").read_text())
    assert (about["adapter_id"], about["lane"]) == ("early", "adapter+rag")
    base = app.models.local_generator
    view = base.wearing("exported", target)
    with app.parts.generators.local("early") as own:
        assert view.generate(PROMPTS) == own.generate(PROMPTS)
    base.taking_off("exported")


def test_a_merged_model_answers_as_base_and_adapter_do(app: App, tmp_path: Path) -> None:
    target = tmp_path / "merged"
    files = app.learning.export_adapter("early", target, "merged")
    assert {"config.json", "model.safetensors", "ragloop.json", "tokenizer.json"} <= set(files)
    merged = LocalGenerator(target, name="merged", max_new_tokens=4, threads=1)
    with app.parts.generators.local("early") as own:
        expected = [draft.text for draft in own.generate(PROMPTS)]
    assert [draft.text for draft in merged.generate(PROMPTS)] == expected
    assert [draft.text for draft in app.models.local_generator.generate(PROMPTS)] != expected


def test_the_command_writes_into_an_empty_folder_and_into_no_other(app: App, tmp_path: Path) -> None:
    place = app.settings.home.parent
    given = ["--config", str(place / "ragloop.toml"), "--home", str(app.settings.home)]
    (tmp_path / "empty").mkdir()
    done = CliRunner().invoke(command, [*given, "adapters", "export", "early", str(tmp_path / "empty"), "--json"])
    assert json.loads(done.stdout)["files"][-1] == "ragloop.json"
    with pytest.raises(UsageError, match="expected an empty folder"):
        app.learning.export_adapter("early", tmp_path / "empty", "peft")
    assert [one.name for one in tmp_path.iterdir()] == ["empty"]


def test_damaged_files_are_not_exported(app: App, tmp_path: Path) -> None:
    flip_a_byte(app.settings.home.parent)
    with pytest.raises(MismatchError, match="changed"):
        app.learning.export_adapter("later", tmp_path / "exported", "peft")
    assert not list(tmp_path.iterdir())
