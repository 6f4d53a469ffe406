"""Labels of a source decide who finds its documents, in every search, answer and training."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ragloop.app import App
from ragloop.cli.main import main
from ragloop.config import load_settings
from ragloop.corpus.index import documents, inventory
from ragloop.corpus.index.searching import search as search_module
from ragloop.corpus.index.searching.search import Search, outside_words
from ragloop.learning.examples.lineage import standing_of
from ragloop.records import EVERYTHING, NO_LABEL, View
from tests.support.constant_embedder import ConstantEmbedder

CONFIG = """
[retrieval]
min_similarity = -1.0
without_labels = "{without_labels}"
[[sources]]
name = "open"
uri = "open"
[[sources]]
name = "pay"
uri = "pay"
labels = {labels}
"""
OPEN, PAY = "Ada keeps the bees.", "Karl earns the most of all who keep the bees."
QUESTION = "Who keeps the bees?"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, text in (("open", OPEN), ("pay", PAY)):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.md").write_text(f"# {name}\n\n{text}\n")
    synced(tmp_path)
    return tmp_path


def app(place: Path, labels: str = '["hr", "board"]', without_labels: str = "unlabelled") -> App:
    (place / "ragloop.toml").write_text(CONFIG.format(labels=labels, without_labels=without_labels))
    return App(load_settings(place / "ragloop.toml", place / "home"), embedder=ConstantEmbedder())


def synced(place: Path, **settings: str) -> App:
    made = app(place, **settings)
    assert made.corpus.sync().complete
    return made


def found(app: App, *labels: str) -> list[str]:
    """The names of the sources whose documents a search finds."""
    return sorted(one.source for one in app.answering.search(QUESTION, labels=labels).passages)


def test_a_document_with_labels_is_found_by_callers_with_one_of_them(place: Path) -> None:
    made = app(place)
    assert found(made) == ["open"]
    assert found(made, "ops") == found(made, "H") == found(made, "hr,board") == ["open"]
    for labels in (["hr"], ["board"], ["ops", "hr"]):
        assert found(made, *labels) == ["open", "pay"]


def test_a_caller_without_labels_may_be_let_see_everything_and_one_with_others_may_not(place: Path) -> None:
    made = app(place, without_labels="everything")
    assert found(made) == ["open", "pay"]
    assert found(made, "ops") == ["open"]


def test_labels_that_a_source_gets_or_loses_hold_from_the_next_sync_on(place: Path) -> None:
    assert found(synced(place, labels="[]")) == ["open", "pay"]
    assert found(synced(place, labels='["board"]'), "hr") == ["open"]
    assert found(app(place), "board") == ["open", "pay"]


def test_an_answer_and_its_log_rest_on_what_the_caller_may_see(place: Path) -> None:
    made = app(place)
    (other,) = {
        row["document_id"] for row, _ in documents.chunk_rows(made.index, sorted(inventory.labelled(made.index)))
    }
    for labels, texts in (((), {OPEN}), (("hr",), {OPEN, PAY})):
        answer = made.answering.answerer.ask(QUESTION, labels=labels)
        row = made.journal.interactions(f"interaction_id = '{answer.interaction_id}'").to_pylist()[0]
        assert {one.text.rpartition("\n")[2] for one in answer.passages} == texts
        assert (other in {one["document_id"] for one in row["passages"]}) == (PAY in texts)
        assert ("Karl" in answer.answer) <= (PAY in texts)


def test_rows_that_no_index_of_words_holds_yet_are_filtered_too(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "RANKED_TOGETHER", 0)
    made = app(place)
    held = documents.chunk_rows(made.index, sorted(inventory.keys(made.index)))
    with made.store.lease("index"):
        made.index.commit([row for row, _ in held], [vector for _, vector in held])
    assert max(outside_words(made.index).values())
    vector = made.embedder.embed([QUESTION])[0]
    for view, sources in (
        (View(), {"open"}),
        (View(frozenset({"hr"})), {"open", "pay"}),
        (EVERYTHING, {"open", "pay"}),
    ):
        assert {row["source"] for row in Search(made.index).by_words("bees", vector, 9, view)} == sources


@pytest.mark.parametrize("unknown", [None, [], [None]], ids=["null", "empty", "of null"])
def test_a_chunk_whose_labels_are_unknown_is_found_by_nobody_who_has_a_view(
    place: Path, unknown: list[str | None] | None
) -> None:
    made = app(place)
    store, table = made.store, made.index.generation.table
    rows = store.rows(table, "kind = 'chunk' AND source = 'open'").to_pylist()
    assert [row["labels"] for row in rows] == [[NO_LABEL]]
    lost = pa.Table.from_pylist([{**row, "labels": unknown} for row in rows], store.table(table).schema)
    with store.lease("index"):
        store.upsert(table, lost)
    assert (found(made), found(made, "hr")) == ([], ["pay"])
    assert found(app(place, without_labels="everything")) == ["open", "pay"]
    assert "descriptions" in {one.check for one in made.corpus.diagnose(offline=True).findings}


@pytest.mark.parametrize("command", ["ask", "search"])
def test_the_command_line_names_labels_with_as(
    place: Path, command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = app(place)
    monkeypatch.setattr("ragloop.app.App", lambda *args, **options: made)
    for named, sources in ([], ["open"]), (["--as", "ops", "--as", "hr"], ["open", "pay"]):
        with pytest.raises(SystemExit) as ended:
            main([command, QUESTION, *named, "--json", "--config", str(place / "ragloop.toml")])
        assert ended.value.code == 0
        report: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert sorted(one["source"] for one in report["passages"]) == sources


def test_an_answer_is_followed_by_who_sees_as_much(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(given: str, *named: str, without_labels: str = "unlabelled") -> int | str | None:
        made = app(place, without_labels=without_labels)
        monkeypatch.setattr("ragloop.app.App", lambda *args, **options: made)
        with pytest.raises(SystemExit) as end:
            main(["ask", "And why?", "--follow", given, *named, "--config", str(place / "ragloop.toml")])
        return end.value.code

    asker = app(place).answering.answerer
    hidden, open_one = (asker.ask(QUESTION, labels=labels).interaction_id for labels in (["hr"], []))
    assert ended(hidden) == ended(hidden, "--as", "ops") == 2
    assert "expected --as hr to follow it" in " ".join(capsys.readouterr().err.split())
    assert ended(hidden, "--as", "hr") == ended(open_one) == ended(open_one, "--as", "ops") == 0
    assert ended(hidden, without_labels="everything") == 0


def test_nothing_is_trained_on_to_which_a_labelled_passage_was_shown(place: Path) -> None:
    made = app(place)
    for labels in ((), ("hr",)):
        answer = made.answering.answerer.ask(f"{QUESTION} Say it {labels}.", labels=labels)
        made.journal.give_all_feedback([(answer.interaction_id, "correction", "Ada")])
    examples = made.learning.retraining.curated()
    assert [one.question for one in examples.examples] == [f"{QUESTION} Say it ()."]
    assert examples.funnel["passage has labels"] == 1


def test_what_was_trained_on_and_is_labelled_later_no_longer_stands(place: Path) -> None:
    made = synced(place, labels="[]")
    answer = made.answering.answerer.ask(QUESTION)
    made.journal.give_all_feedback([(answer.interaction_id, "correction", "Karl earns the most")])
    (example,) = made.learning.retraining.curated().examples
    rests_on = {(one.document_id, one.revision) for one in example.documents}
    now = synced(place)
    standing = standing_of(now.index, rests_on)
    assert standing.labelled == inventory.labelled(now.index)
    assert not all(map(standing.holds, example.documents))
