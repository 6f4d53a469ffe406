"""Import the traffic of another service over documents of the index, edit the documents, and see which rows fall."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ragloop.answering.retrieval import RetrievalPolicy
from ragloop.app.safekeeping import erasures_of
from ragloop.catalogue import Lease
from ragloop.cli.main import app as commands
from ragloop.erasure.asked import Asked
from ragloop.erasure.traces import KeptOut
from ragloop.errors import MismatchError, StoreBusyError, UsageError
from ragloop.learning.examples.curation import curate
from ragloop.learning.examples.lineage import standing_of
from ragloop.records import FeedbackKind
from ragloop.traffic import importing
from ragloop.traffic.exchange import Erased, Exchange, LateVote, Shown, Vote
from ragloop.traffic.given import GivenAnswers
from ragloop.traffic.importing import ERASED, OURS, ImportReport, TrafficImport
from ragloop.traffic.resolving.library import Library
from ragloop.traffic.resolving.resolver import Resolver
from ragloop.traffic.resolving.shingles import ShinglesOfIndex
from ragloop.traffic.resolving.tied import Tied
from ragloop.traffic.rows import interaction_id_of
from tests.support.indexed_folder import IndexedFolder
from tests.support.waiting import until
from tests.traffic.test_formats import EXPORTS, QUESTIONS, WITH_TEXT, written

DOCUMENTS = Path(__file__).parent / "documents"
HIVES = "Anna Brandt keeps eleven hives behind the chapel. She may be visited on Thursdays, but not while it rains."


@pytest.fixture
def handbook(indexed: IndexedFolder) -> IndexedFolder:
    """The documents that the exports were made over, in a folder of another name."""
    shutil.copytree(DOCUMENTS, indexed.folder, dirs_exist_ok=True)
    indexed.sync()
    return indexed


def imported(home: IndexedFolder, file: Path, **how: Any) -> ImportReport:
    return home.app().traffic.import_file(file, "auto", **how)


def rows(home: IndexedFolder) -> list[dict[str, Any]]:
    return list(home.app().journal.interactions().to_pylist())


def edited(home: IndexedFolder, key: str, before: str, after: str) -> None:
    file = home.folder / key
    text = file.read_text(encoding="utf-8")
    assert before in text
    home.write(key, text.replace(before, after))
    home.sync()


def eligible(home: IndexedFolder) -> set[str]:
    """The questions of the rows that may be trained on, each voted up."""
    held = rows(home)
    votes = [{**vote("up"), "interaction_id": one["interaction_id"]} for one in held]
    shown = {(passage["document_id"], passage["revision"]) for one in held for passage in one["passages"]}
    curated = curate(held, votes, standing_of(home.app().index, shown), max_answer_words=100)
    return {one.question for one in curated.examples}


def vote(kind: str) -> dict[str, Any]:
    return {"feedback_id": "f", "kind": kind, "correction": None, "given_at": datetime.now(UTC), "support": None}


@pytest.mark.parametrize("name", WITH_TEXT)
def test_passages_of_real_exports_are_tied_and_stand(handbook: IndexedFolder, name: str) -> None:
    report = imported(handbook, EXPORTS / name)
    assert (report.rows, report.tied, report.untied, report.skipped) == (3, 6, 0, 0)
    assert report.verdicts["document"] == 6
    assert eligible(handbook) == set(QUESTIONS)


def test_passages_that_stand_in_a_prompt_only_are_tied(handbook: IndexedFolder) -> None:
    report = imported(handbook, EXPORTS / "genai-langchain.otlp.jsonl")
    assert (report.rows, report.untied, report.verdicts["changed"]) == (3, 0, 0)
    assert eligible(handbook) == set(QUESTIONS)


@pytest.mark.parametrize("name", ["openinference-langchain.otlp.jsonl", "genai-langchain.otlp.jsonl"])
def test_what_was_erased_is_not_imported_until_that_is_lifted(handbook: IndexedFolder, name: str) -> None:
    erasing = handbook.app().erasing
    erased = erasing.run(Asked(("guide/bees.md",))).certificate_id
    report = imported(handbook, EXPORTS / name)
    assert (report.rows, report.skipped, dict(report.reasons)) == (2, 1, {ERASED: 1})
    assert {row["question"] for row in rows(handbook)} == {QUESTIONS[0], QUESTIONS[2]}
    assert handbook.app().erasing.verify(erased).found == ()
    erasing.lift(erased)
    assert imported(handbook, EXPORTS / name).rows == 3


def test_a_vote_or_an_answer_that_says_what_was_erased_is_not_logged(handbook: IndexedFolder, tmp_path: Path) -> None:
    app = handbook.app()
    app.erasing.run(Asked(("guide/bees.md",)))
    corrected = LateVote("jsonl", ("one",), Vote(FeedbackKind.CORRECTION, HIVES))
    told = Exchange("Who may be visited?", HIVES, origin="jsonl", external_id="two")
    other = Exchange("Who may be visited?", "Nobody at all.", origin="jsonl", external_id="one")
    report = app.traffic.take_in(iter([other, told, corrected]))
    assert (report.rows, report.votes, dict(report.reasons)) == (1, 0, {ERASED: 2})
    with pytest.raises(UsageError, match="was erased"):
        app.answering.log("Who may be visited?", HIVES)


def test_a_document_that_is_in_no_index_is_erased_by_the_id_that_an_answer_rests_on(handbook: IndexedFolder) -> None:
    app = handbook.app()
    unmarked = Exchange(
        "Who keeps them?", "Anna.", (Shown(HIVES, ("guide/bees.md",)),), origin="jsonl", external_id="a"
    )
    assert app.traffic.take_in(iter([unmarked])).rows == 1
    (row,) = rows(handbook)
    named = {one["document_id"] for one in row["support"]}
    assert not row["citations"]
    (handbook.folder / "guide" / "bees.md").unlink()
    handbook.sync(confirm_deletes=True)
    app = handbook.app()
    assert app.erasing.run(Asked((named.pop(),))).found == ()
    assert rows(handbook) == []


def test_an_erasure_that_comes_during_an_import_keeps_the_rest_of_it_out(
    handbook: IndexedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "TOGETHER", 1)

    def exchanges() -> Iterator[Exchange]:
        yield Exchange("Who may be visited?", "Nobody at all.", origin="jsonl", external_id="one")
        handbook.app().erasing.run(Asked(("guide/bees.md",)))
        yield Exchange("Who may be visited?", HIVES, origin="jsonl", external_id="two")

    report = handbook.app().traffic.take_in(exchanges())
    assert (report.rows, dict(report.reasons)) == (1, {ERASED: 1})


BEES = Asked(("guide/bees.md",))
TOLD = Exchange("Who may be visited?", HIVES, origin="jsonl", external_id="two")


def test_what_is_erased_while_a_part_is_tied_is_not_logged(handbook: IndexedFolder) -> None:
    app, kept_out = handbook.app(), erasures_of(handbook.app().parts).kept_out
    seen: list[Erased] = []

    def erased() -> Erased:
        seen.append(kept_out())
        if len(seen) == 1:
            handbook.app().erasing.run(BEES)
        return seen[-1]

    report = TrafficImport(app.journal, lambda: None, erased, dry_run=False).run([TOLD])
    assert (report.rows, dict(report.reasons), rows(handbook)) == (0, {ERASED: 1}, [])


class Interrupted(Resolver):
    """Ties passages, and then something else is done before they are logged."""

    between: Callable[[], object]

    def resolve(self, passages: Iterable[Shown]) -> list[Tied]:
        tied = super().resolve(passages)
        if tied:
            self.between()
        return tied


def test_a_passage_of_what_is_erased_while_it_is_tied_is_logged_without_its_document(handbook: IndexedFolder) -> None:
    app, erased = handbook.app(), list[str]()
    library = Library(app.index)
    resolver = Interrupted(library, ShinglesOfIndex(library.index))
    resolver.between = lambda: erased or erased.append(handbook.app().erasing.run(BEES).certificate_id)
    other = Shown("The ferry leaves from the northern pier.")
    shown = Exchange(
        "When?", "At nine [2].", (Shown(HIVES, ("guide/bees.md",)), other), origin="jsonl", external_id="a"
    )
    kept_out = erasures_of(app.parts).kept_out
    assert TrafficImport(app.journal, lambda: resolver, kept_out, dry_run=False).run([shown]).rows == 1
    assert [one["document_id"] for one in rows(handbook)[0]["passages"] if one["rank"] == 1] == [""]
    assert handbook.app().erasing.verify(erased[0]).found == ()


def test_an_erasure_waits_for_a_part_that_is_being_logged_and_removes_it(handbook: IndexedFolder) -> None:
    app, other = handbook.app(), handbook.app()
    done: list[Future[Any]] = []

    def erased() -> Erased:
        if seen and not done:  # under the lease: the record of the erasure comes too late to be read
            done.append(pool.submit(other.erasing.run, BEES))
            until(other.erasing.certificates.unfinished)
            wait(done, 1)
        seen.append(KeptOut())
        return seen[-1]

    seen: list[Erased] = []
    with ThreadPoolExecutor(1) as pool:
        report = TrafficImport(app.journal, lambda: None, erased, dry_run=False).run([TOLD])
    assert (report.rows, done[0].result().found, rows(handbook)) == (1, (), [])


def test_a_vote_and_a_passage_of_what_is_erased_meanwhile_are_not_logged(
    handbook: IndexedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "TOGETHER", 1)
    ferry = Exchange("When?", "At nine.", (), origin="jsonl", external_id="one")
    hives = Shown(HIVES, ("guide/bees.md",))
    corrected = LateVote("jsonl", ("one",), Vote(FeedbackKind.CORRECTION, HIVES))
    erased = []

    def items() -> Iterator[Exchange | LateVote]:
        yield from (ferry, corrected)
        erased.append(handbook.app().erasing.run(BEES).certificate_id)
        yield replace(ferry, answer="At nine [2].", shown=(hives, Shown("It leaves.")), external_id="three")

    report = handbook.app().traffic.take_in(items())
    assert (report.rows, report.votes, dict(report.reasons)) == (2, 0, {ERASED: 1})
    assert handbook.app().erasing.verify(erased[0]).found == ()


def test_what_is_logged_is_held_against_what_was_erased_under_the_lease_that_an_erasure_takes(
    handbook: IndexedFolder,
) -> None:
    app, held = handbook.app(), []

    def erased() -> Erased:
        try:
            with app.store.lease(Lease.TRAFFIC):
                held.append(False)
        except StoreBusyError:
            held.append(True)
        return KeptOut()

    policy = RetrievalPolicy.of(app.settings.retrieval, guard=True)
    GivenAnswers(app.parts.active, app.journal, policy, erased).log("Why?", "No.", (), "")
    TrafficImport(app.journal, lambda: None, erased, dry_run=False).run([replace(TOLD, votes=(Vote(FeedbackKind.UP),))])
    assert held == [True, False, True, True]


def test_an_answer_over_what_was_erased_since_the_search_is_not_logged_and_one_that_was_shown_it_loses_it(
    handbook: IndexedFolder,
) -> None:
    app = handbook.app()
    found = app.answering.search("Who keeps the hives behind the chapel?", 5).passages
    first = next(n for n, one in enumerate(found, 1) if one.uri.endswith("bees.md"))
    other = next(n for n, one in enumerate(found, 1) if not one.uri.endswith("bees.md"))
    certificate = handbook.app().erasing.run(BEES).certificate_id
    with pytest.raises(UsageError, match="or that the answer rests on it"):
        app.answering.log("Why?", f"No [{first}].", found)
    app.answering.log("Why?", f"No [{other}].", found)
    (waiting,) = map(json.loads, (handbook.home / "journal" / "current.jsonl").read_text().splitlines())
    assert found[first - 1].document_id not in {one["document_id"] for one in waiting["entry"]["passages"]}
    assert handbook.app().erasing.verify(certificate).found == ()


@pytest.mark.parametrize("how", ["imported", "logged"])
def test_an_answer_of_another_service_without_marks_goes_with_what_it_was_shown(
    handbook: IndexedFolder, how: str
) -> None:
    app, ferry = handbook.app(), "The ferry leaves from the northern pier."
    # Of the first no statement of the passage says it, so that nobody can tell what it rests on.
    shown = [(HIVES, "Wait until the weekend."), (HIVES, "On Thursdays."), (ferry, "The northern one.")]
    if how == "imported":
        given = [Exchange("When?", said, (Shown(one),), origin="jsonl", external_id=said) for one, said in shown]
        assert app.traffic.take_in(iter(given)).tied == 2, "no document says what the other one was shown"
    else:
        for one, said in shown:
            app.answering.log("When?", said, [one])
    found = [one for one in app.answering.search(HIVES, 3).passages if one.uri.endswith("bees.md")]
    certificate = app.erasing.run(BEES).certificate_id
    assert [row["answer"] for row in rows(handbook)] == ["The northern one."]
    assert handbook.app().erasing.verify(certificate).found == ()
    with pytest.raises(UsageError, match="or that the answer rests on it"):
        app.answering.log("When?", "On Thursdays.", found)


def test_an_answer_that_was_erased_by_its_id_is_not_imported_again(handbook: IndexedFolder) -> None:
    short = Exchange("Why?", "No.", origin="jsonl", external_id="one")
    handbook.app().traffic.take_in(iter([short]))
    handbook.app().erasing.run(Asked(interactions=(interaction_id_of(short),)))
    report = handbook.app().traffic.take_in(iter([short, replace(short, external_id="two")]))
    assert (report.rows, dict(report.reasons)) == (1, {ERASED: 1})


def test_nothing_is_imported_while_nobody_can_tell_what_was_erased(handbook: IndexedFolder) -> None:
    record = handbook.home / "artifacts" / "erasures" / f"{'1' * 16}.json"
    record.parent.mkdir(parents=True)
    record.write_text('{"erasure": {')
    with pytest.raises(MismatchError, match=record.name):
        imported(handbook, EXPORTS / WITH_TEXT[0])
    record.unlink()
    assert imported(handbook, EXPORTS / WITH_TEXT[0]).rows == 3


@pytest.mark.parametrize("name", [*WITH_TEXT, "genai-langchain.otlp.jsonl"])
def test_the_same_file_twice_counts_once(handbook: IndexedFolder, name: str) -> None:
    first = imported(handbook, EXPORTS / name)
    assert imported(handbook, EXPORTS / name) == first
    assert handbook.app().journal.counts() == {"interactions": 3, "feedback": 0}


@pytest.mark.parametrize("name", [*WITH_TEXT, "genai-langchain.otlp.jsonl"])
def test_an_edit_drops_the_rows_that_rest_on_what_changed_and_no_others(handbook: IndexedFolder, name: str) -> None:
    imported(handbook, EXPORTS / name)
    edited(
        handbook,
        "guide/bees.md",
        "after a stranger had done so.",
        "after a stranger had done so.\n\nWasps stay outside.",
    )
    edited(handbook, "library.md", "# The reading room\n", "# The reading room\n\nIt is heated since 2021.\n")
    assert eligible(handbook) == set(QUESTIONS), "an edit elsewhere in a document costs no row"
    edited(handbook, "guide/bees.md", "eleven hives", "twelve hives")
    assert eligible(handbook) == set(QUESTIONS) - {QUESTIONS[1]}
    edited(handbook, "guide/bees.md", "twelve hives", "eleven hives")
    assert eligible(handbook) == set(QUESTIONS), "what is said again is true again"


@pytest.mark.parametrize("name", [*WITH_TEXT, "genai-langchain.otlp.jsonl"])
def test_a_passage_that_changed_before_the_import_is_never_trained_on(handbook: IndexedFolder, name: str) -> None:
    edited(handbook, "guide/bees.md", "eleven hives", "twelve hives")
    report = imported(handbook, EXPORTS / name)
    assert report.verdicts["changed"] + report.verdicts["unresolved"] == 1
    assert eligible(handbook) == set(QUESTIONS) - {QUESTIONS[1]}


def exchange(number: int, *passages: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "question": f"What of number {number}?",
        "answer": "So it is.",
        "passages": passages,
        **more,
    }


def import_plain(home: IndexedFolder, folder: Path, records: Iterable[Mapping[str, Any]]) -> ImportReport:
    return imported(home, written(folder, records))


def test_the_ladder_of_verdicts(handbook: IndexedFolder, tmp_path: Path) -> None:
    (revision,) = (one.revision for one in handbook.app().documents() if one.key == "guide/bees.md")
    passages = [
        {"source": "kb/guide/bees.md", "revision": revision},
        {"text": HIVES, "source": "/srv/other/guide/bees.md"},
        {"text": HIVES, "source": "https://handbook.example/guide/bees/"},
        HIVES,
        {"text": HIVES.replace("eleven", "ten"), "source": "guide/bees.md"},
        {"text": HIVES.replace("not while", "also while")},
        {"text": HIVES, "source": "unknown.md"},
        "Nothing of the kind was ever written by anybody who keeps these documents.",
        {"source": "guide/bees.md"},
    ]
    report = import_plain(handbook, tmp_path, [exchange(at, one) for at, one in enumerate(passages)])
    verdicts = [row["passages"][0]["verdict"] for row in sorted(rows(handbook), key=lambda one: one["question"])]
    assert verdicts == [
        "revision", "document", "document", "text", "changed", "changed", "text", "unresolved", "unresolved",
    ]  # fmt: skip
    assert (report.rows, report.tied, report.untied) == (9, 7, 2)
    assert len(eligible(handbook)) == 5


def test_a_changed_passage_beside_one_that_stands_in_the_same_document_is_not_trained_on(
    handbook: IndexedFolder, tmp_path: Path
) -> None:
    passages = [HIVES, {"text": HIVES.replace("eleven", "ten"), "source": "guide/bees.md"}]
    import_plain(handbook, tmp_path, [exchange(1, *passages)])
    edited(handbook, "guide/ferry.md", "two metres", "three metres")
    assert eligible(handbook) == set()


def test_an_answer_that_marks_an_unknown_passage_is_not_trained_on(handbook: IndexedFolder, tmp_path: Path) -> None:
    unknown = "A passage that stands in no document of this index, whatever one looks for."
    marked = [exchange(at, HIVES, unknown, answer=f"So it is {marks}.") for at, marks in enumerate(("[1]", "[1][2]"))]
    import_plain(handbook, tmp_path, marked)
    assert eligible(handbook) == {"What of number 0?"}
    assert [len(one["citations"]) for one in sorted(rows(handbook), key=lambda one: one["question"])] == [1, 1]


def test_an_answer_without_passages_is_kept_and_not_trained_on(handbook: IndexedFolder, tmp_path: Path) -> None:
    assert import_plain(handbook, tmp_path, [exchange(1)]).rows == 1
    assert eligible(handbook) == set()


def test_votes_are_logged_once_and_after_the_answer(handbook: IndexedFolder, tmp_path: Path) -> None:
    records = [
        exchange(1, HIVES, feedback={"kind": "up", "at": "2001-01-01T00:00:00Z"}, asked_at="2026-05-01T10:00:00Z"),
        exchange(2, HIVES, feedback=[{"correction": "Anna Brandt keeps eleven hives."}]),
        {"id": "1", "vote": "down"},
        {"id": "99", "vote": "down"},
    ]
    for _ in range(2):
        report = import_plain(handbook, tmp_path, records)
        assert (report.rows, report.votes, report.skipped) == (2, 3, 1)
    given = handbook.app().journal.feedback().to_pylist()
    assert sorted(one["kind"] for one in given) == ["correction", "down", "up"]
    (up,) = (one for one in given if one["kind"] == "up")
    assert up["given_at"] == datetime(2026, 5, 1, 10, tzinfo=UTC)
    (correction,) = (one for one in given if one["kind"] == "correction")
    assert correction["support"], "a correction rests on the statement that bears it out"


def test_votes_of_a_file_of_their_own_find_what_was_imported_before(handbook: IndexedFolder, tmp_path: Path) -> None:
    import_plain(handbook, tmp_path, [exchange(1, HIVES)])
    report = import_plain(handbook, tmp_path, [{"id": "1", "vote": "up"}])
    assert (report.rows, report.votes, report.skipped) == (0, 1, 0)


def test_a_clock_that_is_ahead_is_not_believed(handbook: IndexedFolder, tmp_path: Path) -> None:
    import_plain(handbook, tmp_path, [exchange(1, asked_at="2099-01-01T00:00:00Z"), exchange(2, asked_at=0)])
    assert all(datetime.now(UTC) - one["asked_at"] < timedelta(minutes=5) for one in rows(handbook))


def test_an_export_of_the_log_adds_none_of_its_answers_again(handbook: IndexedFolder, tmp_path: Path) -> None:
    import_plain(handbook, tmp_path, [exchange(1, HIVES, feedback="up"), exchange(2)])
    export = tmp_path / "export.jsonl"
    handbook.app().learning.export_log(export)
    report = imported(handbook, export)
    assert (report.rows, report.votes, dict(report.reasons)) == (0, 0, {OURS: 2})
    assert handbook.app().journal.counts() == {"interactions": 2, "feedback": 1}


def test_a_dry_run_logs_nothing(handbook: IndexedFolder, tmp_path: Path) -> None:
    records = [exchange(1, HIVES, feedback="up"), exchange(2, HIVES.replace("eleven", "ten"))]
    tried = imported(handbook, written(tmp_path, records), dry_run=True)
    assert handbook.app().journal.counts() == {"interactions": 0, "feedback": 0}
    assert tried.dry_run
    done = imported(handbook, written(tmp_path, records))
    assert (done.rows, done.votes, done.verdicts) == (tried.rows, tried.votes, tried.verdicts)


def test_an_import_before_the_first_sync_keeps_the_answers(indexed: IndexedFolder, tmp_path: Path) -> None:
    indexed.app().parts.made_store()
    report = import_plain(indexed, tmp_path, [exchange(1, HIVES)])
    assert (report.rows, report.tied, report.untied) == (1, 0, 1)


@pytest.mark.parametrize("records", [[], [exchange(1)]])
def test_the_command_says_what_it_logged_where_no_passage_was_shown(
    handbook: IndexedFolder, tmp_path: Path, records: list[Any]
) -> None:
    file = written(tmp_path, records)
    found = CliRunner().invoke(
        commands, ["--home", str(handbook.home), "log", "import", str(file), "--format", "jsonl"]
    )
    assert found.exit_code == 0
    assert f"answers                        {len(records)}" in found.stdout
    assert "verdict" not in found.stdout


def test_the_command_reports_as_json_and_says_what_it_skipped(handbook: IndexedFolder, tmp_path: Path) -> None:
    file = written(tmp_path, [json.dumps(exchange(1, HIVES)), "{broken"])
    found = CliRunner().invoke(
        commands, ["--home", str(handbook.home), "log", "import", str(file), "--format", "jsonl", "--json"]
    )
    report = json.loads(found.stdout)
    assert found.exit_code == 1, "done in part"
    assert {name: report[name] for name in ("rows", "tied", "untied", "skipped")} == {
        "rows": 1, "tied": 1, "untied": 0, "skipped": 1,
    }  # fmt: skip
    assert report["verdicts"]["text"] == 1
    assert report["problems"][0]["place"].startswith("line 2")


def test_what_the_log_keeps_holds_no_text_of_passages(handbook: IndexedFolder, tmp_path: Path) -> None:
    import_plain(handbook, tmp_path, [exchange(1, {"text": HIVES, "source": "guide/bees.md", "score": 0.5})])
    (row,) = rows(handbook)
    assert "Brandt" not in json.dumps({**row, "question": "", "answer": ""}, default=str)
    assert (row["passages"][0]["score"], row["origin"]) == (0.5, "jsonl:1")
