"""Adapters as GGUF: by llama.cpp's converter where it is at hand; how it is found and what it may leave, without it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader
from safetensors.numpy import load_file
from typer.testing import CliRunner

from ragloop.app import App
from ragloop.cli.main import app as command
from ragloop.errors import MismatchError, NotFoundError, UsageError
from ragloop.models.adapters.llama_cpp import SCRIPT, converter
from tests.support.mergeable import FIRST, app_of, copied, make_home

VARIABLE = "RAGLOOP_REGISTRY__LLAMA_CPP"
AT_HAND = Path(os.environ[VARIABLE]) if VARIABLE in os.environ else None
"""A folder of llama.cpp on this machine; without one its converter is looked for on PATH."""
WRITES = """
import json, sys
from pathlib import Path
from gguf import GGUFWriter, GGUFType
from safetensors.numpy import load_file

given = dict(zip(sys.argv[1:-1:2], sys.argv[2:-1:2]))
base, files = Path(given["--base"]), Path(sys.argv[-1])
assert sorted(one.name for one in base.iterdir()) == ["config.json"], "nothing of the model but its configuration"
assert "auto_map" not in json.loads((base / "config.json").read_text())
assert sorted(one.name for one in files.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
assert given["--outtype"] == "f32"
writer = GGUFWriter(given["--outfile"], "llama")
writer.add_type({kind})
for name, weights in load_file(files / "adapter_model.safetensors").items():
    writer.add_tensor(name.replace(".lora_A.weight", ".lora_a").replace(".lora_B.weight", ".lora_b"), weights)
for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
    write()
writer.close()
{then}
"""
"""A converter that writes a file of GGUF as llama.cpp's does, without a word of what the architecture wants."""
HALF = """
out = Path(given["--outfile"])
out.write_bytes(out.read_bytes()[: -{missing}])
"""


def writes(kind: str = "GGUFType.ADAPTER", then: str = "") -> str:
    return WRITES.format(kind=kind, then=then)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = make_home(tmp_path_factory.mktemp("mergeable"))
    config = json.loads((place / "model" / "config.json").read_text())
    (place / "model" / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoConfig": "own.Config"}}))
    (place / "model" / "own.py").write_text("raise SystemExit('code of the model folder was run')")
    return place


@pytest.fixture
def app(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.delenv(VARIABLE, raising=False)
    return copied(made, tmp_path / "place")


def configured(place: Path, folder: Path | str) -> App:
    """Open a home with a folder of llama.cpp in its settings."""
    file = place / "ragloop.toml"
    file.write_text(f"{file.read_text()}[registry]\nllama_cpp = {json.dumps(str(folder))}\n")
    return app_of(place)


def with_script(app: App, place: Path, content: str) -> App:
    """Open the home again with a folder of llama.cpp whose converter is this script."""
    folder = place / "llama.cpp"
    folder.mkdir()
    (folder / SCRIPT).write_text(content)
    return configured(app.settings.home.parent, folder)


def on_path(place: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str) -> Path:
    """Put an executable first on PATH."""
    place.mkdir()
    (place / name).write_text(content)
    (place / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    return place / name


# --- the converter of llama.cpp itself --------------------------------------------------------------------------------


@pytest.mark.long
def test_the_converter_of_llama_cpp_writes_what_the_adapter_holds(app: App, tmp_path: Path) -> None:
    try:
        converter(AT_HAND)
    except NotFoundError as error:
        pytest.skip(str(error))
    app = configured(tmp_path / "place", AT_HAND) if AT_HAND else app
    assert app.learning.export_adapter(FIRST, tmp_path / "out", "gguf") == ["adapter.gguf", "ragloop.json"]
    reader = GGUFReader(tmp_path / "out" / "adapter.gguf")
    fields = {name: one.contents() for name, one in reader.fields.items()}
    assert (fields["general.architecture"], fields["general.type"]) == ("llama", "adapter")
    assert (fields["adapter.type"], fields["adapter.lora.alpha"]) == ("lora", 8)
    assert not any("/" in str(one) for name, one in fields.items() if name.startswith("general.")), "paths of here"
    held = {one.name: one.data for one in reader.tensors}
    weights = load_file(app.registry.folder(app.registry.adapter(FIRST)) / "adapter_model.safetensors")
    assert len(held) == len(weights)
    of_layer = "base_model.model.model.layers.1.mlp.down_proj"
    for side in "ab":
        assert np.array_equal(
            held[f"blk.1.ffn_down.weight.lora_{side}"], weights[f"{of_layer}.lora_{side.upper()}.weight"]
        )


# --- how it is found --------------------------------------------------------------------------------------------------


def test_the_error_says_how_a_converter_that_is_not_at_hand_is_brought(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    for folder, why in ((None, "on PATH, and registry.llama_cpp names"), (tmp_path, f"no {SCRIPT} in {tmp_path}")):
        with pytest.raises(NotFoundError, match=why) as raised:
            converter(folder)
        assert "git clone --depth 1 https://github.com/ggml-org/llama.cpp" in str(raised.value)
    with pytest.raises(NotFoundError, match=r"llama\.cpp"):
        app.learning.export_adapter(FIRST, tmp_path / "out", "gguf")
    assert not (tmp_path / "out").exists()


def test_the_setting_goes_before_path_and_starts_at_its_file(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable = on_path(tmp_path / "bin", monkeypatch, "convert_lora_to_gguf", "#!/bin/sh\n")
    assert converter(None) == [str(executable)]
    other = on_path(tmp_path / "first", monkeypatch, SCRIPT, "#!/bin/sh\n")
    assert converter(None) == [str(other)]
    assert converter(tmp_path / "first") == [sys.executable, str(other)]
    found = configured(tmp_path / "place", "../first").settings.registry.llama_cpp
    assert found is not None
    assert found.resolve() == tmp_path / "first"


# --- what it leaves ---------------------------------------------------------------------------------------------------


def test_it_gets_the_adapter_and_a_configuration_without_code_and_is_read_back(app: App, tmp_path: Path) -> None:
    with_script(app, tmp_path, writes())
    given = ["--config", str(tmp_path / "place" / "ragloop.toml"), "--home", str(app.settings.home), "adapters"]
    done = CliRunner().invoke(
        command, [*given, "export", FIRST, str(tmp_path / "out"), "--format", "gguf", "--json"], catch_exceptions=False
    )
    assert json.loads(done.stdout)["files"] == ["adapter.gguf", "ragloop.json"]
    assert len(GGUFReader(tmp_path / "out" / "adapter.gguf").tensors) == 28
    about = json.loads((tmp_path / "out" / "ragloop.json").read_text())
    assert (about["adapter_id"], about["format"], about["lane"]) == (FIRST, "gguf", "closed-book")


def test_an_executable_of_path_is_run_as_it_is(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(tmp_path / "bin", monkeypatch, SCRIPT, f"#!{sys.executable}\n{writes()}")
    assert "adapter.gguf" in app.learning.export_adapter(FIRST, tmp_path / "out", "gguf")


@pytest.mark.parametrize(
    ("script", "error", "why"),
    [
        (
            writes(then="sys.exit('Model Own is not supported')"),
            UsageError,
            "exit code 1.*words: Model Own is not",
        ),
        ("import sys; sys.exit(3)", UsageError, "exit code 3.*last words: none"),
        (writes(then=HALF.format(missing=1)), MismatchError, "left no whole GGUF file"),
        (writes(then=HALF.format(missing="(out.stat().st_size - 300)")), MismatchError, "left no whole GGUF file"),
        ("import sys; open(sys.argv[6], 'wb').write(b'GGUF')", MismatchError, "left no whole GGUF file"),
        ("import sys; open(sys.argv[6], 'wb')", MismatchError, "left no whole GGUF file"),
        ("pass", MismatchError, "left no whole GGUF file"),
        (writes("GGUFType.MODEL"), MismatchError, "left a file of model with 28 tensors, expected an adapter"),
    ],
)
def test_a_converter_that_fails_or_leaves_half_a_file_leaves_no_export(
    app: App, tmp_path: Path, script: str, error: Any, why: str
) -> None:
    app = with_script(app, tmp_path, script)
    with pytest.raises(error, match=why):
        app.learning.export_adapter(FIRST, tmp_path / "out", "gguf")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["llama.cpp", "place"]


def test_what_cannot_be_started_is_said(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(tmp_path / "bin", monkeypatch, SCRIPT, "#!/nowhere/python\n")
    with pytest.raises(UsageError, match=r"cannot start .*No such file"):
        app.learning.export_adapter(FIRST, tmp_path / "out", "gguf")
