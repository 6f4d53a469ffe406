"""Two services, each of a machine of its own, answer from one store in a bucket, while a third process syncs."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ragloop.app import App
from ragloop.config import Settings
from tests.support.served import QUESTION, chat
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.s3_server import Bucket

pytestmark = [pytest.mark.realmodel, pytest.mark.long, pytest.mark.timeout(600)]
OLD, NEW = "Ada keeps the bees behind the old mill.", "Bob keeps the bees behind the old mill."


def command(home: Path) -> list[str]:
    return [sys.executable, "-c", "from ragloop.cli.main import run; run()", "--home", str(home)]


@contextmanager
def service(home: Path) -> Iterator[str]:
    with subprocess.Popen([*command(home), "serve", "--port", "0"], stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        address = next(one[0] for line in running.stderr if (one := re.search(r"http://127\.0\.0\.1:\d+", line)))
        threading.Thread(target=running.stderr.read, daemon=True).start()
        until(lambda: httpx.get(f"{address}/readyz", timeout=60).status_code == 200, "the service to be ready", 120)
        yield address
        running.terminate()
        running.wait(60)


def asked(address: str) -> dict[str, Any]:
    reply = httpx.post(f"{address}/v1/chat/completions", json=chat(QUESTION), timeout=120)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def voted(address: str, name: str) -> None:
    reply = httpx.post(f"{address}/v1/feedback", json={"interaction_id": name, "kind": "up"}, timeout=120)
    assert reply.status_code == 200, reply.text


def test_two_services_answer_from_one_bucket_while_a_sync_commits(
    tmp_path: Path, bucket: "Bucket", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGLOOP_STORE", bucket.uri("shared"))
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "bees.md").write_text(f"# The bees\n\n{OLD}\n")
    sync = [*command(tmp_path / "writer"), "sync", str(documents)]
    subprocess.run(sync, check=True, capture_output=True)
    homes = [tmp_path / "one", tmp_path / "other"]
    with ExitStack() as held, ThreadPoolExecutor(4) as pool:
        addresses = [held.enter_context(service(home)) for home in homes]
        before = [(address, pool.submit(asked, address)) for address in addresses * 4]
        (documents / "bees.md").write_text(f"# The bees\n\n{NEW}\n")
        subprocess.run(sync, check=True, capture_output=True)
        after = [(address, pool.submit(asked, address)) for address in addresses * 2]
        replies = [(address, one.result()) for address, one in (*before, *after)]
        texts = [one["choices"][0]["message"]["content"] for _, one in replies]
        assert all((OLD in text) != (NEW in text) for text in texts), "the old revision or the new one, never both"
        assert all(NEW in text for text in texts[-len(after) :]), "both follow the commit at once"
        names = [one["ragloop"]["interaction_id"] for _, one in replies]
        for (address, _), name in zip(replies, names, strict=True):
            voted(address, name)
    for _ in range(2):
        for home in homes:
            App(Settings(home=home, store=bucket.uri("shared"))).journal.fold()
    journal = App(Settings(home=tmp_path / "writer", store=bucket.uri("shared"))).journal
    assert sorted(journal.interactions()["interaction_id"].to_pylist()) == sorted(names)
    assert sorted(journal.feedback()["interaction_id"].to_pylist()) == sorted(names)
