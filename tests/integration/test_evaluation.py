"""Comparisons, golden questions and the floor of the similarity over a home with a log."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragloop.answering.floors import DEFAULT, FLOOR, Floors
from ragloop.app import App
from ragloop.app.catalogue import CATALOGUE
from ragloop.catalogue import claiming_file
from ragloop.cli.main import main
from ragloop.config import load_settings
from ragloop.errors import NotFoundError, UsageError
from ragloop.learning.calibration.floor import FEWEST, calibrated
from ragloop.learning.calibration.probing import Group, Sample
from ragloop.learning.comparing.trend import kept_comparisons
from ragloop.learning.evaluation.golden import GoldenDocument, GoldenQuestion
from ragloop.reports import Report, Reports
from tests.support.word_embedder import WordEmbedder

KEEPERS = {"bees": "Ada", "mill": "Karl", "ferry": "Ida", "oven": "Bruno", "lamp": "Zoe", "goats": "Nils"}
CONFIG = "[retrieval]\nmin_similarity = -1.0\nreranker = 'none'\n"


def make_app(place: Path, config: str = CONFIG) -> App:
    (place / "ragloop.toml").write_text(config)
    return App(load_settings(place / "ragloop.toml", place / "home"), embedder=WordEmbedder())


def ignored(*_: object) -> None: ...


@pytest.fixture
def app(tmp_path: Path) -> App:
    (tmp_path / "documents").mkdir()
    for thing, name in KEEPERS.items():
        (tmp_path / "documents" / f"{thing}.md").write_text(f"# The {thing}\n\n{name} keeps the {thing}.\n")
    app = make_app(tmp_path)
    app.corpus.sync(tmp_path / "documents")
    return app


def golden(thing: str) -> GoldenQuestion:
    return GoldenQuestion(f"Who keeps the {thing}?", (KEEPERS[thing],), (GoldenDocument(f"{thing}.md"),), tags=("who",))


def edited(app: App, thing: str, text: str) -> None:
    folder = app.settings.home.parent / "documents"
    (folder / f"{thing}.md").write_text(text)
    app.corpus.sync(folder)


def written(place: Path, questions: list[GoldenQuestion]) -> Path:
    file = place / "golden.jsonl"
    file.write_text("\n".join(json.dumps(one.as_line()) for one in questions))
    return file


def test_a_configuration_that_cannot_answer_is_found_worse_and_nothing_is_logged(app: App, tmp_path: Path) -> None:
    questions = [golden(one) for one in KEEPERS] * 6
    questions = [replace(one, question=f"{one.question[:-1]}{'?' * n}") for n, one in enumerate(questions, 1)]
    file = written(tmp_path, [*questions, GoldenQuestion("Where?", should_abstain=True)])
    made = app.evaluation.compare(file, "", "floor=1,top_k=1", progress=ignored)
    lines = {line.measure: line for line in made.whole.lines}
    assert (lines["recall@5"].a.mean, lines["contains_answer"].a.mean, lines["citation_recall"].a.mean) == (1, 1, 1)
    assert lines["contains_answer"].b is not None
    assert lines["contains_answer"].b.mean == 0
    better = {name: line.difference.better for name, line in lines.items() if line.difference}
    assert (better["contains_answer"], better["citation_recall"], better["recall@5"]) == ("a", "a", "inconclusive")
    assert made.whole.questions == len(questions) + 1
    assert {one.name for one in made.slices[1:]} >= {"tag who"}
    assert app.journal.counts() == {"interactions": 0, "feedback": 0}


def test_both_answer_from_one_state_of_the_index_asked_by_their_callers(tmp_path: Path) -> None:
    (tmp_path / "pay").mkdir()
    (tmp_path / "pay" / "wages.md").write_text("# Wages\n\nKarl earns 7312 crowns.\n")
    source = f"[[sources]]\nname = 'pay'\nuri = '{tmp_path / 'pay'}'\nlabels = ['hr']\n"
    app = make_app(tmp_path, CONFIG + source)
    app.corpus.sync()
    asked = GoldenQuestion("What does Karl earn?", ("7312 crowns",), (GoldenDocument("wages.md"),))
    made = app.evaluation.compare(written(tmp_path, [asked, replace(asked, labels=("hr",))]), progress=ignored)
    assert {line.measure: line.a.mean for line in made.whole.lines}["recall@5"] == 0.5


def test_a_stale_question_is_left_out_until_it_is_confirmed(app: App) -> None:
    app.evaluation.add_golden([golden("bees"), golden("mill"), golden("ferry"), golden("oven")])
    assert not [one for one in app.evaluation.check_golden() if one.is_stale]
    edited(app, "bees", "# The bees\n\nAda keeps the bees. They fly in March.\n")
    edited(app, "mill", "# The mill\n\nNobody keeps the mill.\n")
    (app.settings.home.parent / "documents" / "oven.md").unlink()
    app.corpus.sync(app.settings.home.parent / "documents")
    checked = {one.golden.answer: (one.standing, one.why) for one in app.evaluation.check_golden()}
    assert checked["Ada"] == ("changed", "bees.md changed, and still gives the answer")
    assert checked["Karl"][0] == "outdated"
    assert checked["Ida"] == ("current", "")
    assert checked["Bruno"] == ("gone", "the index does not have oven.md")
    made = app.evaluation.compare(None, progress=ignored)
    assert made.whole.questions == 2
    assert "changed since they were confirmed: 2" in made.left_out[0]
    assert {line.measure: line.a for line in made.whole.lines}["mrr"].nan == 1
    app.evaluation.confirm_golden([golden("bees").golden_id[:8]])
    assert app.evaluation.compare(None, progress=ignored).whole.questions == 3
    with pytest.raises(NotFoundError, match=r"oven\.md"):
        app.evaluation.confirm_golden([golden("oven").golden_id])


def test_comparisons_on_golden_questions_are_kept_and_hold_no_text(app: App) -> None:
    assert app.evaluation.report(progress=ignored) is None
    app.evaluation.add_golden([golden("bees"), golden("mill")])
    first = app.evaluation.report("top_k=1", "key", progress=ignored)
    assert first
    assert first.comparison
    assert first.comparison.b == "top_k=1"
    app.evaluation.report("top_k=1", "key", progress=ignored)  # tried again
    edited(app, "bees", "# The bees\n\nThe bees fly in March.\n")
    edited(app, "mill", "# The mill\n\nNobody keeps the mill.\n")
    last = app.evaluation.report(progress=ignored)
    assert last
    assert last.comparison is None
    assert [one.standing for one in last.stale] == ["outdated", "outdated"]
    before, after = kept_comparisons(app.store)
    assert (before["questions"], before["stale"], before["a"]["mrr"], before["b"]["mrr"]) == (2, 0, 1, 1)
    assert before["configurations"] == {"a": "", "b": "top_k=1"}
    assert (after["questions"], after["stale"], after["a"]) == (0, 2, {})
    assert "keeps" not in json.dumps([before, after])


def test_kept_questions_are_asked_by_the_gate_and_never_trained_on(app: App, tmp_path: Path) -> None:
    app.evaluation.add_golden([golden("bees"), GoldenQuestion("Where?", should_abstain=True)])
    assert make_app(tmp_path).learning.retraining.parts.golden == ["Who keeps the bees?", "Where?"]
    file = app.settings.home / "artifacts" / "golden.jsonl"
    assert len(claiming_file(CATALOGUE, str(file.relative_to(app.settings.home)))) == 1


def test_a_question_is_kept_once_and_names_documents_that_exist(app: App) -> None:
    app.evaluation.add_golden([golden("bees")])
    app.evaluation.add_golden([replace(golden("bees"), answers=("Ada", "A."))])
    (kept,) = app.evaluation.kept.all()
    assert kept.answers == ("Ada", "A.")
    assert kept.documents[0].revision
    with pytest.raises(NotFoundError, match=r"moon\.md"):
        app.evaluation.add_golden([replace(golden("bees"), documents=(GoldenDocument("moon.md"),))])
    with pytest.raises(NotFoundError, match="golden list"):
        app.evaluation.kept.remove(["zz"])
    assert app.evaluation.kept.remove([kept.golden_id[:6]]) == [kept]
    assert app.evaluation.kept.all() == []
    with pytest.raises(UsageError, match="found no golden question"):
        app.evaluation.compare(None, progress=ignored)


def test_corrections_come_first_then_votes_then_what_is_asked_often(app: App) -> None:
    asked = {thing: app.answering.answerer.ask(f"Who keeps the {thing}?") for thing in KEEPERS}
    for _ in range(3):
        app.answering.answerer.ask("who keeps the FERRY")
    app.journal.give_feedback(asked["bees"].interaction_id, "up")
    app.journal.give_feedback(asked["mill"].interaction_id, "correction", "Karl the miller")
    app.journal.give_feedback(asked["oven"].interaction_id, "up")
    app.journal.give_feedback(asked["oven"].interaction_id, "down")
    app.evaluation.add_golden([golden("lamp")])
    found = app.evaluation.suggest_golden(10)
    told = [(one.golden.question.casefold().rstrip("?"), one.why, one.times) for one in found]
    assert told == [
        ("who keeps the mill", "corrected", 1),
        ("who keeps the bees", "confirmed", 1),
        ("who keeps the ferry", "asked often", 4),
    ]
    assert found[0].golden.answers == ("Karl the miller",)
    assert found[1].golden.documents[0].name == "bees.md"
    assert "[1]" not in found[1].golden.answer
    assert len(app.evaluation.suggest_golden(1)) == 1


def test_a_suggestion_that_is_added_after_an_edit_is_stale(app: App, tmp_path: Path) -> None:
    asked = app.answering.answerer.ask("Who keeps the bees?")
    app.journal.give_feedback(asked.interaction_id, "up")
    file = written(tmp_path, [one.golden for one in app.evaluation.suggest_golden(10)])
    edited(app, "bees", "# The bees\n\nNobody keeps the bees.\n")
    (added,) = app.evaluation.add_golden(app.evaluation.golden(file))
    assert [(one.golden, one.standing) for one in app.evaluation.check_golden()] == [(added, "outdated")]


def run(capsys: Any, place: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run a command that embeds nothing, and return its exit code and its JSON."""
    with pytest.raises(SystemExit) as ended:
        main(["--home", str(place / "home"), "--config", str(place / "ragloop.toml"), *arguments, "--json"])
    return int(ended.value.code or 0), json.loads(capsys.readouterr().out)


def test_the_commands_add_list_check_and_suggest(app: App, tmp_path: Path, capsys: Any) -> None:
    code, added = run(capsys, tmp_path, "golden", "add", "Who?", "--answer", "Ada", "--document", "bees.md")
    assert (code, len(added["questions"])) == (0, 1)
    again = run(capsys, tmp_path, "golden", "add", "Who?", "--answer", "Ada", "--document", "documents/bees.md")[1]
    assert again == added, "as other commands do, it takes an end of a name"
    assert run(capsys, tmp_path, "golden", "check") == (0, {"questions": 1, "stale": [], "confirmed": []})
    edited(app, "bees", "# The bees\n\nThe bees: Ada, who feeds them.\n")
    code, checked = run(capsys, tmp_path, "golden", "check")
    assert (code, checked["stale"][0]["why"][:15]) == (1, "bees.md changed")
    code, checked = run(capsys, tmp_path, "golden", "check", "--confirm", added["questions"][0]["golden_id"])
    assert (code, checked["confirmed"]) == (0, [added["questions"][0]["golden_id"]])
    assert run(capsys, tmp_path, "golden", "suggest", str(tmp_path / "s.jsonl"))[1]["suggestions"] == []
    assert len(run(capsys, tmp_path, "golden", "list")[1]["questions"]) == 1


def samples(inside: float, near: float, elsewhere: float, count: int = 80) -> list[Sample]:
    """Samples around three similarities, some of which other signals decide."""
    centres = {Group.ANSWERED: inside, Group.NEAR: near, Group.ELSEWHERE: elsewhere}
    return [
        Sample(group, centre + (n / count - 0.5) / 5, answered=(False if n % 10 == 0 else None))
        for group, centre in centres.items()
        for n in range(count)
    ]


def test_a_floor_lies_between_what_is_answered_and_what_is_not() -> None:
    made = calibrated(samples(0.7, 0.35, 0.2), "e", 0.35)
    assert made.floor is not None
    assert 0.44 < made.floor < 0.61
    assert made.wrongly_abstained is not None
    assert made.wrongly_abstained.share == pytest.approx(0.1)
    assert made.wrongly_answered[Group.NEAR].share == 0
    assert 0.3 < made.now[Group.NEAR].share < 0.6


def test_too_few_questions_and_questions_that_no_floor_parts_give_no_floor() -> None:
    few = calibrated(samples(0.7, 0.35, 0.2, FEWEST - 1), "e", 0.35)
    assert (few.floor, few.is_sure) == (None, False)
    assert f"found {FEWEST - 1} questions" in few.why
    turned = calibrated(samples(0.2, 0.6, 0.7), "e", 0.35)
    assert turned.floor is None
    assert turned.why


def drawn(seed: int, answered: float, near: float, elsewhere: float) -> list[Sample]:
    rng = np.random.default_rng(seed)
    centres = {Group.ANSWERED: answered, Group.NEAR: near, Group.ELSEWHERE: elsewhere}
    return [Sample(group, float(one), None) for group, at in centres.items() for one in rng.normal(at, 0.02, 100)]


def test_a_floor_is_sure_where_it_parts_questions_that_it_was_not_chosen_on() -> None:
    alike = [calibrated(drawn(seed, 0.82, 0.82, 0.82), "e", 0.35) for seed in range(8)]
    assert [one.is_sure for one in alike] == [False] * 8
    assert not any(one.is_better for one in alike)
    apart = [calibrated(drawn(seed, 0.85, 0.8, 0.75), "e", 0.35) for seed in range(8)]
    assert all(one.is_sure and one.is_better for one in apart)


def test_a_floor_is_no_better_than_itself() -> None:
    first = calibrated(drawn(0, 0.85, 0.8, 0.75), "e", 0.35)
    assert first.floor is not None
    again = calibrated(drawn(1, 0.85, 0.8, 0.75), "e", first.floor)
    assert (again.is_sure, again.is_better) == (True, False)


def test_a_kept_floor_counts_for_its_embedder_while_the_setting_is_auto(app: App, tmp_path: Path) -> None:
    reports = Reports(app.store)
    assert Floors(reports, None).of("words-64") == DEFAULT
    body = {"floor": 0.99}
    reports.put(Report(FLOOR, "words-64", app.store.now(), body))
    assert (Floors(reports, None).of("words-64"), Floors(reports, 0.1).of("words-64")) == (0.99, 0.1)
    assert Floors(reports, None).of("others") == DEFAULT
    fixed, calibrated_ = make_app(tmp_path), make_app(tmp_path, "[retrieval]\nreranker = 'none'\n")
    question = "what about keeping of these"
    assert not fixed.answering.answerer.try_all([question])[0].unanswerable
    assert "0.99 is needed" in calibrated_.answering.answerer.try_all([question])[0].unanswerable


def test_reports_that_cannot_be_read_stop_no_answer(app: App) -> None:
    shutil.rmtree(app.settings.home / "store" / "reports.lance")
    assert Floors(Reports(app.store), None).of("words-64") == DEFAULT


def test_too_little_evidence_of_a_home_is_said_and_nothing_is_kept(app: App) -> None:
    app.evaluation.add_golden([golden(one) for one in KEEPERS])
    made = app.evaluation.calibrate(None, 50, write=True, progress=ignored)
    assert made.floor is None
    assert made.counts == {Group.ANSWERED: 6, Group.NEAR: 6, Group.ELSEWHERE: made.counts[Group.ELSEWHERE]}
    assert Reports(app.store).history(FLOOR) == []
