"""Clients that others use, and the ask page in a browser: each runs in an environment of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.served import QUESTION, Served

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
HERE = Path(__file__).parent / "clients"
CHROMIUM = os.environ.get("RAGLOOP_CHROMIUM") or shutil.which("chromium") or ""
NODE, NPM = shutil.which("node") or "", shutil.which("npm") or ""
NPM_PACKAGES = ("ai@6.0.326", "@ai-sdk/openai-compatible@2.0.92")
ADA, FERRY = "Ada keeps the bees behind the old mill. [1]", "The ferry leaves at nine. [1]"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of an environment with the clients: that of RAGLOOP_CLIENTS, or one that is made here."""
    if given := os.environ.get("RAGLOOP_CLIENTS"):
        return given
    place = tmp_path_factory.mktemp("clients") / "venv"
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(place)], check=True)
    made = str(place / "bin" / "python")
    install = [uv, "pip", "install", "--quiet", "--python", made, "--requirement", str(HERE / "requirements.txt")]
    subprocess.run(install, check=True)
    return made


def run(python: str, script: str, *arguments: str) -> dict[str, Any]:
    quiet = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(
        [python, str(HERE / script), *arguments], capture_output=True, text=True, check=False, env=quiet, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


@pytest.mark.parametrize(
    "client",
    [
        "langchain-openai",
        "llama-index-llms-openai-like",
        "litellm",
        "openai-agents (chat)",
        "openai-agents (responses)",
        "llm",
    ],
)
def test_a_client_asks_streams_follows_up_and_hears_of_an_error(service: Served, python: str, client: str) -> None:
    found = run(python, "ask.py", client, f"{service.address}/v1")
    assert ADA in found["whole"]
    assert found["streamed"] == found["whole"]
    assert FERRY in found["next"]
    assert "gpt-4o" in found["error"]
    assert found.get("older", ADA) == found.get("older streamed", ADA)
    assert ADA in found.get("older", ADA)
    assert "1. [The bees](<file://" in found.get("links", "1. [The bees](<file://")
    assert found.get("cited", "bees.md").endswith("bees.md")


@pytest.mark.skipif(not (NODE and NPM), reason="Node.js is not installed")
def test_the_vercel_ai_sdk_asks_streams_follows_up_and_hears_of_an_error(service: Served, tmp_path: Path) -> None:
    subprocess.run([NPM, "install", "--silent", *NPM_PACKAGES], cwd=tmp_path, check=True)
    shutil.copy(HERE / "ask.mjs", tmp_path)
    done = subprocess.run(
        [NODE, "ask.mjs", f"{service.address}/v1"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert ADA in found["whole"]
    assert found["streamed"] == found["whole"]
    assert FERRY in found["next"]
    assert "gpt-4o" in found["error"]


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
def test_a_person_asks_looks_at_a_citation_votes_and_corrects(service: Served, python: str) -> None:
    found = run(python, "page.py", CHROMIUM, service.address)
    assert ADA in found["text"]
    assert "Ada keeps the bees" in found["marked"]
    assert found["facts"].startswith("base+rag")
    assert found["width on a phone"] == 360
    assert found["said"] == []
    row = [one for one in service.logged() if one["question"] == QUESTION][-2]
    given = service.app.journal.feedback().to_pylist()
    kinds = [(one["kind"], one["correction"]) for one in given if one["interaction_id"] == row["interaction_id"]]
    assert kinds == [("down", None), ("correction", "Ada keeps the bees.")]
