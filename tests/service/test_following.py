"""What changes in the home is served from the next request on: documents, adapters, keys."""

import threading
from pathlib import Path

import pytest

from ragloop.registry import Canaries
from ragloop.service.serving import WATCH_EVERY
from tests.service.conftest import OPEN, make_app
from tests.support import adapter_home
from tests.support.served import QUESTION, chat, served
from tests.support.waiting import until


def test_a_sync_of_another_process_is_answered_from_and_no_request_fails(tmp_path: Path) -> None:
    statuses: list[int] = []
    with served(make_app(tmp_path)) as service:
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                reply = service.api.post("/v1/chat/completions", json=chat(QUESTION))
                statuses.append(reply.status_code)

        asking = [threading.Thread(target=ask) for _ in range(2)]
        for one in asking:
            one.start()
        changed = {**OPEN, "bees.md": "# The bees\n\nBruno keeps the bees behind the old mill.\n"}
        make_app(tmp_path, open_documents=changed)
        answer = service.asks()["choices"][0]["message"]["content"]
        done.set()
        for one in asking:
            one.join(60)
    assert "Bruno keeps the bees" in answer
    assert "Ada" not in answer
    assert set(statuses) == {200}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return adapter_home.make_home(tmp_path_factory.mktemp("adapters"))


def test_a_promotion_and_a_rollback_are_served_without_a_restart(made: Path, tmp_path: Path) -> None:
    place = adapter_home.promoted(made, tmp_path / "home of adapters")
    other = adapter_home.app_of(place)
    with served(adapter_home.app_of(place)) as service:
        assert service.asks(adapter_home.QUESTION)["ragloop"]["adapter"] == "later"
        names = [one["id"] for one in service.api.get("/v1/models").json()["data"]]
        assert "ragloop/adapter+rag" in names
        assert other.registry.rollback("test")
        assert service.asks(adapter_home.QUESTION)["ragloop"]["adapter"] == "early"
        assert other.registry.rollback("test")
        reply = service.asks(adapter_home.QUESTION)["ragloop"]
        assert reply["adapter"] is None
        assert reply["lane"] == "base+rag"
        assert reply["fallback"]
        assert service.asks(adapter_home.QUESTION, model="ragloop/base+rag")["ragloop"]["fallback"] is None


def test_a_challenger_that_cannot_serve_is_rolled_back_by_the_service_after_some_answers_and_votes(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = adapter_home.promoted(made, tmp_path / "home of a canary")
    other = adapter_home.app_of(place)
    other.registry.rollback("test")
    Canaries(other.registry).start("later", 0.9, "test")
    adapter_home.flip_a_byte(place)
    monkeypatch.setenv("RAGLOOP_REGISTRY__MIRROR", str(tmp_path / "hub"))
    with served(adapter_home.app_of(place)) as service:
        answer = service.asks(adapter_home.QUESTION)["ragloop"]
        assert answer["adapter"] == "early", "the champion answers in its place"
        for _ in range(WATCH_EVERY):
            voted = service.api.post("/v1/feedback", json={"interaction_id": answer["interaction_id"], "kind": "up"})
            assert voted.status_code == 200
    assert Canaries(other.registry).under_way() == []
    last = other.registry.aliases.history()[-1]
    assert (last["kind"], last["by"]) == ("rollback", "the canary")
    index = tmp_path / "hub" / "mirror.json"
    until(lambda: index.exists() and '"champion": "early"' in index.read_text(), "the mirror follows the service")
