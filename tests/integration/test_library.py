"""`ragloop.open`: what a Python program and a notebook do with a home."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ragloop
from ragloop.answering.prompts import NOTHING_FOUND
from ragloop.app.library import Ragloop
from ragloop.errors import NotFoundError, UsageError
from ragloop.learning.examples.curation import Standing, curate
from ragloop.learning.examples.lineage import standing_of

pytestmark = pytest.mark.realmodel

DOCUMENTS = {
    "ferry.md": "# The ferry\n\nThe ferry leaves at nine. A ticket costs four euros.\n",
    "bees.md": "# Bees & hives\n\nAda keeps the bees behind the old mill.\n",
    "empty.md": "",
}
QUESTION = "When does the ferry leave?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    (folder / "docs").mkdir()
    for name, text in DOCUMENTS.items():
        (folder / "docs" / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def rl(folder: Path) -> Iterator[Ragloop]:
    with ragloop.open(folder / "home") as rl:
        assert rl.sync(str(folder / "docs")).added == len(DOCUMENTS)
        yield rl


def row(rl: Ragloop, interaction_id: str) -> dict[str, Any]:
    (found,) = rl.app.journal.interactions(f"interaction_id = '{interaction_id}'").to_pylist()
    return dict(found)


def test_an_answer_cites_and_takes_feedback(rl: Ragloop) -> None:
    answer = rl.ask(QUESTION)
    assert "nine" in answer.answer
    rl.feedback(answer, "up")
    rl.feedback(answer.interaction_id, correction="At nine.")
    given = [one for one in rl.app.journal.feedback().to_pylist() if one["interaction_id"] == answer.interaction_id]
    assert [(one["kind"], one["correction"]) for one in given] == [("up", None), ("correction", "At nine.")]


@pytest.mark.parametrize("given", [{}, {"vote": "up", "correction": "At nine."}, {"vote": "sideways"}])
def test_feedback_is_a_vote_or_a_correction(rl: Ragloop, given: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        rl.feedback(rl.ask(QUESTION), **given)


def test_an_answer_of_another_service_is_logged_with_its_evidence(rl: Ragloop) -> None:
    passages = rl.search(QUESTION, top_k=1)
    logged = row(rl, rl.log(QUESTION, "The ferry leaves at nine. [1]", passages, model="their-model"))
    assert (logged["question"], logged["answer"]) == (QUESTION, "The ferry leaves at nine. [1]")
    assert (logged["model"], logged["abstained"], logged["lane"]) == ("their-model", False, None)
    assert logged["generation"] == rl.app.index.generation.fingerprint
    assert logged["top_similarity"] == passages[0].similarity
    assert [one["n"] for one in logged["citations"]] == [1]
    (shown,) = logged["passages"]
    assert (shown["chunk_id"], shown["rank"]) == (passages[0].chunk_id, 1)
    assert [one["document_id"] for one in logged["support"]] == [passages[0].document_id]
    for name in ("prompt_hash", "prompt_tokens", "completion_tokens", "cost_usd", "guard", "adapter"):
        assert logged[name] is None


def test_texts_are_found_in_the_index_or_leave_their_place_empty(rl: Ragloop) -> None:
    texts = ["A  ticket costs\nfour euros.", "The moon is made of cheese.", " "]
    logged = row(rl, rl.log("What does a ticket cost?", "Four euros [1], says the moon [2].", texts))
    found, *unknown = logged["passages"]
    (ferry,) = rl.search("The ferry leaves at nine", top_k=1)
    assert (found["chunk_id"], found["revision"]) == (ferry.chunk_id, ferry.revision)
    assert [(one["chunk_id"], one["text_hash"], one["rank"]) for one in unknown] == [("", "", 2), ("", "", 3)]
    assert {one["score"] for one in logged["passages"]} == {None}
    assert [one["n"] for one in logged["citations"]] == [1]
    assert (logged["generation"], logged["top_similarity"], logged["support"]) == (None, None, None)


def standing(rl: Ragloop, logged: dict[str, Any]) -> Standing:
    return standing_of(rl.app.index, {(one["document_id"], one["revision"]) for one in logged["passages"]})


@pytest.mark.parametrize(
    ("answer", "passages", "reason"),
    [
        ("The ferry leaves at nine. [1]", ["The ferry leaves at nine."], None),
        ("The ferry leaves at nine.", ["The ferry leaves at nine.", "Seen on the moon."], "passage changed or gone"),
        (
            "The ferry leaves at nine. [1] It is red.",
            ["The ferry leaves at nine.", "Seen on the moon: it is red."],
            "no passage bears it out",
        ),
        ("The ferry leaves at nine.", [], "no document behind it"),
        ("", ["The ferry leaves at nine."], "abstained"),
    ],
)
def test_only_what_the_index_bears_out_is_trained_on(
    rl: Ragloop, answer: str, passages: list[str], reason: str | None
) -> None:
    interaction_id = rl.log(QUESTION, answer, passages)
    rl.feedback(interaction_id, "up")
    logged = row(rl, interaction_id)
    assert logged["abstained"] == (not answer)
    assert logged["answer"] == (answer or NOTHING_FOUND)
    votes = [one for one in rl.app.journal.feedback().to_pylist() if one["interaction_id"] == interaction_id]
    curated = curate([logged], votes, standing(rl, logged))
    assert {one: count for one, count in curated.funnel.items() if count} == ({reason: 1} if reason else {})


def test_a_statement_that_no_passage_says_leaves_the_answer_on_whole_passages(rl: Ragloop) -> None:
    logged = row(rl, rl.log(QUESTION, "The ferry leaves at nine. It is blue.", rl.search(QUESTION, top_k=1)))
    assert logged["support"] is None


def test_a_passage_of_before_an_edit_is_logged_as_it_was(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "docs" / "ferry.md"
    file.parent.mkdir()
    file.write_text(DOCUMENTS["ferry.md"], encoding="utf-8")
    with ragloop.open(tmp_path / "home") as rl:
        rl.sync(file.parent)
        (before,) = rl.search(QUESTION, top_k=1)
        file.write_text("# The ferry\n\nThe ferry leaves at ten.\n", encoding="utf-8")
        rl.sync(file.parent)
        logged = row(rl, rl.log(QUESTION, "The ferry leaves at nine. [1]", [before]))
    assert logged["generation"] is None
    assert logged["passages"][0]["revision"] == before.revision


def test_a_question_without_words_is_refused(rl: Ragloop) -> None:
    for call in (rl.search, rl.ask, lambda question: rl.log(question, "Yes.")):
        with pytest.raises(UsageError, match="empty"):
            call("  ")


def test_documents_are_listed(rl: Ragloop) -> None:
    assert [one.key for one in rl.documents()] == sorted(DOCUMENTS)
    assert rl.documents(quality="quarantined") == ()


def test_a_notebook_shows_values_as_html_and_documents_as_text(rl: Ragloop, folder: Path) -> None:
    shown: list[Any] = [rl.ask("Who keeps the bees?"), rl.search("bees"), rl.documents(), rl.sync(folder / "docs")]
    pages = [one._repr_html_() for one in shown]
    assert all("<table>" in page for page in pages)
    assert "<td>Bees &amp; hives</td>" in pages[1]
    assert "bees.md" in pages[0]
    assert "<td>unchanged</td><td>3</td>" in pages[3]


def test_a_closed_home_says_so(folder: Path) -> None:
    with ragloop.open(folder / "home") as rl:
        assert repr(rl) == f"ragloop.open({str(folder / 'home')!r})"
    assert repr(rl).endswith("(closed)")
    with pytest.raises(UsageError, match="closed"):
        rl.ask(QUESTION)


def test_a_home_that_was_never_synced_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="ragloop sync"):
        ragloop.open(tmp_path / "home").ask(QUESTION)


def test_the_package_exports_what_it_names() -> None:
    assert {one for one in ragloop.__all__ if getattr(ragloop, one, None) is None} == set()
    assert ragloop.Ragloop is Ragloop
    assert issubclass(UsageError, ragloop.RagloopError)
    with pytest.raises(AttributeError):
        ragloop.Raglop  # noqa: B018
