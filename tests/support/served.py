"""A service that listens on a free port of this process, and what suites ask of it."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import httpx
import pytest

from ragloop.app import App
from ragloop.config.answering import ServiceSettings
from ragloop.service.server import address_of, listening, server
from tests.support.waiting import until

QUESTION = "Who keeps the bees?"
ELSEWHERE = os.environ.get("RAGLOOP_SERVICE", "").rstrip("/")
"""The address of a service that runs elsewhere, to which the suite of clients goes instead of its own."""
KEY = os.environ.get("RAGLOOP_SERVICE_KEY", "none")


@dataclass(frozen=True)
class Served:
    """A service that runs. `api` calls it without a key, `end` tells it to end as SIGTERM does."""

    app: App
    address: str
    api: httpx.Client
    end: Callable[[], None]

    def asks(self, question: str = QUESTION, **more: Any) -> dict[str, Any]:
        """Ask a question; the whole reply."""
        reply = self.api.post("/v1/chat/completions", json=chat(question, **more))
        assert reply.status_code == 200, reply.text
        return reply.json()

    def events(self, question: str = QUESTION, **more: Any) -> list[dict[str, Any]]:
        """Ask a question as a stream; its objects."""
        reply = self.api.post("/v1/chat/completions", json=chat(question, stream=True, **more))
        assert reply.status_code == 200, reply.text
        return objects(reply.text)

    def logged(self) -> list[dict[str, Any]]:
        """The answers in the log, oldest first."""
        return self.app.journal.interactions().to_pylist()


@contextmanager
def served(app: App, ping_s: float = 15, **settings: Any) -> Iterator[Served]:
    """Run the service of a home until the block ends."""
    app.parts.made_store()
    chosen = ServiceSettings(port=0, **settings)
    with listening(chosen.host, chosen.port) as listener:
        running = server(app, chosen, ping_s=ping_s)

        def end() -> None:
            running.should_exit = True

        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        address = address_of(listener)
        try:
            until(lambda: running.started, "the service to start", 60)
            with httpx.Client(base_url=address, timeout=60) as api:
                yield Served(app, address, api, end)
        finally:
            end()
            thread.join(60)
    assert not thread.is_alive(), "the service did not end"


class _HomeElsewhere:
    """Stands for the home of a service that runs elsewhere: what looks into it stays off, and says so."""

    def __getattr__(self, name: str) -> Any:
        pytest.skip(f"it looks into the home of the service, which {ELSEWHERE} does not show")


@contextmanager
def served_elsewhere(address: str) -> Iterator[Served]:
    """Use a service that runs, whose documents are those of tests/service/clients/documents."""
    with httpx.Client(base_url=address, timeout=60, headers={"Authorization": f"Bearer {KEY}"}) as api:
        running = Served(cast(App, _HomeElsewhere()), address, api, end=lambda: None)
        told = running.asks()["choices"][0]["message"]["content"]
        assert "Ada keeps the bees behind the old mill." in told, (
            f"{address} answered {told!r}: expected one that has indexed tests/service/clients/documents"
        )
        yield running


def chat(question: str, **more: Any) -> dict[str, Any]:
    return {"model": "ragloop", "messages": [{"role": "user", "content": question}], **more}


def objects(stream: str) -> list[dict[str, Any]]:
    """The objects of a stream of events, without comments and the last [DONE]."""
    lines = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(one["choices"][0]["delta"].get("content", "") for one in events if one["choices"])


def error_of(reply: httpx.Response) -> dict[str, Any]:
    """The error of a reply, which has OpenAI's form."""
    error: dict[str, Any] = reply.json()["error"]
    assert set(reply.json()) == {"error"}
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert error["type"]
    return error
