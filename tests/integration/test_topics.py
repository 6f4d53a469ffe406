"""Topics of a log: found, joined, grouped anew under the same ids, edited by people, described by figures, erased."""

from contextlib import nullcontext, suppress

import pytest

from ragloop.app import App
from ragloop.erasure.asked import Asked
from ragloop.errors import NotFoundError, UsageError
from ragloop.migration.topics.editing import merged, pinned, renamed
from ragloop.migration.topics.report import TopicRow
from tests.support.dying import Dying, Killed
from tests.support.indexed_folder import IndexedFolder
from tests.support.topic_home import BEES, FERRY, ask, made


@pytest.fixture
def home(indexed: IndexedFolder) -> IndexedFolder:
    return made(indexed)


def rows(app: App, *, anew: bool = False) -> list[TopicRow]:
    return list(app.migration.topics(anew=anew)[0].topics)


def test_questions_that_are_alike_are_one_topic_with_the_figures_of_its_answers(home: IndexedFolder) -> None:
    app = home.app()
    ids = ask(app, [*BEES, *FERRY])
    app.journal.give_all_feedback([(ids[0], "up", None), (ids[1], "correction", "Ada does"), (ids[4], "down", None)])
    report, found = app.migration.topics()
    bees, ferry = report.topics
    assert (report.answers, report.outside, found.joined, found.new) == (7, 0, 7, 2)
    assert (bees.topic.name, ferry.topic.name) == (BEES[0], FERRY[1])
    assert "bees" in bees.topic.terms
    assert "ferry" in ferry.topic.terms
    figures = bees.state.figures
    assert (figures.questions, figures.distinct, figures.repeat_share) == (4, 3, 0.25)
    assert (figures.up, figures.down, figures.corrected) == (1, 1, 1)
    assert dict(figures.lanes) == {"base+rag": 1.0}
    assert [(one.key, one.revisions) for one in figures.documents] == [("bees.md", 1)]
    assert ferry.state.figures.down == 1
    assert ferry.prospect.held_back_by


def test_new_questions_join_their_topic_and_only_what_is_new_is_read(home: IndexedFolder) -> None:
    app = home.app()
    ask(app, [*BEES[:2], *FERRY])
    before = rows(app)
    home.embedder.embedded.clear()
    assert app.migration.topics()[1].joined == 0
    assert home.embedder.embedded == []
    ask(app, BEES[2:])
    after, found = app.migration.topics()
    assert (found.joined, found.new) == (2, 0)
    assert {one.topic.topic_id for one in after.topics} == {one.topic.topic_id for one in before}


def test_an_import_of_older_answers_is_seen(home: IndexedFolder) -> None:
    app = home.app()
    ask(app, BEES)
    rows(app)
    (row,) = app.journal.interactions("question = 'Who keeps the bees of the mill?'").to_pylist()
    older = {**row, "interaction_id": "older", "question": "Where does the ferry leave?", "rewritten": None}
    app.journal.take("interactions", [{**older, "asked_at": row["asked_at"].replace(year=2020)}])
    assert app.migration.finder.find().new == 1


def test_a_lost_table_of_questions_is_filled_again_from_the_log(home: IndexedFolder) -> None:
    ask(home.app(), [*BEES, *FERRY])
    rows(home.app())
    app = home.app()
    app.store.delete("topic_questions", "true")
    assert [one.state.figures.questions for one in rows(app)] == [4, 3]


def test_a_regrouping_keeps_ids_names_and_what_people_put_together(home: IndexedFolder) -> None:
    app = home.app()
    ask(app, [*BEES, *FERRY])
    bees, ferry = rows(app)
    app.migration.kept.change(lambda now: renamed(now, bees.topic.topic_id[:6], "Bee keeping", "ada"))
    again = rows(app, anew=True)
    assert [(one.topic.topic_id, one.topic.name) for one in again] == [
        (bees.topic.topic_id, "Bee keeping"),
        (ferry.topic.topic_id, ferry.topic.name),
    ]
    app.migration.kept.change(lambda now: merged(now, "Bee keeping", [ferry.topic.topic_id]))
    (both,) = rows(app, anew=True)
    assert (both.topic.topic_id, both.topic.pinned, both.state.figures.questions) == (bees.topic.topic_id, True, 7)
    app.migration.finder.split(both.topic.topic_id)
    parts = rows(app, anew=True)
    assert sorted(one.state.figures.questions for one in parts) == [3, 4]
    assert all(one.topic.pinned for one in parts)
    app.migration.kept.change(lambda now: pinned(now, both.topic.topic_id, on=False))
    assert len(rows(app, anew=True)) == 2


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("steps", range(4))
def test_a_look_that_is_killed_is_repeated_by_the_next(home: IndexedFolder, steps: int, *, after: bool) -> None:
    ask(home.app(), [*BEES, *FERRY])
    home.app().journal.fold()
    home.boundary = Dying(steps, after)
    with suppress(Killed):
        home.app().migration.topics()
    home.boundary = nullcontext
    assert [one.state.figures.questions for one in rows(home.app())] == [4, 3]
    kept = home.app().migration.kept.read()
    assert len(kept.topics) == 2
    assert set(kept.of_question.values()) == {one.topic_id for one in kept.topics}


def test_what_names_no_topic_or_several_is_refused(home: IndexedFolder) -> None:
    app = home.app()
    ask(app, BEES[:1])
    (one,) = rows(app)
    grouping = app.migration.kept.read()
    with pytest.raises(NotFoundError, match="ragloop topics"):
        renamed(grouping, "ffff", "x", "")
    with pytest.raises(UsageError, match="at least two"):
        merged(grouping, one.topic.topic_id, [one.topic.topic_id])
    with pytest.raises(UsageError, match="found 1 question"):
        app.migration.finder.split(one.topic.topic_id)


def test_an_erasure_takes_questions_and_names_out_of_topics(home: IndexedFolder) -> None:
    app = home.app()
    ask(app, [*BEES, *FERRY])
    bees, ferry = rows(app)
    done = app.erasing.run(Asked(("bees.md",)))
    assert done.found == ()
    (left,) = app.migration.kept.read().topics
    assert left.topic_id == ferry.topic.topic_id
    assert done.removed["questions of topics"] == 4
    assert bees.topic.topic_id not in str(app.store.rows("topics").to_pylist())
    ask(app, FERRY[:1])
    assert [one.topic.topic_id for one in rows(app)] == [ferry.topic.topic_id]


def test_a_short_question_that_is_erased_names_no_topic_and_its_words_are_no_terms(home: IndexedFolder) -> None:
    app = home.app()
    short = "Who keeps bees?"
    ids = ask(app, [short, short, "Who keeps bees, Karl Sorglos?", "Who keeps bees, Sorglos?", "Who keeps bees then?"])
    (bees,) = rows(app)
    assert bees.topic.name == short
    assert "sorglos" in bees.topic.terms
    done = app.erasing.run(Asked(interactions=ids[:4]))
    (left,) = app.migration.kept.read().topics
    assert (done.found, left.topic_id) == ((), bees.topic.topic_id)
    assert (left.name, left.terms) == (left.topic_id, ())
    assert rows(app, anew=True)[0].topic.name == "Who keeps bees then?"


def test_a_document_that_changed_or_went_is_said_of_its_topic(home: IndexedFolder) -> None:
    app = home.app()
    ask(app, [*BEES, *FERRY])
    rows(app)
    home.write("bees.md", "# Bees\n\nBo keeps the bees behind the mill now.\n")
    (home.folder / "ferry.md").unlink()
    home.sync(confirm_deletes=True)
    app = home.app()
    ask(app, BEES[:1])
    bees, ferry = rows(app)
    assert [(one.key, one.revisions) for one in bees.state.figures.documents] == [("bees.md", 2)]
    assert [one.is_there for one in ferry.state.figures.documents] == [False]
    assert any("gone" in one for one in ferry.prospect.held_back_by)
