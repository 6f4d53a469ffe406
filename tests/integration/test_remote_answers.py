"""Questions whose answers a model behind an endpoint writes: a scripted server, and one that runs a real model."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.errors import ConfigError, UnavailableError
from ragloop.models.cache import default_cache
from ragloop.models.generation.smollm2 import prepare
from ragloop.records import Earlier
from tests.support.chat_endpoint import chat_endpoint, completion, failure

pytestmark = pytest.mark.realmodel

QUESTION = "When does the ferry leave?"
SAID = "The ferry leaves at nine."


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("remote")
    (folder / "documents").mkdir()
    (folder / "documents" / "ferry.txt").write_text(f"{SAID} It comes back at noon.\n")
    assert App(load_settings(home=folder / "home")).corpus.sync(folder / "documents").complete
    return folder / "home"


def asking(home: Path, url: str, **answers: Any) -> App:
    remote = {"model": "tide", "base_url": url, "retries": 0, "input_usd_per_million": 3, "output_usd_per_million": 5}
    settings = load_settings(home=home)
    changed = {
        "answers": settings.answers.model_copy(update={"generator": "remote", **answers}),
        "remote": settings.remote.model_copy(update=remote),
    }
    return App(settings.model_copy(update=changed))


def logged(app: App, interaction_id: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = app.journal.interactions().to_pylist()
    return next(row for row in rows if row["interaction_id"] == interaction_id)


def test_the_answer_is_checked_against_its_passages_and_its_cost_is_logged(home: Path) -> None:
    with chat_endpoint(completion(f"{SAID} It carries nine hundred cows.")) as endpoint:
        app = asking(home, endpoint.url)
        answer = app.answering.answerer.ask(QUESTION)
    assert answer.answer == f"{SAID} [1]"
    assert (answer.model, answer.fallback) == ("tide", "")
    row = logged(app, answer.interaction_id)
    assert (row["model"], row["prompt_tokens"], row["completion_tokens"]) == ("tide", 100, 20)
    assert row["cost_usd"] == answer.cost_usd == pytest.approx((100 * 3 + 20 * 5) / 1e6)
    assert SAID in endpoint.requests[0]["messages"][-1]["content"]


def test_while_the_endpoint_fails_another_answers_and_the_log_says_why(home: Path) -> None:
    with chat_endpoint(failure(503, "overloaded")) as endpoint:
        app = asking(home, endpoint.url)
        answer = app.answering.answerer.ask(QUESTION)
    assert (answer.answer, answer.model, answer.cost_usd) == (f"{SAID} [1]", "extractive", 0.0)
    assert "tide did not answer" in answer.fallback
    row = logged(app, answer.interaction_id)
    assert (row["model"], row["fallback"]) == ("extractive", answer.fallback)


def test_without_a_fallback_the_question_fails_and_is_not_logged(home: Path) -> None:
    with chat_endpoint(failure(503, "overloaded")) as endpoint:
        app = asking(home, endpoint.url, fallback=())
        before = app.journal.interactions().num_rows
        with pytest.raises(UnavailableError, match="overloaded"):
            app.answering.answerer.ask(QUESTION)
    assert app.journal.interactions().num_rows == before


def test_a_model_without_a_name_or_a_key_is_a_matter_of_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    settings = load_settings(home=home)
    chosen = settings.answers.model_copy(update={"generator": "remote"})
    nameless = App(settings.model_copy(update={"answers": chosen}))
    with pytest.raises(ConfigError, match=r"expected remote\.model to name the model"):
        nameless.answering.answerer.ask(QUESTION)
    named = settings.remote.model_copy(update={"model": "tide"})
    with pytest.raises(ConfigError, match="the variable OPENAI_API_KEY is not set"):
        App(settings.model_copy(update={"answers": chosen, "remote": named})).answering.answerer.ask(QUESTION)


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """Give the address of a server of transformers that runs the packaged model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = prepare(default_cache())
    program = [
        str(Path(sys.executable).with_name("transformers")),
        "serve",
        str(model),
        "--port",
        str(port),
        "--dtype",
        "float32",
    ]
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "NO_PROXY": "127.0.0.1"}
    with subprocess.Popen([*program, "--host", "127.0.0.1"], env=offline, stderr=subprocess.PIPE) as server:
        try:
            _wait(f"http://127.0.0.1:{port}/health", server)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


def _wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until and server.poll() is None:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    server.kill()
    pytest.fail(f"the server did not start: {server.stderr.read().decode()[-2000:] if server.stderr else ''}")


@pytest.mark.long
def test_a_server_with_a_real_model_answers(home: Path, served: str) -> None:
    app = asking(home, served)
    remote = app.settings.remote.model_copy(
        update={"model": str(prepare(default_cache())), "max_tokens": 24, "timeout_seconds": 200}
    )
    answer = App(app.settings.model_copy(update={"remote": remote})).answering.answerer.ask(QUESTION)
    assert not answer.fallback
    assert "SmolLM2-135M-Instruct" in answer.model
    assert answer.prompt_tokens > 30
    assert 0 < answer.completion_tokens <= 24
    assert answer.abstained or "[1]" in answer.answer


def test_a_model_makes_a_follow_up_whole_and_its_cost_counts(home: Path) -> None:
    whole = "When does the ferry come back?"
    said = [Earlier(QUESTION, SAID)]
    with chat_endpoint(completion(whole), completion("It comes back at noon.")) as endpoint:
        app = asking(home, endpoint.url, rewriter="remote")
        answer = app.answering.answerer.ask("And when does it come back?", conversation=said)
        assert answer.rewritten == whole
        assert "by tide" in answer.decisions["rewrite"]
        assert (answer.prompt_tokens, answer.completion_tokens) == (200, 40)
        assert whole in str(endpoint.requests[1]["messages"])
        app.answering.answerer.ask(QUESTION)
        assert len(endpoint.requests) == 3, "without a conversation nothing is rewritten"


def test_rules_rewrite_while_the_model_cannot(home: Path) -> None:
    with chat_endpoint(failure(500, "down")) as endpoint:
        app = asking(home, endpoint.url, rewriter="remote", generator="extractive")
        said = [Earlier(QUESTION, SAID)]
        answer = app.answering.answerer.ask("And when does it come back?", conversation=said)
    assert answer.rewritten == "when does the ferry come back?"
