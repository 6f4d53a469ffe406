"""Documents are erased: what goes with them, what stays, what does not come back, and what a search finds."""

import gzip
import json
import shutil
import sqlite3
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ragloop.app import App
from ragloop.corpus.index import inventory
from ragloop.corpus.sync.decided_deletes import decide, decisions
from ragloop.erasure.asked import Asked
from ragloop.erasure.words import Names
from ragloop.errors import MismatchError, NotFoundError, StoreBusyError, UsageError
from ragloop.learning.evaluation.golden import GoldenQuestion
from ragloop.learning.golden.kept import GoldenSet
from ragloop.migration.routes.kept import KeptRoutes
from ragloop.migration.routes.planning import Move
from ragloop.migration.routes.route import MoveKind
from ragloop.migration.topics.editing import renamed
from ragloop.records import LaneName
from ragloop.registry.aliases import Change
from ragloop.registry.succession import Alias, AliasChange
from ragloop.reports import Report, Reports
from ragloop.traffic.intake.requests import Request
from ragloop.traffic.intake.spool import Spool
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.dying import Dying, Killed
from tests.support.indexed_folder import IndexedFolder
from tests.support.scanner import Planted, left

if TYPE_CHECKING:
    from tests.support.s3_server import Bucket

KEY = "vandelmorr.md"
SENTENCE = "The quixotrophe of old Vandelmorr keeps the bright brindled glimmerstone under a wexelbond roof."
QUESTION = "Who keeps the bright brindled glimmerstone of old Vandelmorr under a roof?"
SHARED = "All guests of the house have to leave their boots beside the door before they come into the hall."
LANE = LaneName.CLOSED_BOOK
PLANTED = Planted(("uixotrophe", "glimmerstone", "wexelbond", KEY))


@pytest.fixture
def home(indexed: IndexedFolder, tmp_path: Path) -> IndexedFolder:
    """Three documents, of which one is to be erased, and two answers, of which one cites it."""
    indexed.settings = {"backup": {"uri": str(tmp_path / "backups")}, "retrieval": {"min_similarity": -1, "top_k": 1}}
    indexed.write(KEY, f"# {QUESTION}\n\n{SENTENCE}\n")
    indexed.write("bees.md", "# Bees\n\nAda keeps the bees behind the mill and nobody else goes there at night.\n")
    indexed.write("ferry.md", "# Ferry\n\nThe ferry leaves at nine from the northern pier every day but Sunday.\n")
    indexed.sync()
    indexed.app().answering.answerer.ask_all([QUESTION, "When does the ferry leave?"])
    return indexed


def erase(app: App, *names: str) -> str:
    done = app.erasing.run(Asked(names or (KEY,), by="a test", reason="it was asked for"))
    assert done.found == ()
    return done.certificate_id


def keys(app: App) -> list[str]:
    return [one.key for one in app.documents()]


def places(home: IndexedFolder, tmp_path: Path) -> tuple[Path, Path]:
    return home.home, tmp_path / "backups"


def test_a_document_goes_with_the_answers_that_cite_it_and_the_backups_that_hold_it(
    home: IndexedFolder, tmp_path: Path
) -> None:
    before = home.app().safekeeping.back_up().backup_id
    assert left(PLANTED, *places(home, tmp_path))
    done = home.app().erasing.run(Asked((KEY,)))
    assert (done.found, done.backups_removed, done.removed["answers"]) == ((), (before,), 1)
    assert left(PLANTED, *places(home, tmp_path)) == []
    app = home.app()
    assert keys(app) == ["bees.md", "ferry.md"]
    assert app.journal.interactions()["question"].to_pylist() == ["When does the ferry leave?"]
    assert app.corpus.diagnose().healthy
    assert app.safekeeping.restore(None, replace=True).files
    assert keys(home.app()) == ["bees.md", "ferry.md"]


def test_a_damaged_record_of_an_erasure_stops_no_sync_and_doctor_names_it(home: IndexedFolder) -> None:
    record = home.home / "artifacts" / "erasures" / f"{'1' * 16}.json"
    record.parent.mkdir(parents=True)
    record.write_text('{"erasure": {')
    home.write("new.md", "# New\n\nNobody has read this.\n")
    synced = home.sync()
    assert (synced.added, [record.name in one for one in synced.notices]) == (1, [True])
    (finding,) = home.app().corpus.diagnose(offline=True).findings
    assert (finding.check, record.name in str(finding)) == ("erasures", True)


def test_a_sync_during_the_search_of_an_erasure_leaves_it_alone(home: IndexedFolder) -> None:
    home.app().safekeeping.back_up()
    erasing, notices = home.app().erasing, []

    def back_up() -> str:
        notices.extend(home.sync().notices)
        return erasing.back_up()

    done = replace(erasing, back_up=back_up).run(Asked((KEY,)))
    (read,) = erasing.certificates.all()
    assert (done.removed["answers"], read.certificate.removed) == (1, done.removed)
    assert read.certificate.backups_removed == done.backups_removed != ()
    assert all("is not complete" in one for one in notices)


@pytest.mark.parametrize("by_doctor", [False, True], ids=["sync", "doctor"])
def test_a_sync_and_doctor_complete_an_erasure_that_was_killed(home: IndexedFolder, *, by_doctor: bool) -> None:
    dying = Dying(12)
    home.boundary = dying
    with pytest.raises(Killed):
        home.app().erasing.run(Asked((KEY,)))
    home.boundary = nullcontext
    app = home.app()
    assert [one.check for one in app.corpus.diagnose(offline=True).findings] == ["erasures"]
    if by_doctor:
        repaired = app.corpus.diagnose(repair=True)
        assert repaired.healthy
        assert any("which was interrupted, is complete" in one for one in repaired.notes)
    else:
        with app.store.lease("retraining"):
            assert any("ragloop erase resume" in one for one in home.sync().notices)
        assert any("which was interrupted, is complete" in one for one in home.sync().notices)
    assert left(PLANTED, home.home) == []
    assert home.app().corpus.diagnose(offline=True).healthy
    assert home.sync().notices == ()


def test_a_dry_look_changes_nothing(home: IndexedFolder) -> None:
    plan = home.app().erasing.plan(Asked((KEY,)))
    assert (plan.chunks, plan.interactions) == (1, 1)
    app = home.app()
    assert (KEY in keys(app), app.journal.counts()["interactions"], app.erasing.certificates.all()) == (True, 2, [])


def test_neither_a_sync_nor_a_rebuild_nor_a_copy_brings_it_back(home: IndexedFolder, tmp_path: Path) -> None:
    certificate = erase(home.app())
    home.write("copy.md", (home.folder / KEY).read_bytes())
    for asked in ({}, {"rebuild": True}, {}):
        report = home.sync(**asked)
        assert (report.suppressed, report.problems) == (2, ())
        assert left(PLANTED, home.home) == []
    (home.folder / KEY).rename(home.folder / "moved.md")
    assert home.sync().suppressed == 2
    app = home.app()
    assert (keys(app), app.corpus.diagnose().healthy) == (["bees.md", "ferry.md"], True)
    assert app.erasing.lift(certificate) == 3
    assert home.sync().added == 2


def test_a_copy_over_a_living_document_leaves_its_last_revision(home: IndexedFolder) -> None:
    erase(home.app())
    home.write("bees.md", (home.folder / KEY).read_bytes())
    for _ in range(2):
        assert home.sync().suppressed == 2
        assert left(PLANTED, home.home) == []
    app = home.app()
    assert (keys(app), app.corpus.diagnose().healthy) == (["bees.md", "ferry.md"], True)
    home.write("bees.md", "# Bees\n\nBo keeps the bees now.\n")
    assert home.sync().updated == 1


def test_a_text_that_another_document_has_is_listed_and_stays(home: IndexedFolder) -> None:
    for key in ("one.md", "two.md"):
        home.write(key, SHARED + "\n")
    home.sync()
    app = home.app()
    plan = app.erasing.plan(Asked(("one.md",)))
    assert [(Path(one.uri).name, Path(one.kept_by).name) for one in plan.shared] == [("one.md", "two.md")]
    erase(app, "one.md")
    assert any(SHARED in one for one in home.found(SHARED, 1))
    home.sync(retry_quarantined=True)
    assert not home.embedder.embedded


def test_an_answer_that_was_only_shown_a_passage_stays_without_it(home: IndexedFolder) -> None:
    home.settings = {**home.settings, "retrieval": {"min_similarity": -1, "top_k": 3}}
    asked = home.app().answering.answerer.ask("When does the ferry leave the northern pier?")
    assert not {one.document_id for one in asked.citations} & {
        one.document_id for one in asked.passages if one.uri.endswith(KEY)
    }
    erase(home.app())
    (row,) = home.app().journal.interactions(f"interaction_id = '{asked.interaction_id}'").to_pylist()
    assert len(row["passages"]) == len(asked.passages) - 1


def test_an_answer_that_was_under_way_during_an_erasure_goes_when_the_log_is_read(home: IndexedFolder) -> None:
    home.settings = {**home.settings, "retrieval": {"min_similarity": -1, "top_k": 3}}
    app = home.app()
    cites, shown = app.answering.answerer.ask_all([QUESTION, "When does the ferry leave the northern pier?"])
    rows = [app.journal.answer(one.interaction_id) for one in (cites, shown)]
    certificate = erase(home.app())
    app.journal.append("interactions", [{**row, "answer": "At nine.", "question": "When?"} for row in rows])
    app.journal.give_feedback(cites.interaction_id, "up")
    before = len(rows[1]["passages"])
    (row,) = (one for one in app.journal.interactions().to_pylist() if one["question"] == "When?")
    assert (row["interaction_id"], len(row["passages"])) == (shown.interaction_id, before - 1)
    assert app.journal.feedback().num_rows == 0
    assert home.app().erasing.verify(certificate).found == ()


def test_answers_and_terms_are_erased_too(home: IndexedFolder) -> None:
    app = home.app()
    ferry = app.answering.answerer.ask("When does the ferry leave on Monday?")
    assert app.erasing.plan(Asked(subjects=("Glimmerstone",))).documents[0].key == KEY
    done = app.erasing.run(Asked(interactions=(ferry.interaction_id,)))
    assert (done.found, done.removed["answers"]) == ((), 1)
    assert keys(home.app()) == ["bees.md", "ferry.md", KEY]


def test_a_term_is_found_in_names_of_documents_and_where_no_eraser_looks_the_search_says_so(
    home: IndexedFolder,
) -> None:
    home.write("erika-mustermann.md", "# Leave\n\nTwo weeks in the summer were asked for and given.\n")
    home.sync()
    app = home.app()
    Reports(app.store).append(Report("review", "", app.store.now(), {"by": "Erika Mustermann"}))
    done = app.erasing.run(Asked(subjects=("Erika Mustermann",)))
    assert done.found == ()
    app = home.app()
    assert "erika-mustermann.md" not in keys(app)
    said = app.erasing.verify(done.certificate_id).searched.left_out
    assert any(one.startswith("terms of fewer than 8 words") for one in said)


def test_a_person_who_is_erased_is_named_in_no_history(home: IndexedFolder) -> None:
    person, app = "Erika Mustermann", home.app()
    app.registry.aliases.append(Change(LANE, Alias.CHAMPION, AliasChange.ROLLBACK, None, f"{person} asked", person))
    app.registry.aliases.append(Change(LANE, Alias.CHAMPION, AliasChange.ROLLBACK, None, "the gate said so", "Ada"))
    app.migration.topics()
    topic = app.migration.kept.read().topics[0].topic_id
    app.migration.kept.change(lambda now: renamed(now, topic, "Ferries", person))
    KeptRoutes(app.store).append([Move(topic, MoveKind.DOWN, LANE, 1.0, None, f"{person} asked")], {}, person)
    Reports(app.store).append(Report("review", "", app.store.now(), {"by": person, "rows": 1}))
    assert app.erasing.run(Asked(subjects=(person,))).found == ()
    app = home.app()
    assert [(one["by"], one["reason"]) for one in app.registry.history()] == [
        ("erased", "erased"),
        ("Ada", "the gate said so"),
    ]
    (route,) = KeptRoutes(app.store).history()
    assert (route.by, route.reason) == ("erased", "erased")
    assert [(one.name, one.named_by) for one in app.migration.kept.read().topics if one.topic_id == topic] == [
        ("Ferries", "erased")
    ]
    assert Reports(app.store).latest("review").body == {"by": "erased", "rows": 1}


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"documents": ("nothing.md",)}, NotFoundError),
        ({"documents": (".md",)}, NotFoundError),
        ({"interactions": ("0" * 32,)}, NotFoundError),
        ({"source": "no source"}, NotFoundError),
        ({"subjects": ("...",)}, UsageError),
        ({"documents": (" ",)}, UsageError),
        ({}, UsageError),
    ],
)
def test_what_is_not_there_is_not_erased(home: IndexedFolder, asked: dict[str, tuple[str, ...]], error: type) -> None:
    with pytest.raises(error):
        home.app().erasing.run(Asked(**asked))
    assert home.app().erasing.certificates.all() == []


def test_nothing_is_erased_while_a_retraining_runs_or_a_backup_cannot_be_read(
    home: IndexedFolder, tmp_path: Path
) -> None:
    app = home.app()
    with app.store.lease("retraining"), pytest.raises(StoreBusyError):
        home.app().erasing.run(Asked((KEY,)))
    backup_id = app.safekeeping.back_up().backup_id
    (tmp_path / "backups" / "backups" / f"{backup_id}.json").write_text("{}")
    with pytest.raises(MismatchError, match="nobody can tell what a damaged backup holds"):
        home.app().erasing.run(Asked((KEY,)))
    assert KEY in keys(home.app())


def test_what_a_restore_of_an_older_backup_brings_back_is_erased_again(home: IndexedFolder, tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    home.app().safekeeping.back_up(elsewhere)
    erase(home.app())
    home.app().safekeeping.restore(elsewhere, replace=True)
    assert left(PLANTED, home.home)
    (again,) = home.app().erasing.erase_what_returned()
    assert again.found == ()
    assert left(PLANTED, home.home) == []
    assert home.app().erasing.erase_what_returned() == []


def test_each_erasure_is_repeated_by_its_own_certificate_but_for_one_that_was_lifted(
    home: IndexedFolder, tmp_path: Path
) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    ferry = home.app().journal.interactions().to_pylist()[-1]["interaction_id"]
    home.app().safekeeping.back_up(elsewhere)
    of_document, of_bees = erase(home.app()), erase(home.app(), "bees.md")
    of_answer = home.app().erasing.run(Asked(interactions=(ferry,))).certificate_id
    home.app().erasing.lift(of_bees)
    home.app().safekeeping.restore(elsewhere, replace=True)
    assert (len(keys(home.app())), home.app().journal.counts()["interactions"]) == (3, 2)
    again = home.app().erasing.erase_what_returned()
    assert {one.certificate_id for one in again} == {of_document, of_answer}
    assert (keys(home.app()), home.app().journal.counts()["interactions"]) == (["bees.md", "ferry.md"], 0)
    assert all(home.app().erasing.verify(one).signed for one in (of_document, of_answer, of_bees))


@pytest.mark.parametrize("into_the_home", [True, False])
def test_the_backup_that_is_left_has_the_signed_certificate_and_none_takes_it_away(
    home: IndexedFolder, tmp_path: Path, into_the_home: bool
) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    home.app().safekeeping.back_up()
    home.boundary = Dying(2)
    with pytest.raises(Killed):
        home.app().erasing.run(Asked((KEY,)))
    home.boundary = Dying()
    home.app().safekeeping.back_up(elsewhere)
    (done,) = home.app().erasing.complete()
    home.app().safekeeping.restore(elsewhere if into_the_home else None, replace=True)
    if not into_the_home:
        (home.home / "artifacts" / "erasures" / f"{done.certificate_id}.json").unlink()
        home.app().safekeeping.restore(None, replace=True)
    assert len(home.app().safekeeping.backups().all()) == 1
    assert [one.is_signed() for one in home.app().erasing.certificates.all()] == [True]


def test_a_search_finds_what_somebody_brings_back_and_a_signature_that_was_bent(
    home: IndexedFolder, tmp_path: Path
) -> None:
    certificate = erase(home.app())
    erasing = home.app().erasing
    file = home.home / "artifacts" / "erasures" / f"{certificate}.json"
    text = file.read_text()
    assert not any(one in text for one in (SENTENCE, KEY))
    assert (home.home / "erasure.key").stat().st_mode & 0o077 == 0
    (home.home / "notes.txt").write_text(f"Somebody kept this: {SENTENCE}")
    verified = erasing.verify(certificate)
    assert [(Path(one.where).name, one.what) for one in verified.found] == [("notes.txt", "words of it")]
    (home.home / "notes.txt").unlink()
    body = json.loads(text)
    body["erasure"]["removed"]["answers"] = 99
    bent = tmp_path / "bent.json"
    bent.write_text(json.dumps(body))
    assert (erasing.verify(str(bent)).signed, erasing.verify(str(file)).signed) == (False, True)


@pytest.mark.parametrize(
    ("key", "said", "left_of_it"),
    [
        ("HR policy (1).pdf", "HR policy (1).pdf: damaged PDF", "-: damaged PDF"),
        ("handbook.md", "/d/handbook.md gone, key=handbook.md", "/d/- gone, key=-"),
        ("handbook.md", "docs/handbook.md and handbook.mdx", "docs/- and handbook.mdx"),
        ("(1) a.md", 'see "(1) a.md".', 'see "-".'),
    ],
)
def test_names_are_found_however_they_stand_in_a_sentence(key: str, said: str, left_of_it: str) -> None:
    names = Names.of("salt", [key, f"file:///d/x/{key}"])
    assert names.taken_out_of(said, "-") == left_of_it
    assert names.stand_in(said)
    assert not names.stand_in(left_of_it)


def test_a_name_that_stands_in_that_of_a_living_document_costs_it_nothing(home: IndexedFolder) -> None:
    (home.folder / "docs").mkdir()
    home.write(f"docs/{KEY}", "# Bears\n\nNobody has seen a bear in the valley for many years.\n")
    home.sync()
    app = home.app()
    Reports(app.store).append(Report("review", "", app.store.now(), {"seen": [f"docs/{KEY}", str(home.folder / KEY)]}))
    erase(app, str((home.folder / KEY).as_uri()))
    app = home.app()
    assert f"docs/{KEY}" in keys(app)
    assert Reports(app.store).history("review")[0].body == {"seen": [f"docs/{KEY}"]}


def test_names_go_from_the_databases_of_an_orchestrator(home: IndexedFolder) -> None:
    file = home.home / "prefect" / "prefect.db"
    file.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE log (message TEXT)")
        db.execute("INSERT INTO log VALUES (?), (?)", (f"quarantined: {KEY}: no text", "done"))
        db.commit()
    assert left(PLANTED, file.parent)
    erase(home.app())
    assert left(PLANTED, file.parent) == []
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT message FROM log").fetchall() == [
            ("quarantined: an erased document: no text",),
            ("done",),
        ]


def test_an_erasure_that_was_killed_is_completed_by_the_next(home: IndexedFolder) -> None:
    _killed_and_completed(home, Dying(5))


def test_a_dataset_that_was_made_after_the_kill_goes_too(home: IndexedFolder) -> None:
    home.boundary = Dying(2)
    with pytest.raises(Killed):
        home.app().erasing.run(Asked((KEY,)))
    home.boundary = Dying()
    (begun,) = home.app().erasing.certificates.unfinished()
    made = home.home / "artifacts" / "datasets" / "0123456789abcdef" / "train.parquet"
    made.parent.mkdir(parents=True)
    pq.write_table(pa.table({"interaction_ids": [sorted(begun.traces.interactions)]}), made)
    (done,) = home.app().erasing.complete()
    assert (done.found, made.exists(), done.removed["files train.parquet"]) == ((), False, 1)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_an_erasure_that_was_killed_at_any_step_is_completed_by_the_next(tmp_path: Path) -> None:
    prepared = _home_in(tmp_path, "prepared")
    prepared.write(KEY, f"# {QUESTION}\n\n{SENTENCE}\n")
    prepared.write("bees.md", "# Bees\n\nAda keeps the bees behind the mill.\n")
    prepared.sync()
    prepared.app().answering.answerer.ask(QUESTION)
    undisturbed = Dying()
    whole = copied(prepared, _home_in(tmp_path, "undisturbed"))
    whole.boundary = undisturbed
    whole.app().erasing.run(Asked((KEY,)))
    last = len(undisturbed.made) - 1
    # Between two steps on one table nothing changes; the journal is sealed and emptied between others.
    tables = [step.split()[-1] for step in undisturbed.made]
    ends = [n for n in range(last + 1) if n == last or tables[n] != tables[n + 1]]
    for dying in (*map(Dying, range(last + 1)), *(Dying(n, after=True) for n in ends)):
        _killed_and_completed(copied(prepared, _home_in(tmp_path, f"{dying.steps}-{dying.after}")), dying)


def _home_in(tmp_path: Path, name: str) -> IndexedFolder:
    """A home of this name over one folder, with backups beside it."""
    settings = {"backup": {"uri": str(tmp_path / name / "backups")}, "retrieval": {"min_similarity": -1}}
    home = tmp_path / name / "home"
    return IndexedFolder(home, tmp_path / "documents", ConstantEmbedder(), settings=settings)


def copied(home: IndexedFolder, to: IndexedFolder) -> IndexedFolder:
    """A home with what another holds now."""
    shutil.copytree(home.home, to.home)
    return to


def _killed_and_completed(home: IndexedFolder, dying: Dying) -> None:
    home.app().safekeeping.back_up()
    home.boundary = dying
    with pytest.raises(Killed):
        home.app().erasing.run(Asked((KEY,)))
    home.boundary = Dying()
    home.sync()
    assert [one.is_signed() for one in home.app().erasing.certificates.all()] == [True]
    assert left(PLANTED, home.home, Path(home.settings["backup"]["uri"])) == []
    assert home.app().corpus.diagnose().healthy
    assert home.app().erasing.complete() == []


@pytest.mark.long
def test_what_lies_in_buckets_is_erased(indexed: IndexedFolder, bucket: "Bucket", tmp_path: Path) -> None:
    indexed.settings = {
        "store": bucket.uri("home"), "artifacts": bucket.uri("artifacts"), "backup": {"uri": bucket.uri("backups")},
        "retrieval": {"min_similarity": -1},
    }  # fmt: skip
    indexed.write(KEY, f"# {QUESTION}\n\n{SENTENCE}\n")
    indexed.write("bees.md", "# Bees\n\nAda keeps the bees behind the mill.\n")
    indexed.sync()
    indexed.app().answering.answerer.ask(QUESTION)
    indexed.app().safekeeping.back_up()
    done = indexed.app().erasing.run(Asked((KEY,)))
    assert (done.found, done.removed["answers"]) == ((), 1)
    assert keys(indexed.app()) == ["bees.md"]
    assert indexed.app().erasing.verify(done.certificate_id).found == ()


def test_a_name_that_is_an_ordinary_word_costs_no_living_state(home: IndexedFolder) -> None:
    app = home.app()
    decide(app.store, frozenset({("a bucket", "champion")}), approved=False, by="a test", reason="", days=30)
    kept = Report("champion", "champion", app.store.now(), {"state": "champion", "champion": ["champion", "x"]})
    Reports(app.store).put(kept)
    assert app.erasing.run(Asked(("champion",), source="a bucket")).is_done
    after = home.app()
    left_over = Reports(after.store).latest("champion", "champion")
    assert left_over is not None
    assert left_over.body == kept.body
    assert [one.refused for one in decisions(Reports(after.store))] == [frozenset()]


def test_a_database_of_the_orchestrator_may_have_names_that_are_unique_and_others_are_let_alone(
    home: IndexedFolder,
) -> None:
    (home.home / "prefect").mkdir(mode=0o700)
    for file in (home.home / "prefect" / "prefect.db", home.home / "own.db"):
        with closing(sqlite3.connect(file)) as db:
            db.execute("CREATE TABLE log (message TEXT UNIQUE)")
            db.execute("INSERT INTO log VALUES (?), (?)", (KEY, f'"{KEY}"'[1:-1] + ":"))
            db.execute("INSERT INTO log VALUES (?)", ("an erased document",))
            db.commit()
    done = home.app().erasing.run(Asked((KEY,)))
    assert {Path(one.where).name for one in done.found} == {"own.db"}
    with closing(sqlite3.connect(home.home / "own.db")) as db:
        assert (KEY,) in db.execute("SELECT message FROM log").fetchall()


def test_golden_questions_and_what_waits_to_be_logged_go_where_they_rest_on_it(home: IndexedFolder) -> None:
    app = home.app()
    golden = GoldenSet(app.store, app.registry.artifacts.files)
    golden.add([GoldenQuestion(SENTENCE, ("yes",)), GoldenQuestion("When does the ferry leave?", ("at nine",))])
    spool = Spool(home.home)
    for said in (SENTENCE, "The ferry leaves at nine."):
        spool.keep(Request(gzip.compress(json.dumps({"said": said}).encode(), mtime=0), "application/json", "gzip"))
    erase(app)
    assert [one.question for one in golden.all()] == ["When does the ferry leave?"]
    waiting = [one for one in (home.home / "traces").glob("*/*") if one.name != "lock"]
    assert [b"ferry" in gzip.decompress(one.read_bytes().partition(b"\n")[2]) for one in waiting] == [True]
    spool.close()


@pytest.mark.parametrize("late", [False, True], ids=["before it", "while it is under way"])
def test_a_correction_that_rests_on_it_goes(home: IndexedFolder, *, late: bool) -> None:
    app = home.app()
    (ferry,) = app.journal.interactions("question = 'When does the ferry leave?'").to_pylist()
    document = next(one for one, key in inventory.keys(app.index).items() if key == KEY)
    support = [{"document_id": document, "statements": ["d"]}]
    said = {"feedback_id": "f", "interaction_id": ferry["interaction_id"], "given_at": app.store.now()}
    correction = {**said, "kind": "correction", "correction": "Never.", "support": support}
    if late:
        erase(home.app())
    app.journal.append("feedback", [correction])
    if not late:
        erase(home.app())
    assert home.app().journal.feedback().num_rows == 0
    assert home.app().journal.interactions().num_rows == late, "the answer that it was about was shown both"


def test_an_answer_goes_whose_rewritten_question_has_words_of_it(home: IndexedFolder) -> None:
    app = home.app()
    row = app.journal.answer(app.journal.interactions().to_pylist()[-1]["interaction_id"])
    changed = {"interaction_id": "f" * 32, "question": "And who?", "answer": "Nobody.", "rewritten": SENTENCE}
    app.journal.append("interactions", [{**row, **changed, "passages": [], "citations": [], "support": None}])
    erase(app)
    assert app.journal.interactions()["question"].to_pylist() == ["When does the ferry leave?"]
