"""Commands about topics, costs, advice and audits: one JSON object each, and what they refuse."""

import json
from pathlib import Path
from typing import Any

import pytest

from ragloop.app import App
from ragloop.cli.main import main
from ragloop.config import load_settings
from tests.support.topic_home import BEES, DOCUMENTS, FERRY, ask

pytestmark = pytest.mark.realmodel


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A home with answers, which the commands open as its settings say."""
    (tmp_path / "documents").mkdir()
    for key, text in DOCUMENTS.items():
        (tmp_path / "documents" / key).write_text(text)
    (tmp_path / "ragloop.toml").write_text("[costs]\ncompute_usd_per_hour = 3.6\n")
    app = App(load_settings(tmp_path / "ragloop.toml", tmp_path / "home"))
    app.corpus.sync(tmp_path / "documents")
    ids = ask(app, [*BEES, *FERRY])
    app.journal.give_feedback(ids[0], "up")
    return tmp_path


def run(place: Path, capsys: pytest.CaptureFixture[str], *command: str) -> Any:
    return json.loads(printed(place, capsys, *command)[0])


def printed(place: Path, capsys: pytest.CaptureFixture[str], *command: str) -> tuple[str, str]:
    """Run a command that succeeds; returns what it prints on stdout and on stderr."""
    where = ["--home", str(place / "home"), "--config", str(place / "ragloop.toml")]
    with pytest.raises(SystemExit) as ended:
        main([*command, *where])
    said = capsys.readouterr()
    assert ended.value.code == 0, said.err
    return said.out, said.err


def test_topics_are_one_object_and_are_edited_by_id_and_name(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(place, capsys, "topics", "--json")
    bees, ferry = found["topics"]
    wanted = {"topic_id", "name", "questions", "lane", "next", "held_back_by", "documents", "cost_usd", "repeat_share"}
    assert wanted <= bees.keys()
    assert (found["answers"], bees["questions"], ferry["questions"], bees["up"]) == (7, 4, 3, 1)
    assert bees["cost_usd"] > 0
    renamed = run(place, capsys, "topics", "rename", bees["topic_id"], "Bee keeping", "--json")
    assert {one["name"] for one in renamed["topics"]} == {"Bee keeping", ferry["name"]}
    merged = run(place, capsys, "topics", "merge", "Bee keeping", ferry["topic_id"][:8], "--json")
    assert [(one["name"], one["questions"], one["pinned"]) for one in merged["topics"]] == [("Bee keeping", 7, True)]
    assert len(run(place, capsys, "topics", "split", "Bee keeping", "--json")["topics"]) == 2
    unpinned = run(place, capsys, "topics", "pin", "Bee keeping", "--off", "--json")
    assert {one["name"]: one["pinned"] for one in unpinned["topics"]}["Bee keeping"] is False


def test_tables_of_topics_name_what_they_count(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    of_answers, _ = printed(place, capsys, "topics")
    assert "asked" in of_answers
    assert "questions" not in of_answers
    assert "different questions" in printed(place, capsys, "topics", "rename", FERRY[1], "The ferry")[0]
    renamed = run(place, capsys, "topics", "rename", "The ferry", "The Ferry", "--json")["topics"]
    assert "The Ferry" in [one["name"] for one in renamed]
    bees = next(one["name"] for one in renamed if one["name"] != "The Ferry")
    where = ["--home", str(place / "home"), "--config", str(place / "ragloop.toml")]
    with pytest.raises(SystemExit) as ended:
        main(["topics", "rename", bees, "the ferry", *where])
    taken = next(one["topic_id"] for one in renamed if one["name"] == "The Ferry")
    assert ended.value.code == 2
    assert f"the topic {taken} has the name 'The Ferry'" in capsys.readouterr().err


def test_costs_and_advice_are_one_object_each(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(place, capsys, "topics", "--json")
    costs = run(place, capsys, "costs", "--json")
    assert costs["answers"] == 7
    assert costs["answers_usd"] == pytest.approx(sum(one["cost_usd"] for one in costs["topics"]), abs=1e-5)
    assert {"month_usd", "break_even", "lanes", "notes"} <= costs.keys()
    advice = run(place, capsys, "advise", "--plot", str(place / "costs.svg"), "--json")
    assert advice["advice"] == "not yet"
    assert advice["break_even"] == costs["break_even"]
    assert not (place / "costs.svg").exists()  # no lane with an adapter has answered: nothing to draw
    assert all({"name", "measured", "favours", "why"} <= one.keys() for one in advice["factors"])


def test_an_audit_is_one_object_and_an_export_lines_of_json(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(place, capsys, "audit", "bees.md", "--json")
    assert (len(found["seen"]), found["cited"], found["approvals"]) == (7, 4, [])
    where = ["--home", str(place / "home")]
    with pytest.raises(SystemExit):
        main(["audit", "--subject", "ferry", *where])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["kind"] for one in lines] == ["document", "answer", "answer", "answer"]


@pytest.mark.parametrize("command", [["audit"], ["audit", "bees.md", "--subject", "x"], ["topics", "pin", "ffff"]])
def test_what_names_nothing_is_refused(place: Path, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--home", str(place / "home")])
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""
