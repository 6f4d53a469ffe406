"""Answers go out as a sheet, the most informative first, and what a person filled in comes back as feedback."""

import json
from pathlib import Path
from typing import Any

import pytest

from ragloop.app import App
from ragloop.cli.main import main
from ragloop.config.answering import LogSettings
from ragloop.errors import UsageError
from ragloop.journal import Journal
from ragloop.journal.entries import LONGEST_CORRECTION
from ragloop.learning.reviewing.informative import to_review
from ragloop.learning.reviewing.sheets import log_judgements
from tests.support.indexed_folder import IndexedFolder
from tests.support.word_embedder import WordEmbedder


@pytest.fixture
def app(tmp_path: Path) -> App:
    settings = {"retrieval": {"min_similarity": -1.0, "top_k": 2}}
    home = IndexedFolder(tmp_path / "home", tmp_path / "documents", WordEmbedder(), settings)
    home.write("bees.md", "# Bees\n\nAda keeps the bees.\n")
    home.write("ferry.md", "# Ferry\n\nThe ferry leaves at nine.\n")
    home.sync()
    app = home.app()
    app.answering.answerer.ask_all(["Who keeps the bees?", "When does the ferry leave?"])
    return app


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().split("\n") if line]


def fill(file: Path, *said: dict[str, str]) -> None:
    rows = lines(file)
    file.write_text("\n".join(json.dumps({**row, **one}) for row, one in zip(rows, said, strict=True)))


def votes(app: App) -> list[tuple[str, str | None]]:
    return [(one["kind"], one["correction"]) for one in app.journal.feedback().to_pylist()]


def test_a_sheet_shows_each_answer_with_its_passages_and_comes_back_as_feedback(app: App, tmp_path: Path) -> None:
    file = tmp_path / "sheet.jsonl"
    assert app.learning.export_review(file, 10) == 2
    assert {row["question"] for row in lines(file)} == {"Who keeps the bees?", "When does the ferry leave?"}
    assert all(any(one["text"] for one in row["passages"]) for row in lines(file))
    fill(file, {"verdict": "UP "}, {"correction": " at nine "})
    found = app.learning.import_review(file)
    assert (found.up, found.down, found.corrections, found.problems) == (1, 0, 1, ())
    assert votes(app) == [("up", None), ("correction", "at nine")]
    assert app.learning.import_review(file).known == 2
    assert len(votes(app)) == 2
    assert app.learning.export_review(file, 10) == 0, "what somebody judged is not asked again"


@pytest.mark.parametrize("folded", [False, True])
def test_a_judgement_that_two_processes_log_at_the_same_time_is_logged_once(app: App, *, folded: bool) -> None:
    name = app.journal.interactions()["interaction_id"].to_pylist()[0]
    said = [(name, "correction", "Ada")]

    def meanwhile(given: object) -> list[None]:
        log_judgements(Journal(app.store), said)
        if folded:
            Journal(app.store).fold()
        return [None]

    log_judgements(Journal(app.store, meanwhile), said)
    assert votes(app) == [("correction", "Ada")]


def test_what_somebody_filled_in_is_not_written_over_before_it_is_in_the_log(app: App, tmp_path: Path) -> None:
    file = tmp_path / "sheet.jsonl"
    app.learning.export_review(file, 10)
    fill(file, {"verdict": "up"}, {"correction": "at nine"})
    filled = file.read_bytes()
    with pytest.raises(UsageError, match=r"found 2 judgements in .*sheet\.jsonl that the log does not have"):
        app.learning.export_review(file, 10)
    assert file.read_bytes() == filled
    app.learning.import_review(file)
    assert app.learning.export_review(file, 10) == 0


def test_a_sheet_that_nobody_filled_in_says_nothing(app: App, tmp_path: Path) -> None:
    app.learning.export_review(tmp_path / "sheet.jsonl", 1)
    assert app.learning.import_review(tmp_path / "sheet.jsonl").untouched == 1
    assert votes(app) == []


def test_lines_that_cannot_be_read_are_named_and_the_others_count(app: App, tmp_path: Path) -> None:
    file = tmp_path / "sheet.jsonl"
    app.learning.export_review(file, 2)
    fill(file, {"verdict": "down"}, {"verdict": "perhaps"})
    file.write_text(file.read_text() + "\nnot json\n" + json.dumps({"interaction_id": "none", "verdict": "up"}))
    with pytest.raises(SystemExit) as ended:
        main(["review", "import", str(file), "--home", str(app.settings.home)])
    assert ended.value.code == 1
    assert votes(app) == [("down", None)]
    found = app.learning.import_review(file)
    assert [problem.partition(":")[0] for problem in found.problems] == [
        "line 2", "line 3", "found no answer none in the log",
    ]  # fmt: skip
    assert found.problems[1] == "line 3: found no JSON, expected a line that `ragloop review export` wrote"
    with pytest.raises(UsageError, match="cannot read"):
        app.learning.import_review(tmp_path / "missing.jsonl")


@pytest.mark.parametrize(
    ("text", "found"),
    [("What?\nBees.\n", "line 1: found no JSON"), ('\n{"question": "x"}', "line 2: found no interaction_id")],
)
@pytest.mark.parametrize("as_json", [["--json"], []])
def test_a_file_without_a_line_of_a_sheet_is_refused(
    app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, found: str, as_json: list[str]
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["review", "import", str(file), *as_json, "--home", str(app.settings.home)])
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert f"found no line of a review in {file} ({found}); expected a file that `ragloop review export`" in said.err


def write(file: Path, *said: dict[str, Any]) -> None:
    """Write lines as a program does that keeps every character as it is."""
    file.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in said))


def test_text_with_other_ends_of_lines_and_a_mark_before_it_is_read(app: App, tmp_path: Path) -> None:
    file = tmp_path / "sheet.jsonl"
    app.learning.export_review(file, 2)
    first, second = lines(file)
    write(file, {**first, "correction": "Ada\u2028keeps\x85them"}, {**second, "verdict": "down"})
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    found = app.learning.import_review(file)
    assert (found.corrections, found.down, found.problems) == (1, 1, ())


def test_a_correction_that_the_log_changes_or_refuses_spoils_no_other_line(tmp_path: Path, app: App) -> None:
    redacting = App(app.settings.model_copy(update={"log": LogSettings(redact=("email",))}))
    file = tmp_path / "sheet.jsonl"
    app.learning.export_review(file, 2)
    first, second = lines(file)
    write(file, {**first, "correction": "Ada, ada@bees.org"}, {**second, "correction": "x" * (LONGEST_CORRECTION + 1)})
    found = redacting.learning.import_review(file)
    assert found.corrections == 1
    assert [one.partition(", at most")[0] for one in found.problems] == ["line 2: the correction has 32,001 characters"]
    again = redacting.learning.import_review(file)
    assert (again.corrections, again.known) == (0, 1)
    assert len(votes(app)) == 1


def test_a_line_of_another_shape_is_named_in_words(app: App, tmp_path: Path) -> None:
    file = tmp_path / "sheet.jsonl"
    others: list[Any] = [[], "x", {"verdict": "up"}, {"interaction_id": None}]
    file.write_text("\n".join([*map(json.dumps, others), json.dumps({"interaction_id": "i", "correction": ["a"]})] * 3))
    problems = app.learning.import_review(file).problems
    assert all("expected" in one for one in problems[:-1])
    assert problems[-1] == "and 5 more"


def row(name: str, question: str, **changes: Any) -> dict[str, Any]:
    common = {"asked_at": 0, "rewritten": None, "answer": "It is so.", "abstained": False, "guard": "none"}
    return {"interaction_id": name, "question": question, "top_similarity": 0.9, **common, **changes}


def test_what_is_unsure_and_asked_often_comes_first() -> None:
    rows = [
        row("sure", "Sure?"),
        row("once", "Once?", abstained=True),
        row("a", "Often?", abstained=True),
        row("b", "often", abstained=True, asked_at=1),
        row("c", "Two ways?"),
        row("d", "Two ways?", answer="It is not.", asked_at=1),
        row("judged", "Judged?", abstained=True),
    ]
    found = to_review(rows, frozenset({"judged"}), 10)
    assert [(one.interaction_id, one.times) for one in found] == [("b", 2), ("d", 2), ("once", 1), ("sure", 1)]
    assert found[0].why == "abstained"
    assert len(to_review(rows, frozenset(), 2)) == 2


def test_follow_ups_that_read_alike_are_questions_of_their_own() -> None:
    rows = [row("a", "Why?", rewritten="Why bees?"), row("b", "Why?", rewritten="Why a ferry?", answer="For the sea.")]
    [found] = to_review(rows, frozenset({"a"}), 10)
    assert (found.interaction_id, found.times) == ("b", 1)
    assert found.why != "answered in several ways"
