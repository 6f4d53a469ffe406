"""Two processes that serve one home: both answer, each sees what the other logged, no answer is logged twice."""

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from ragloop.journal import Journal
from ragloop.store import Store
from tests.support.served import QUESTION, chat
from tests.support.waiting import until

pytestmark = [pytest.mark.realmodel, pytest.mark.long]


@contextmanager
def service(command: list[str]) -> Iterator[str]:
    with subprocess.Popen([*command, "serve", "--port", "0"], stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        address = next(one[0] for line in running.stderr if (one := re.search(r"http://127\.0\.0\.1:\d+", line)))
        until(lambda: httpx.get(f"{address}/readyz", timeout=60).status_code == 200, "the service to be ready", 120)
        yield address
        running.terminate()
        running.wait(60)


def asked(address: str) -> str:
    reply = httpx.post(f"{address}/v1/chat/completions", json=chat(QUESTION), timeout=120).json()
    assert "behind the old mill" in reply["choices"][0]["message"]["content"]
    name: str = reply["ragloop"]["interaction_id"]
    return name


def test_two_processes_serve_one_home(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "bees.md").write_text("# The bees\n\nAda keeps the bees behind the old mill.\n")
    command = [sys.executable, "-c", "from ragloop.cli.main import run; run()", "--home", str(tmp_path / "home")]
    subprocess.run([*command, "sync", str(documents)], check=True, capture_output=True)
    with ExitStack() as held, ThreadPoolExecutor(4) as pool:
        addresses = [held.enter_context(service(command)) for _ in range(2)]
        names = list(pool.map(asked, addresses * 4))
        first, second = addresses
        vote = httpx.post(f"{second}/v1/feedback", json={"interaction_id": asked(first), "kind": "up"}, timeout=60)
        assert vote.status_code == 200, "an answer of the one is voted on at the other"
        (documents / "bees.md").write_text("# The bees\n\nBob keeps the bees behind the old mill.\n")
        subprocess.run([*command, "sync", str(documents)], check=True, capture_output=True)
        for address in addresses:
            reply = httpx.post(f"{address}/v1/chat/completions", json=chat(QUESTION), timeout=120).text
            assert "Bob keeps the bees" in reply, "both follow the documents"
    logged = Journal(Store.open(tmp_path / "home")).interactions()["interaction_id"].to_pylist()
    assert len(logged) == len(set(logged)) == len(names) + 3
    assert set(names) <= set(logged)
