"""Who saw a document, who approved what about it, and what a home has of a person."""

import json

import pytest

from ragloop.corpus.sync.decided_deletes import decide
from ragloop.erasure.asked import Asked
from ragloop.erasure.audit import Audit
from ragloop.errors import NotFoundError, UsageError
from ragloop.learning.examples.example import DocumentRevision
from ragloop.learning.examples.lineage import TrainedRow, write_rows
from ragloop.records import Origin
from ragloop.registry import Registry
from tests.support.indexed_folder import IndexedFolder
from tests.support.registered import register
from tests.support.topic_home import BEES, FERRY, ask, made


@pytest.fixture
def home(indexed: IndexedFolder) -> IndexedFolder:
    made(indexed)
    indexed.settings = {**indexed.settings, "retrieval": {"min_similarity": -1, "top_k": 2}}
    return indexed


def audited(home: IndexedFolder, name: str = "bees.md") -> Audit:
    return home.app().safekeeping.auditor.audit(name)


def test_who_saw_a_document_is_told_with_caller_time_and_whether_it_was_cited(home: IndexedFolder) -> None:
    answerer = home.app().answering.answerer
    first = answerer.ask(BEES[0], origin=Origin("web", "talk-1"))
    second = answerer.ask(FERRY[0])
    seen = audited(home).seen
    assert [(one.interaction_id, one.asked_by, one.conversation) for one in seen] == [
        (first.interaction_id, "web", "talk-1"),
        (second.interaction_id, "", ""),
    ]
    assert seen[0].cited
    (revision,) = seen[0].revisions
    home.write("bees.md", "# Bees\n\nBo keeps the bees behind the mill.\n")
    home.sync()
    home.app().answering.answerer.ask(BEES[0])
    assert [one.revisions == (revision,) for one in audited(home).seen] == [True, True, False]


def test_a_document_that_was_only_retrieved_is_not_called_cited(home: IndexedFolder) -> None:
    (asked,) = ask(home.app(), FERRY[:1])
    row = home.app().journal.answer(asked)
    cited = {one["document_id"] for one in row["citations"]}
    for name in ("bees.md", "ferry.md"):
        found = audited(home, name)
        assert [one.cited for one in found.seen] == [found.documents[0].document_id in cited]
    assert len(cited) == 1


def test_a_document_of_the_log_alone_is_found_and_one_of_nowhere_is_not(home: IndexedFolder) -> None:
    ask(home.app(), BEES[:1])
    uri = audited(home).documents[0].uri
    (home.folder / "bees.md").unlink()
    home.sync(confirm_deletes=True)
    assert len(audited(home, uri).seen) == 1
    with pytest.raises(NotFoundError):
        audited(home, "nowhere.md")


def test_promotions_deletes_and_erasures_are_told_with_who_approved_them(home: IndexedFolder) -> None:
    app = home.app()
    document = audited(home).documents[0]
    on_it = DocumentRevision(document.document_id, document.revisions[0], True)
    for name, documents in (("on-it", (on_it,)), ("off-it", ())):
        trained_on(app.registry, name, app.settings.model.base, documents)
        app.registry.promote(name, "it is better", by="ada")
    places = frozenset({(document.source, document.key)})
    decide(app.store, places, approved=False, by="bo", reason="a mount was empty", days=7)
    told = [(one.what.split(" which")[0].rstrip(","), one.by, one.reason) for one in audited(home).approvals]
    assert told == [("promote of adapter on-it", "ada", "it is better"), ("delete refused", "bo", "a mount was empty")]
    done = app.erasing.run(Asked(("bees.md",), by="cy", reason="request 17"))
    after = home.app().safekeeping.auditor.audit("bees.md", document.source)
    assert [one.by for one in after.approvals if done.certificate_id in one.what] == ["cy"]


def trained_on(registry: Registry, name: str, base: str, documents: tuple[DocumentRevision, ...]) -> None:
    register(registry, name, base=base)
    row = TrainedRow("Who keeps the bees?", "Ada", documents)
    write_rows([row], registry.artifacts.folder / "adapters" / name, lambda row: ())


def test_a_person_gets_every_answer_and_document_with_the_name_and_the_feedback(home: IndexedFolder) -> None:
    app = home.app()
    assert list(app.safekeeping.subject_access.lines(["erika mustermann"])) == []
    asked = ask(app, ["Is Erika Mustermann the one who keeps the bees?", FERRY[0], BEES[0]])
    app.journal.give_feedback(asked[0], "up")
    app.journal.give_feedback(asked[2], "correction", "Erika  MUSTERMANN keeps them")
    home.write("people.md", "# People\n\nErika Mustermann lives at the mill.\n")
    home.sync()
    lines = list(home.app().safekeeping.subject_access.lines(["erika mustermann"]))
    documents = [one["key"] for one in lines if one["kind"] == "document"]
    answers = {one["interaction_id"]: one for one in lines if one["kind"] == "answer"}
    assert documents == ["people.md"]
    assert answers.keys() == {asked[0], asked[2]}
    assert [one["kind"] for one in answers[asked[0]]["feedback"]] == ["up"]
    assert json.dumps(lines, default=str)
    assert not [one for one in home.app().safekeeping.subject_access.lines(["Ünal"]) if one["kind"] == "answer"]
    with pytest.raises(UsageError, match="no word"):
        list(app.safekeeping.subject_access.lines(["?!"]))
