"""Clients that others use, and the ask page in a browser: each runs in an environment of its own."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.client_programs import CLIENTS as HERE
from tests.support.client_programs import run_client as run
from tests.support.served import QUESTION, Served

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
CHROMIUM = os.environ.get("RAGLOOP_CHROMIUM") or shutil.which("chromium") or ""
NODE, NPM = shutil.which("node") or "", shutil.which("npm") or ""
NPM_PACKAGES = ("ai@6.0.326", "@ai-sdk/openai-compatible@2.0.92")
ADA, FERRY = "Ada keeps the bees behind the old mill. [1]", "The ferry leaves at nine. [1]"


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
def test_a_client_asks_streams_follows_up_and_hears_of_an_error(
    service: Served, clients_python: str, client: str
) -> None:
    found = run(clients_python, "ask.py", client, f"{service.address}/v1")
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
def test_a_person_asks_looks_at_a_citation_votes_and_corrects(service: Served, clients_python: str) -> None:
    assert service.app.settings.home
    found = run(clients_python, "page.py", CHROMIUM, service.address)
    assert ADA in found["text"]
    assert "Ada keeps the bees" in found["marked"]
    assert found["facts"].startswith("base+rag")
    assert found["width on a phone"] == 360
    assert found["width of the evidence"] == 360
    evidence = found["evidence"]
    assert (evidence["asked"], evidence["text"]) == (QUESTION, found["text"])
    assert "[1]" in evidence["passages"]
    assert "latency_ms: retrieve" in evidence["evidence"]
    assert "correction · Ada keeps the bees." in evidence["feedback"]
    assert "Ada keeps the bees" in evidence["chunks"]
    assert found["said"] == []
    row = [one for one in service.logged() if one["question"] == QUESTION][-2]
    given = service.app.journal.feedback().to_pylist()
    kinds = [(one["kind"], one["correction"]) for one in given if one["interaction_id"] == row["interaction_id"]]
    assert kinds == [("down", None), ("correction", "Ada keeps the bees.")]
