"""The review page: a form that works without scripts, for whoever may read the log and judge."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ragloop.keys import Role
from ragloop.service.routes.review import SHOWN
from tests.service.conftest import make_app
from tests.support.served import Served, served


@pytest.fixture
def open_service(tmp_path: Path) -> Iterator[Served]:
    """A service of this test that needs no key, with documents that everybody sees."""
    with served(make_app(tmp_path, pay={})) as running:
        yield running


def waiting(page: str) -> list[str]:
    return re.findall(r'<fieldset data-answer="([^"]+)">', page)


def feedback(service: Served) -> list[tuple[str, str, str | None]]:
    service.app.journal.fold()
    rows = service.app.store.rows("feedback").sort_by("given_at").to_pylist()
    return [(one["interaction_id"], one["kind"], one["correction"]) for one in rows]


def test_answers_are_accepted_and_corrected_by_the_form_alone_the_most_informative_first(open_service: Served) -> None:
    often = [open_service.asks("When does the ferry come back?")["ragloop"]["interaction_id"] for _ in range(5)]
    once = open_service.asks()["ragloop"]["interaction_id"]
    page = open_service.api.get("/review")
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "same-origin", "else a browser sends Origin: null, which is refused"
    assert waiting(page.text) == [often[-1], once]
    assert "asked 5 times" in page.text
    assert "Ada keeps the bees behind the old mill." in page.text
    said = {f"verdict:{once}": "up", f"verdict:{often[-1]}": "", f"correction:{often[-1]}": "At noon.\r\nOr at one."}
    saved = open_service.api.post("/review", data=said, headers={"Origin": open_service.address})
    assert "Saved: 1 right, 1 corrected." in saved.text
    assert waiting(saved.text) == []
    assert "Nothing waits for a review." in saved.text
    expected = {(once, "up", None), (often[-1], "correction", "At noon.\nOr at one.")}
    assert set(feedback(open_service)) == expected
    again = open_service.api.post("/review", data=said)
    assert "Saved: 2 known already." in again.text, "a page that is sent again says nothing new"
    assert len(feedback(open_service)) == 2


def test_a_page_that_is_sent_several_times_at_once_is_logged_once(open_service: Served) -> None:
    name = open_service.asks()["ragloop"]["interaction_id"]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: open_service.api.post("/review", data={f"verdict:{name}": "up"}), range(6)))
    assert feedback(open_service) == [(name, "up", None)]


def test_what_cannot_be_taken_is_said_and_nothing_is_saved(open_service: Served) -> None:
    name = open_service.asks()["ragloop"]["interaction_id"]
    for said in ({f"verdict:{name}": "maybe"}, {f"verdict:{name}": "up", "verdict:nobody": "up"},
                 {f"correction:{name}": "x" * 100_000}, {f"verdict:{n}": "up" for n in range(SHOWN + 1)}):  # fmt: skip
        reply = open_service.api.post("/review", data=said)
        assert reply.status_code == 400
        assert "Nothing was saved: found " in reply.text or "Nothing was saved: the correction" in reply.text
    assert feedback(open_service) == []


def test_what_was_filled_in_and_not_saved_is_still_there(open_service: Served) -> None:
    name = open_service.asks()["ragloop"]["interaction_id"]
    said = {f"verdict:{name}": "down", f"correction:{name}": "Eve keeps </textarea> them.", "verdict:nobody": "up"}
    page = open_service.api.post("/review", data=said).text
    assert re.findall('value="([a-z]*)" checked', page) == ["down"]
    assert "Eve keeps &lt;/textarea&gt; them.</textarea>" in page
    assert re.findall('value="([a-z]*)" checked', open_service.api.get("/review").text) == [""]


def test_texts_are_escaped(open_service: Served) -> None:
    open_service.asks("Who keeps the <script>alert(1)</script> bees?")
    page = open_service.api.get("/review").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>" not in page


def test_a_page_of_another_site_saves_nothing(open_service: Served) -> None:
    name = open_service.asks()["ragloop"]["interaction_id"]
    for origin in ("https://elsewhere.example", "null"):
        reply = open_service.api.post("/review", data={f"verdict:{name}": "up"}, headers={"Origin": origin})
        assert reply.status_code == 403
    assert feedback(open_service) == []


def test_with_keys_the_form_carries_one_and_its_roles_and_labels_are_respected(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    with served(app) as service:
        public = service.asks()["ragloop"]["interaction_id"]
        staff = app.keys.create("staff", labels=["hr"]).secret
        reader = app.keys.create("reader", labels=["hr"], roles=[Role.LOG]).secret
        nobody = app.keys.create("web").secret

        def post(key: str, **said: str) -> httpx.Response:
            return service.api.post("/review", data={"key": key, **said})

        def ask(key: str, question: str) -> str:
            body = {"model": "ragloop", "messages": [{"role": "user", "content": question}]}
            headers = {"Authorization": f"Bearer {key}"}
            reply = httpx.post(f"{service.address}/v1/chat/completions", json=body, headers=headers, timeout=60)
            return str(reply.json()["ragloop"]["interaction_id"])

        secret = ask(staff, "What does Karl earn for the bees?")
        own = ask(nobody, "When does the ferry leave?")
        others = ask(staff, "When does the ferry leave?")
        locked = service.api.get("/review")
        assert (waiting(locked.text), 'type="password"' in locked.text) == ([], True)
        assert set(waiting(post(staff).text)) == {public, secret, others}
        page = post(nobody).text
        assert set(waiting(page)) == {public, own}
        assert page.count("asked once") == 2, "what others asked is not counted"
        assert (post(reader).status_code, post("rl-wrong").status_code) == (403, 401)
        hidden = post(nobody, **{f"verdict:{secret}": "up"})
        assert (hidden.status_code, feedback(service)) == (400, [])
        post(staff, **{f"verdict:{secret}": "down"})
        assert feedback(service) == [(secret, "down", None)]
        assert staff not in post(staff).text, "no page repeats a key"
