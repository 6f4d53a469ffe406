"""Adapters that a server of vLLM's kind answers with: loaded, looked up, asked, and unloaded when nobody holds them."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import monotonic

import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.errors import ConfigError, UnavailableError
from ragloop.models.generation.remote import Endpoint
from ragloop.models.generation.served_adapters import ServedAdapters, served_name
from ragloop.records import LaneName, Origin
from ragloop.registry import Canaries
from tests.support.adapter_home import CONFIG, QUESTION, flip_a_byte, make_home
from tests.support.chat_endpoint import Reply, failure
from tests.support.vllm_server import BASE, VllmServer, vllm_server
from tests.support.waiting import until

pytestmark = pytest.mark.realmodel
LANE = LaneName.ADAPTER_RAG
REMOTE = """
[remote]
model = "{model}"
base_url = "{url}"
retries = 0
adapters = "vllm"
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("served"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[VllmServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with vllm_server() as running:
        yield running


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "place")
    return tmp_path / "place"


def app_of(place: Path, server: VllmServer, model: str = BASE, cache: str = "off") -> App:
    remote = REMOTE.format(model=model, url=server.url)
    settled = CONFIG.format(base=place / "model").replace("[answers]\n", f'[answers]\ncache = "{cache}"\n')
    (place / "ragloop.toml").write_text(settled + remote)
    return App(load_settings(place / "ragloop.toml", place / "home"))


@pytest.fixture
def app(place: Path, server: VllmServer) -> App:
    """The adapter `early` serves."""
    app = app_of(place, server)
    app.registry.promote("early", "test")
    return app


def name_of(app: App, adapter_id: str) -> str:
    return served_name(adapter_id, app.registry.adapter(adapter_id).sha256)


def asked(app: App) -> tuple[str, str | None, str]:
    answer = app.answering.answerer.ask(QUESTION)
    return answer.lane, answer.adapter, answer.model


def test_a_promotion_loads_the_next_one_looks_it_up_switches_and_unloads_the_one_before(
    app: App, server: VllmServer
) -> None:
    early, later = name_of(app, "early"), name_of(app, "later")
    assert asked(app) == (LANE, "early", BASE)
    assert asked(app) == (LANE, "early", BASE)
    app.registry.promote("later", "test")
    assert asked(app) == (LANE, "later", BASE)
    app.registry.rollback("test")
    assert asked(app) == (LANE, "early", BASE)
    assert server.named("load") == [early, later, early], "each is loaded once as long as it is wanted"
    assert server.named("unload") == [early, later]
    assert server.named("ask") == [early, early, later, early]
    assert list(server.loaded) == [early]
    assert early.startswith("ragloop-early-")


def test_a_request_in_flight_over_a_promotion_ends_on_the_adapter_that_it_began_on(
    app: App, server: VllmServer
) -> None:
    begun, go_on = Event(), Event()
    early = name_of(app, "early")

    def held(model: str) -> Reply | None:
        if model == early:
            begun.set()
            assert go_on.wait(30)
        return None

    server.before = held
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(asked, app)
        assert begun.wait(30)
        app.registry.promote("later", "test")
        assert asked(app) == (LANE, "later", BASE)
        assert early in server.loaded
        go_on.set()
        assert first.result() == (LANE, "early", BASE)
    assert early not in server.loaded


def test_another_process_that_has_it_loaded_is_no_trouble_and_nothing_is_loaded_twice(
    app: App, place: Path, server: VllmServer
) -> None:
    assert asked(app)[1] == asked(app_of(place, server))[1] == "early"
    assert server.named("load") == [name_of(app, "early")]


def test_a_server_that_started_again_loads_it_again(app: App, server: VllmServer) -> None:
    assert asked(app)[1] == "early"
    server.loaded.clear()
    assert asked(app) == (LANE, "early", BASE)
    assert server.named("load") == [name_of(app, "early")] * 2


def test_what_is_damaged_is_never_loaded_and_the_base_lane_answers(app: App, place: Path, server: VllmServer) -> None:
    app.registry.promote("later", "test")
    flip_a_byte(place)
    assert asked(app)[:2] == (LaneName.BASE_RAG, None)
    assert server.named("load") == []


def test_a_server_that_does_not_list_what_it_loaded_does_not_serve_it(app: App, server: VllmServer) -> None:
    server.lists = False
    for _ in range(3):
        answer = app.answering.answerer.ask(QUESTION)
        assert answer.lane == LaneName.BASE_RAG
        assert "does not list ragloop-early-" in answer.fallback
        assert "--enable-lora" in answer.fallback
    assert len(server.named("load")) == 1, "no question waits for another attempt"


def test_a_question_waits_for_a_load_that_hangs_within_bounds_and_the_load_goes_on(
    app: App, server: VllmServer
) -> None:
    go_on = Event()
    server.loading = lambda: go_on.wait(30)
    endpoint = Endpoint(BASE, server.url, "none", 8, None, 30.0, 0, 1, None, None)
    host, early = ServedAdapters(endpoint, "", wait_s=0.2), name_of(app, "early")
    place = str(app.registry.folder(app.registry.adapter("early")))
    began = monotonic()
    for _ in range(3):
        with pytest.raises(UnavailableError, match=r"has not loaded ragloop-early-\w+ within 0\.2 s"):
            host.load(early, place)
    assert monotonic() - began < 10, "a server may take remote.timeout_seconds"
    go_on.set()
    until(host._loads[early].ended.done)
    host.load(early, place)
    assert server.named("load") == [early]


def test_one_that_has_it_on_another_base_model_does_not_serve_it(app: App, place: Path, server: VllmServer) -> None:
    other = app_of(place, server, model="ebb")
    answer = other.answering.answerer.ask(QUESTION)
    assert (answer.lane, asked(other)[1]) == (LaneName.BASE_RAG, None)
    app_of(place, server)


def test_an_adapter_that_fails_is_answered_for_and_its_canary_counts_that(app: App, server: VllmServer) -> None:
    later = name_of(app, "later")
    server.before = lambda model: failure(500, "CUDA out of memory") if model == later else None
    Canaries(app.registry).start("later", 0.5, "test")
    answers = [app.answering.answerer.ask(QUESTION, origin=Origin(conversation=f"talk {n}")) for n in range(12)]
    failed = [one for one in answers if one.decisions["canary"].startswith("challenger")]
    assert 0 < len(failed) < 12
    assert {(one.lane, one.fallback) for one in failed} == {
        (LaneName.BASE_RAG, "adapter later failed with UnavailableError")
    }
    [watched] = app.learning.canary.look()
    replaced = next(one for one in watched.decision.measured if one.measure == "replaced")
    assert (replaced.challenger_bad, replaced.challenger) == (len(failed), len(failed))
    assert (replaced.champion_bad, replaced.champion) == (0, 12 - len(failed))


def test_a_canary_compares_no_time_where_one_side_has_an_answer_to_give_again(place: Path, server: VllmServer) -> None:
    app = app_of(place, server, cache="on")
    app.registry.promote("early", "test")
    app.answering.answerer.ask(QUESTION)
    Canaries(app.registry).start("later", 0.5, "test")

    def asked_in(talk: int, question: str) -> tuple[str, str, bool]:
        answer = app.answering.answerer.ask(question, origin=Origin(conversation=f"talk {talk}"))
        decisions = dict(app.journal.answer(answer.interaction_id)["decisions"])
        return decisions["canary"].split()[0], str(answer.cache), "canary: reuse" in decisions

    seen = {asked_in(talk, QUESTION) for talk in range(12)}
    first, again = ("challenger", "miss", True), ("challenger", "hit", True)
    assert seen == {("champion", "hit", True), first, again}
    assert asked_in(100, "Does Ada keep bees?")[1:] == ("miss", False), "both would write this one"
    [watched] = app.learning.canary.look()
    slow = next(one for one in watched.decision.measured if one.measure == "slow")
    assert slow.challenger + slow.champion == 1


def test_without_the_name_of_a_base_model_it_says_what_to_set(app: App, place: Path, server: VllmServer) -> None:
    with pytest.raises(ConfigError, match=r'remote\.adapters is "vllm", expected remote\.model'):
        asked(app_of(place, server, model=""))
