"""An adapter of whose answer passages say a part only: base+rag answers beside it, and one answer is taken."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.records import Answer
from tests.support.adapter_home import CONFIG, QUESTION, app_of, make_home
from tests.support.chat_endpoint import completion, failure
from tests.support.vllm_server import BASE, VllmServer, vllm_server

pytestmark = pytest.mark.realmodel
REMOTE = """
[remote]
model = "{model}"
base_url = "{url}"
retries = 0
adapters = "vllm"
"""
BEES = "# Bees\n\nAda keeps the bees. The hives stand in the orchard.\n"
INVENTED = "The hives stand in the orchard. Bob sells honey at the market."
TRUE = "Ada keeps the bees. [1]"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = make_home(tmp_path_factory.mktemp("lanes"))
    (place / "documents" / "bees.md").write_text(BEES)
    app_of(place).corpus.sync(place / "documents")
    return place


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[VllmServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with vllm_server() as running:
        yield running


@pytest.fixture
def app(made: Path, tmp_path: Path, server: VllmServer) -> App:
    """An adapter serves in adapter+rag, and the same server answers in base+rag."""
    place = tmp_path / "place"
    shutil.copytree(made, place)
    config = CONFIG.format(base=place / "model").replace(
        "[answers]\n", '[answers]\ngenerator = "remote"\nfallback = []\ncache = "off"\n'
    )
    (place / "ragloop.toml").write_text(config + REMOTE.format(model=BASE, url=server.url))
    app = App(load_settings(place / "ragloop.toml", place / "home"))
    app.registry.promote("early", "test")
    return app


def asked(app: App, server: VllmServer, adapter: str, base: str | None) -> tuple[Answer, dict[str, Any], int]:
    """Ask with these answers of both; return the answer, its row of the log and how many answers were written."""
    of_base = failure(401, "no") if base is None else completion(base)
    server.before = lambda model: of_base if model == BASE else completion(adapter)
    answer = app.answering.answerer.ask(QUESTION)
    row = app.journal.answer(answer.interaction_id)
    return answer, {**row, "decisions": dict(row["decisions"])}, len(server.named("ask"))


def test_an_answer_that_passages_say_is_asked_of_one_lane(app: App, server: VllmServer) -> None:
    answer, row, written = asked(app, server, "Ada keeps the bees.", "The hives stand in the orchard.")
    assert (answer.lane, answer.answer, written) == ("adapter+rag", "Ada keeps the bees. [1]", 1)
    assert (answer.verdicts["support"], "lanes" in row["decisions"]) == ("cited", False)


def test_where_the_lanes_disagree_the_one_that_is_cited_in_whole_wins_and_the_log_says_so(
    app: App, server: VllmServer
) -> None:
    answer, row, written = asked(app, server, INVENTED, TRUE)
    assert (answer.lane, answer.adapter, answer.answer, written) == ("base+rag", None, TRUE, 2)
    assert row["decisions"]["lanes"].startswith("adapter+rag and base+rag disagree (0.00 of their words)")
    assert row["fallback"] == "passages say a part only of what the adapter wrote"
    assert (row["prompt_tokens"], row["completion_tokens"]) == (200, 40), "what both took"


def test_where_neither_is_cited_in_whole_or_both_say_the_same_the_adapter_stands(app: App, server: VllmServer) -> None:
    answer, row, _ = asked(app, server, INVENTED, "Ada keeps the bees. Bob keeps the goats.")
    assert (answer.lane, answer.adapter, answer.verdicts["support"]) == ("adapter+rag", "early", "in part")
    assert row["decisions"]["lanes"].endswith("adapter+rag is taken")
    answer, row, _ = asked(app, server, "Ada keeps the bees. Bob sells honey.", TRUE)
    assert (answer.lane, answer.answer) == ("adapter+rag", TRUE)
    assert "agree (1.00 of their words)" in row["decisions"]["lanes"]


def test_where_the_other_lane_cannot_answer_the_adapter_stands(app: App, server: VllmServer) -> None:
    answer, row, _ = asked(app, server, INVENTED, None)
    assert (answer.lane, answer.answer) == ("adapter+rag", "The hives stand in the orchard. [1]")
    assert "lanes" not in row["decisions"]
