"""Questions that only their conversation makes whole, as clients send them."""

from pathlib import Path
from typing import Any

from tests.service.conftest import make_app
from tests.support.served import Served, served

DOCUMENTS = {
    "bees.md": "# The bees\n\nAda keeps the bees behind the old mill.\n\nThe bees fly from March to October.\n",
    "ferry.md": "# The ferry\n\nThe ferry leaves at nine.\n\nThe ferry costs four crowns.\n",
}
SAID = [
    {"role": "user", "content": "When does the ferry leave?"},
    {"role": "assistant", "content": "The ferry leaves at nine. [1]"},
]
FOLLOW_UP = "And what does it cost?"
WHOLE = "what does the ferry cost?"


def asks(service: Served, messages: list[dict[str, str]]) -> dict[str, Any]:
    reply = service.api.post("/v1/chat/completions", json={"model": "ragloop", "messages": messages})
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_follow_up_is_made_whole_and_the_log_keeps_both(tmp_path: Path) -> None:
    app = make_app(tmp_path, open_documents=DOCUMENTS)
    with served(app) as service:
        reply = asks(service, [*SAID, {"role": "user", "content": FOLLOW_UP}])
        assert reply["ragloop"]["rewritten"] == WHOLE
        assert "four crowns" in reply["choices"][0]["message"]["content"]
        row = app.journal.answer(reply["ragloop"]["interaction_id"])
        assert (row["question"], row["rewritten"]) == (FOLLOW_UP, WHOLE)
        assert "conversation" in row["decisions"]["rewrite"]

        alone = asks(service, [*SAID, {"role": "user", "content": "Who keeps the bees?"}])
        assert alone["ragloop"]["rewritten"] is None
        assert app.journal.answer(alone["ragloop"]["interaction_id"])["rewritten"] is None

        given = [{"role": one["role"], "content": one["content"]} for one in SAID]
        response = service.api.post(
            "/v1/responses",
            json={"model": "ragloop", "input": [*given, {"role": "user", "content": FOLLOW_UP}]},
        ).json()
        assert response["ragloop"]["rewritten"] == WHOLE


def test_several_questions_are_answered_part_by_part(tmp_path: Path) -> None:
    app = make_app(tmp_path, open_documents=DOCUMENTS)
    with served(app) as service:
        reply = asks(service, [{"role": "user", "content": "Who keeps the bees? What does the ferry cost?"}])
    text, extras = reply["choices"][0]["message"]["content"], reply["ragloop"]
    bees, ferry = text.split("\n\n")
    assert "Ada keeps the bees" in bees
    assert "four crowns" in ferry
    assert extras["rewritten"] == "Who keeps the bees?\nWhat does the ferry cost?"
    assert [one["n"] for one in extras["citations"]] == [1, 2]
    assert "[1]" in bees
    assert "[2]" in ferry
    assert [one["uri"].rsplit("/", 1)[1] for one in extras["citations"]] == ["bees.md", "ferry.md"]
    row = app.journal.answer(extras["interaction_id"])
    assert row["question"] == "Who keeps the bees? What does the ferry cost?"
    assert row["passages"][1]["rank"] == 2
    assert len(app.journal.interactions()) == 1


def test_a_secret_is_neither_logged_nor_searched_for(tmp_path: Path) -> None:
    secret = "AKIA" + "IOSFODNN7EXAMPLE"
    app = make_app(tmp_path, open_documents=DOCUMENTS)
    with served(app) as service:
        said = [{"role": "user", "content": f"Does the ferry take {secret}?"}, *SAID[1:]]
        reply = asks(service, [*said, {"role": "user", "content": f"Who keeps the bees, {secret}?"}])
        assert "masked a key of AWS" in reply["ragloop"]["verdicts"]["screen"]
        asks(service, [*said, {"role": "user", "content": "and at noon?"}])
    files = [file for file in (tmp_path / "home").rglob("*") if file.is_file()]
    assert files
    assert all(secret.encode() not in file.read_bytes() for file in files)
    assert all(secret.lower() not in text.lower() for text in app.parts.embedder.embedded)  # type: ignore[attr-defined]
