"""A log without personal data, of answers that have them."""

import json
from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.journal.entries import redacted
from ragloop.traffic.importing import FEW
from tests.support.indexed_folder import IndexedFolder

MAIL, PHONE = "anna@krueger.de", "+49 30 9018200"


@pytest.fixture
def app(indexed: IndexedFolder) -> App:
    indexed.write("contact.md", f"# Contact\n\nAnna is reached at {MAIL} and {PHONE}.\n")
    indexed.sync()
    return indexed.app(retrieval={"min_similarity": -1.0}, log={"redact": ["email", "phone"]}, answers={"cache": "on"})


def everything_kept(home: Path) -> bytes:
    return b"".join(one.read_bytes() for one in sorted((home / "journal").rglob("*")) if one.is_file())


def test_the_caller_gets_the_address_and_the_log_its_kind(app: App) -> None:
    answer = app.answering.answerer.ask(f"Who is reached at {MAIL}?")
    assert MAIL in answer.answer
    app.journal.give_feedback(answer.interaction_id, "correction", f"Anna, {PHONE}")
    assert MAIL.encode() not in everything_kept(app.settings.home)
    assert PHONE.encode() not in everything_kept(app.settings.home)
    (row,) = app.journal.interactions().to_pylist()
    assert row["question"] == "Who is reached at <email>?"
    assert "<email>" in row["answer"]
    assert app.journal.feedback()["correction"].to_pylist() == ["Anna, <phone>"]


@pytest.mark.parametrize("kinds", [(), ("email",)])
def test_an_answer_that_was_redacted_is_reused_for_nobody(app: App, indexed: IndexedFolder, kinds: tuple[str]) -> None:
    asking = indexed.app(retrieval={"min_similarity": -1.0}, log={"redact": kinds}, answers={"cache": "on"})
    first, second = (asking.answering.answerer.ask("Who is Anna?") for _ in range(2))
    assert MAIL in first.answer
    assert second.answer == first.answer
    assert second.reused_from == ("" if kinds else first.interaction_id)


def test_what_a_stage_decided_is_redacted_too() -> None:
    asked = {"question": f"And {MAIL}?", "decisions": {"rewrite": f"made whole: Who is {MAIL}?"}, "reuse_key": "k"}
    kept = redacted(asked, lambda text: text.replace(MAIL, "<email>"))
    assert kept == {
        "question": "And <email>?",
        "decisions": {"rewrite": "made whole: Who is <email>?"},
        "reuse_key": None,
    }
    other = {"question": "And Ben?", "decisions": {"rewrite": "none"}, "reuse_key": "k"}
    assert redacted(other, str) == other


@pytest.mark.parametrize("count", [1, FEW + 1])
def test_imported_traffic_is_redacted_too(app: App, tmp_path: Path, count: int) -> None:
    file = tmp_path / "traffic.jsonl"
    rows = [
        {
            "id": str(n),
            "question": f"{n}: whose is {PHONE}?",
            "answer": f"Anna's: {MAIL}.",
            "correction": f"Ben, {MAIL}",
        }
        for n in range(count)
    ]
    file.write_text("".join(json.dumps(one) + "\n" for one in rows))
    assert app.traffic.import_file(file, "jsonl").votes == count
    logged = app.journal.interactions()
    assert set(logged["question"].to_pylist()) == {f"{n}: whose is <phone>?" for n in range(count)}
    assert set(logged["answer"].to_pylist()) == {"Anna's: <email>."}
    assert set(app.journal.feedback()["correction"].to_pylist()) == {"Ben, <email>"}
