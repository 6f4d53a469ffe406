"""Keys: how they are made, kept, compared and revoked, and what they let their holders do."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import openai
import pytest

from ragloop.cli.main import main
from ragloop.errors import NotFoundError, UnavailableError, UsageError
from ragloop.keys import Key, Role, matching
from ragloop.service.callers import FRESH_S, KeyRing
from tests.service.conftest import make_app
from tests.support.served import QUESTION, chat, error_of, served
from tests.support.waiting import until

WAGES = "What does Karl earn?"


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def test_a_key_is_made_listed_and_revoked_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def reported(*arguments: str) -> dict[str, Any]:
        with pytest.raises(SystemExit) as ended:
            main(["keys", *arguments, "--json", "--home", str(tmp_path / "home")])
        assert ended.value.code == 0
        report: dict[str, Any] = json.loads(capsys.readouterr().out)
        return report

    made = reported("create", "web", "--label", "hr", "--label", "board")
    assert made["key"].startswith("rl-")
    assert made["labels"] == ["board", "hr"]
    assert made["roles"] == ["ask", "feedback", "log"]
    (listed,) = reported("list")["keys"]
    assert listed["name"] == "web"
    assert listed["revoked_at"] is None
    assert made["key"] not in json.dumps(listed)
    assert reported("revoke", "web")["revoked_at"]


def test_only_the_hash_of_a_key_is_kept(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    made = app.keys.create("web", ["hr"])
    assert made.key.sha256 != made.secret
    assert made.secret.encode() not in b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    assert matching(app.keys.all(), made.secret) == made.key
    assert matching(app.keys.all(), made.secret[:-1]) is None
    assert matching(app.keys.all(), "") is None


def test_a_name_is_held_by_one_key_in_use(tmp_path: Path) -> None:
    keys = make_app(tmp_path).keys
    first = keys.create("web")
    with pytest.raises(UsageError, match="already"):
        keys.create("web")
    keys.revoke("web")
    second = keys.create("web")
    assert keys.revoke(second.key.key_id).revoked_at
    assert matching(keys.all(), first.secret) is None
    with pytest.raises(NotFoundError):
        keys.revoke("web")
    with pytest.raises(UsageError):
        keys.create(" ")


def test_from_the_first_key_on_no_one_calls_without_one(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    with served(app) as service:
        assert service.api.get("/v1/models").status_code == 200
        secret = app.keys.create("web").secret
        until(lambda: service.api.get("/v1/models").status_code == 401, "the key to be asked for", 5 * FRESH_S)
        for headers in ({}, bearer("rl-wrong"), {"authorization": secret}, {"authorization": f"Basic {secret}"}):
            reply = service.api.get("/v1/nothing", headers=headers)
            assert reply.status_code == 401
            assert error_of(reply)["code"] == "invalid_api_key"
        assert service.api.get("/v1/models", headers=bearer(secret)).status_code == 200
        for open_to_all in ("/healthz", "/readyz", "/"):
            assert service.api.get(open_to_all).status_code == 200
        app.keys.revoke("web")
        until(
            lambda: service.api.get("/v1/models", headers=bearer(secret)).status_code == 401,
            "the key to be refused",
            5 * FRESH_S,
        )
        with pytest.raises(openai.AuthenticationError):
            openai.OpenAI(base_url=f"{service.address}/v1", api_key=secret).models.list()


def test_the_keys_are_read_once_for_all_who_come_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, reads = make_app(tmp_path).keys, list[int]()
    made, read = keys.create("app"), keys.all

    def counted() -> list[Key]:
        reads.append(1)
        return read()

    monkeypatch.setattr(keys, "all", counted)

    async def ask() -> None:
        now = [0.0]
        ring = KeyRing(keys, open_without_keys=False, seconds=lambda: now[0])
        for count in (1, 2):
            callers = await asyncio.gather(*(ring.caller(f"Bearer {made.secret}") for _ in range(8)))
            assert {one.name for one in callers} == {"app"}
            assert len(reads) == count
            now[0] += FRESH_S

    asyncio.run(ask())


def test_where_the_keys_cannot_be_read_all_who_wait_are_told_so_by_one_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, reads = make_app(tmp_path).keys, list[int]()

    def unreachable() -> list[Key]:
        reads.append(1)
        raise UnavailableError("the bucket does not answer")

    monkeypatch.setattr(keys, "all", unreachable)

    async def ask() -> None:
        ring = KeyRing(keys, open_without_keys=False)
        for count in (1, 2):
            told = await asyncio.gather(*(ring.caller("Bearer rl-any") for _ in range(8)), return_exceptions=True)
            assert {type(one) for one in told} == {UnavailableError}
            assert len(reads) == count

    asyncio.run(ask())


def test_the_labels_of_a_key_decide_what_is_found_and_the_log_names_the_key(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    secrets = {"hr": app.keys.create("people", ["hr"]).secret, "": app.keys.create("web").secret}
    with served(app) as service:
        found = {}
        for label, secret in secrets.items():
            reply = service.api.post("/v1/chat/completions", json=chat(WAGES), headers=bearer(secret)).json()
            found[label] = reply["choices"][0]["message"]["content"]
            row = app.journal.answer(reply["ragloop"]["interaction_id"])
            assert row["asked_by"] == {"hr": "people", "": "web"}[label]
            assert row["labels"] == ([label] if label else [])
    assert "7312" in found["hr"]
    assert "7312" not in found[""]


@pytest.mark.parametrize("role", list(Role))
def test_a_role_lets_a_caller_do_what_it_names_and_no_more(tmp_path: Path, role: Role) -> None:
    app = make_app(tmp_path)
    interaction_id = app.answering.answerer.ask(QUESTION).interaction_id
    app.keys.create("one", roles=[role])
    secret = app.keys.create("other", roles=[role]).secret
    with served(app) as service:
        statuses = {
            Role.ASK: service.api.post("/v1/chat/completions", json=chat(QUESTION), headers=bearer(secret)),
            Role.FEEDBACK: service.api.post(
                "/v1/feedback", json={"interaction_id": interaction_id, "kind": "up"}, headers=bearer(secret)
            ),
            Role.LOG: service.api.get(f"/v1/interactions/{interaction_id}", headers=bearer(secret)),
            Role.METRICS: service.api.get("/metrics", headers=bearer(secret)),
            Role.TRAFFIC: service.api.post(
                "/v1/interactions", json={"question": QUESTION, "answer": "Ada."}, headers=bearer(secret)
            ),
        }
    assert {one: reply.status_code for one, reply in statuses.items()} == {
        one: 200 if one is role else 403 for one in Role
    }


def test_a_key_for_figures_reads_those_of_the_whole_index(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    secret = app.keys.create("prometheus", roles=[Role.METRICS]).secret
    with served(app) as service:
        text = service.api.get("/metrics", headers=bearer(secret)).text
    assert "\nragloop_documents 3.0\n" in text
    assert "\nragloop_chunks 3.0\n" in text


def test_a_key_may_have_links_below_its_answers(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    secret = app.keys.create("chat", inline_links=True).secret
    with served(app) as service:
        reply = service.api.post("/v1/chat/completions", json=chat(QUESTION), headers=bearer(secret)).json()
    assert "\n\n1. [The bees](<file://" in reply["choices"][0]["message"]["content"]


def test_neither_keys_nor_questions_stand_in_log_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    app = make_app(tmp_path)
    secret = app.keys.create("web").secret
    with served(app) as service:
        service.api.post("/v1/chat/completions", json=chat("Zanzibar?"), headers=bearer(secret))
        service.api.post("/v1/chat/completions", json=chat("Zanzibar?"), headers=bearer(secret + "x"))
        app.store.tables.drop(app.index.generation.table)
        failed = service.api.post("/v1/chat/completions", json=chat("Zanzibar?"), headers=bearer(secret))
    assert failed.status_code >= 500
    assert str(tmp_path) not in failed.text
    lines = [one.getMessage() for one in caplog.records if one.name.startswith(("ragloop", "uvicorn"))]
    assert not [line for line in lines if secret in line or "Zanzibar" in line]
