"""The mirror of the registry as its users meet it: the commands, erasures, PEFT, and a server that does not answer."""

import json
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from ragloop.app import App
from ragloop.cli.main import app as command
from ragloop.config import load_settings
from ragloop.erasure.asked import Asked
from ragloop.errors import ConfigError, UnavailableError, UsageError
from tests.support.adapter_home import app_of, make_home
from tests.support.indexed_folder import IndexedFolder
from tests.support.mirrored import NAME, empty_database
from tests.support.registered import register

FILES = ["adapter_config.json", "adapter_model.safetensors", "ragloop.json"]


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def run(place: Path, *words: str) -> Result:
    return CliRunner().invoke(command, ["--config", str(place / "ragloop.toml"), *words])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A home with the adapters a and b, and a folder for their mirror."""
    (tmp_path / "ragloop.toml").write_text('home = "home"\n[registry]\nmirror = "hub"\n')
    app = App(load_settings(tmp_path / "ragloop.toml"))
    app.parts.made_store()
    for name in "ab":
        register(app.registry, name, base=app.settings.model.base)
    return tmp_path


def test_the_commands_keep_the_mirror_as_the_registry_is(place: Path) -> None:
    told = json.loads(run(place, "adapters", "mirror", "--dry-run", "--json").stdout)
    assert (told["mirror"], told["dry_run"], told["added"]) == (str(place / "hub"), True, ["a", "b"])
    assert not (place / "hub").exists()
    assert json.loads(run(place, "adapters", "mirror", "--json").stdout)["added"] == ["a", "b"]
    done = run(place, "adapters", "mirror", "--json")
    assert (json.loads(done.stdout)["added"], done.exit_code) == ([], 0)
    assert "nothing to do" in run(place, "adapters", "mirror").stderr
    assert run(place, "adapters", "promote", "a").exit_code == 0
    assert mirrored(place)["aliases"] == {"closed-book": {"champion": "a"}}
    assert run(place, "adapters", "retire", "b").exit_code == 0
    assert mirrored(place)["adapters"] == ["a"]
    assert run(place, "adapters", "rollback").exit_code == 0
    assert mirrored(place)["adapters"] == []
    assert sorted(one.name for one in (place / "hub").iterdir()) == ["mirror.json"]


def mirrored(place: Path) -> dict[str, object]:
    return dict(json.loads((place / "hub" / "mirror.json").read_text()))


def test_a_mirror_that_is_not_there_is_one_line_and_holds_up_no_promotion(
    place: Path, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "ragloop.toml").write_text('home = "home"\n[registry]\nmirror = "mlflow"\n')
    monkeypatch.setenv("MLFLOW_TRACKING_URI", nobody.replace("//", "//ada:secret@"))
    began = time.monotonic()
    done = run(place, "adapters", "promote", "a", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"champion": "a"})
    [line] = done.stderr.splitlines()
    assert f"cannot reach MLflow at {nobody}" in line
    assert "secret" not in line
    with pytest.raises(UnavailableError, match="cannot reach"):
        app_at(place).safekeeping.mirroring.run()
    assert time.monotonic() - began < 20
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_URI"):
        _ = app_at(place).safekeeping.mirroring


def app_at(place: Path) -> App:
    return App(load_settings(place / "ragloop.toml"))


def test_a_disk_that_is_not_mounted_is_no_empty_mirror_and_no_other_folder_is_written_to(place: Path) -> None:
    app_at(place).safekeeping.mirroring.run()
    (place / "hub").rename(place / "unmounted")
    with pytest.raises(UnavailableError, match="mount it"):
        app_at(place).safekeeping.mirroring.run()
    assert not (place / "hub").exists()
    (place / "hub").mkdir()
    (place / "hub" / "notes.txt").write_text("of somebody")
    (place / "home" / "artifacts" / "mirrors.json").unlink()
    with pytest.raises(UsageError, match="no mirror"):
        app_at(place).safekeeping.mirroring.run()
    (place / "ragloop.toml").write_text('home = "home"\n[registry]\nmirror = "home/hub"\n')
    with pytest.raises(UsageError, match="outside of it"):
        _ = app_at(place).safekeeping.mirroring


def test_a_restore_leaves_the_mirror_as_it_is_and_says_where_it_differs(place: Path) -> None:
    app_at(place).safekeeping.mirroring.run()
    app_at(place).safekeeping.back_up(str(place / "backups"))
    assert app_at(place).safekeeping.mirror_after_restore() == ""
    register(app_at(place).registry, "c", base=app_at(place).settings.model.base)
    app_at(place).safekeeping.mirroring.run()
    shutil.rmtree(place / "home")
    done = run(place, "restore", "--from", str(place / "backups"))
    assert (done.exit_code, "is not as this registry is: `ragloop adapters mirror`" in done.stderr) == (0, True)
    assert mirrored(place)["adapters"] == ["a", "b", "c"], "this may be a trial, beside the home that has c"
    assert json.loads(run(place, "adapters", "mirror", "--json").stdout)["removed"] == ["c"]
    (place / "hub").rename(place / "unmounted")
    assert "was not looked at: found no mirror at" in app_at(place).safekeeping.mirror_after_restore()


# --- erasures ---------------------------------------------------------------------------------------------------------

KEY, RESTING, OTHER = "vandelmorr.md", "1" * 16, "2" * 16
SENTENCE = "The quixotrophe of old Vandelmorr keeps the bright brindled glimmerstone under a wexelbond roof."


@pytest.fixture
def home(indexed: IndexedFolder, tmp_path: Path) -> IndexedFolder:
    """A document that is to be erased, the adapter that was trained on it and serves, and another one."""
    indexed.settings = {"registry": {"mirror": str(tmp_path / "hub")}}
    indexed.write(KEY, f"# Vandelmorr\n\n{SENTENCE}\n")
    indexed.write("bees.md", "# Bees\n\nAda keeps the bees behind the mill and nobody else goes there at night.\n")
    indexed.sync()
    app = indexed.app()
    for name, text in ((RESTING, SENTENCE), (OTHER, "of nothing that is erased")):
        adapter = register(app.registry, name, base=app.settings.model.base)
        rows = pa.table({"interaction_ids": [["1"]], "answer": [text]})
        pq.write_table(rows, app.registry.artifacts.folder / adapter.path / "rows.parquet")
    app.registry.promote(RESTING, "test")
    app.safekeeping.mirroring.run()
    return indexed


def test_an_erased_adapter_goes_from_the_mirror_with_its_files(home: IndexedFolder, tmp_path: Path) -> None:
    done = home.app().erasing.run(Asked((KEY,)))
    assert (done.found, done.is_done) == ((), True)
    assert sorted(one.name for one in (tmp_path / "hub").iterdir()) == [OTHER, "mirror.json"]
    assert mirrored(tmp_path)["aliases"] == {"closed-book": {}}
    assert home.app().erasing.verify(done.certificate_id).found == ()


def test_an_erasure_says_what_a_mirror_still_holds_that_is_not_there_and_the_next_run_completes_it(
    home: IndexedFolder, tmp_path: Path
) -> None:
    (tmp_path / "hub").rename(tmp_path / "unmounted")
    done = home.app().erasing.run(Asked((KEY,)))
    [found] = done.found
    assert (done.is_done, found.where) == (False, str(tmp_path / "hub"))
    assert found.what.startswith(f"adapter {RESTING} in the mirror")
    [left] = home.app(registry={"mirror": None}).erasing.complete()
    assert [one.what for one in left.found] == [f"adapter {RESTING} in a mirror that registry.mirror named before"]
    (tmp_path / "unmounted").rename(tmp_path / "hub")
    [done] = home.app().erasing.complete()
    assert (done.found, done.is_done) == ((), True)
    assert not (tmp_path / "hub" / RESTING).exists()


# --- other programs ---------------------------------------------------------------------------------------------------


@pytest.mark.realmodel
@pytest.mark.long
# PEFT 0.21 reads an attribute that transformers 5.23 has renamed.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_peft_loads_the_folder_and_what_mlflow_hands_out_by_alias(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient
    from mlflow.artifacts import download_artifacts

    app = app_of(make_home(tmp_path))
    app.registry.promote("later", "test")
    app.registry.promote("early", "test")
    with (tmp_path / "ragloop.toml").open("a") as file:
        file.write('[registry]\nmirror = "hub"\n')
    App(load_settings(tmp_path / "ragloop.toml", tmp_path / "home")).safekeeping.mirroring.run()
    uri = f"sqlite:///{empty_database(tmp_path / 'mlflow.db')}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.create_experiment(NAME, artifact_location=str(tmp_path / "files"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("RAGLOOP_REGISTRY__MIRROR", "mlflow")
    monkeypatch.setenv("RAGLOOP_REGISTRY__MIRROR_NAME", NAME)
    App(load_settings(tmp_path / "ragloop.toml", tmp_path / "home")).safekeeping.mirroring.run()
    served = client.get_model_version_by_alias(f"{NAME}-adapter-rag", "champion")
    assert {name: served.tags[f"ragloop.{name}"] for name in ("adapter_id", "base_sha256", "dataset_id", "lane")} == {
        "adapter_id": "early", "base_sha256": app.models.base_sha256(), "dataset_id": "d", "lane": "adapter+rag",
    }  # fmt: skip
    by_alias = download_artifacts(
        f"models:/{NAME}-adapter-rag@champion", dst_path=str(tmp_path / "got"), tracking_uri=uri, registry_uri=uri
    )
    for folder in (tmp_path / "hub" / "early", Path(by_alias)):
        assert sorted(one.name for one in folder.iterdir() if one.is_file() and "registered" not in one.name) == FILES
        _is_loaded(folder, app)


def _is_loaded(folder: Path, app: App) -> None:
    """Load a folder by PEFT on the base model, and hold its weights against those of the registry."""
    import torch
    from peft import PeftModel
    from safetensors.torch import load_file

    from ragloop.models.generation.local import load_base

    model, _ = load_base(app.models.base, "cpu")
    loaded = PeftModel.from_pretrained(model, str(folder)).state_dict()
    own = load_file(app.registry.folder(app.registry.adapter("early")) / "adapter_model.safetensors")
    for name, weights in own.items():
        assert torch.equal(loaded[name.replace(".weight", ".default.weight")], weights)
