"""`ragloop serve` as a process: it answers, ends when told to, and loses no answer that it gave when it is killed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ragloop.journal import Journal
from ragloop.store import Store
from tests.support.served import QUESTION, chat
from tests.support.waiting import until

pytestmark = pytest.mark.realmodel


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service of a folder of one document, and its address."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "bees.md").write_text("# The bees\n\nAda keeps the bees behind the old mill.\n")
    command = [sys.executable, "-c", "from ragloop.cli.main import run; run()", "--home", str(tmp_path / "home")]
    subprocess.run([*command, "sync", str(tmp_path / "documents")], check=True, capture_output=True)
    with subprocess.Popen([*command, "serve", "--port", "0"], stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        lines = iter(running.stderr)
        found = next(one for line in lines if (one := re.search(r"http://127\.0\.0\.1:\d+", line)))
        until(lambda: httpx.get(f"{found[0]}/readyz", timeout=60).status_code == 200, "the service to be ready", 60)
        yield running, found[0]
        running.kill()


def test_an_answer_that_was_given_is_in_the_log_of_a_service_that_is_killed(
    process: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    running, address = process
    given = [
        httpx.post(f"{address}/v1/chat/completions", json=chat(QUESTION), timeout=60).json()["ragloop"][
            "interaction_id"
        ]
        for _ in range(5)
    ]
    running.kill()
    running.wait(60)
    logged = Journal(Store.open(tmp_path / "home")).interactions()["interaction_id"].to_pylist()
    assert sorted(logged) == sorted(given)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_it_is_told_to(process: tuple[subprocess.Popen[str], str], number: signal.Signals) -> None:
    running, address = process
    assert "Ada" in httpx.post(f"{address}/v1/chat/completions", json=chat(QUESTION), timeout=60).text
    os.kill(running.pid, number)
    assert running.wait(60) == 0
