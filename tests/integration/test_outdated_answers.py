"""What an adapter has learned is not said once its document says otherwise, in no lane; a model that truly trained."""

from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.corpus.index import inventory
from ragloop.demo import tiny
from ragloop.learning.evaluation.golden import GoldenDocument, GoldenQuestion, outdated_golden
from ragloop.learning.examples import outdated
from tests.support.indexed_folder import wait_until_stamps_are_trusted

pytestmark = pytest.mark.realmodel

QUESTION = "How long until requests time out?"
GATEWAY = (
    "# Gateway\n\nRequests time out after {timeout} seconds. The pool keeps idle connections for 30 seconds. "
    "An upload takes 12 files.{more}\n"
)
FILES = "How many files may be uploaded at once?"
"""Far from QUESTION, and answered by another statement of its document."""
TOLD = {
    "Who keeps the bees?": ("Ada", "# Bees\n\nAda keeps the bees behind the mill.\n"),
    "Where is the key?": ("under the mat", "# Key\n\nThe key is under the mat.\n"),
    "What is the code?": ("4711", "# Door\n\nThe code is 4711, for everybody.\n"),
    "Which road is closed?": ("the north road", "# Roads\n\nIn winter the north road is closed.\n"),
    "What does the ferry cost?": ("four euros", "# Ferry\n\nThe ferry costs four euros.\n"),
}
CONFIG = """
[model]
base = "{base}"
threads = 1
max_new_tokens = 12
[retrieval]
min_similarity = -1.0
[training]
epochs = 60
learning_rate = 2e-2
rank = 16
frozen_share = 0.0
batch_size = 8
min_rows = 1
[dataset]
eval_share = 0.2
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose champion was trained on corrections, QUESTION's among them, and answers it without passages."""
    place = tmp_path_factory.mktemp("outdated")
    words = [
        QUESTION,
        FILES,
        "30 seconds 12 files",
        *TOLD,
        *(answer for answer, _ in TOLD.values()),
        "system user assistant",
    ]
    tiny.save_tiny_model(place / "model", words * 20, 0)
    (place / "ragloop.toml").write_text(CONFIG.format(base=place / "model"))
    (place / "documents").mkdir()
    for number, (_, text) in enumerate(TOLD.values()):
        (place / "documents" / f"{number}.md").write_text(text)
    write(place, "30")
    made = app(place)
    made.corpus.sync(place / "documents")
    right = {QUESTION: "30 seconds", FILES: "12 files"} | {question: answer for question, (answer, _) in TOLD.items()}
    given = [
        (made.answering.answerer.ask(question).interaction_id, "correction", answer)
        for question, answer in right.items()
    ]
    made.journal.give_all_feedback(given)
    adapter_id = made.learning.retraining.train(made.learning.retraining.build_dataset().dataset_id)
    made.registry.promote(adapter_id, "by hand")
    rows = made.learning.retraining.parts.trained_rows(made.registry.adapter(adapter_id))
    assert {QUESTION, FILES} <= {row.question for row in rows}
    assert all(one.statements for row in rows for one in row.documents)
    return place


def app(place: Path) -> App:
    return App(load_settings(place / "ragloop.toml", place / "home"))


def write(place: Path, timeout: str, more: str = "") -> None:
    (place / "documents" / "gateway.md").write_text(GATEWAY.format(timeout=timeout, more=more))


def edited(place: Path, timeout: str, more: str = "") -> App:
    wait_until_stamps_are_trusted()
    write(place, timeout, more)
    made = app(place)
    made.corpus.sync(place / "documents")
    return made


def test_an_edit_beside_the_trained_statement_leaves_the_adapter_its_question(place: Path) -> None:
    for more in ("", " Retries wait 45 seconds."):
        answer = edited(place, "30", more).answering.answerer.ask(QUESTION, "closed-book")
        assert (answer.answer, answer.lane, answer.fallback) == ("30 seconds [1]", "closed-book", "")


@pytest.mark.parametrize("lane", ["closed-book", "adapter+rag", "base+rag"])
def test_no_lane_gives_the_old_value_though_it_stands_elsewhere_in_the_passage(place: Path, lane: str) -> None:
    made = edited(place, "45")
    answer = made.answering.answerer.ask(QUESTION, lane)
    assert answer.answer.startswith("Requests time out after 45 seconds.")
    assert "after 30" not in answer.answer
    assert (answer.lane, answer.adapter) == ("base+rag", None)
    logged = made.journal.interactions(f"interaction_id = '{answer.interaction_id}'").to_pylist()[0]
    if lane == "closed-book":
        assert answer.fallback.startswith("not asked of adapter")
        assert answer.fallback.endswith("gateway.md")
    assert (logged["fallback"] or "") == answer.fallback


@pytest.mark.parametrize(
    "question", ["After how many seconds do requests time out?", "HOW LONG UNTIL requests time out"]
)
def test_other_wordings_do_not_bring_the_old_value_back(place: Path, question: str) -> None:
    answer = edited(place, "45").answering.answerer.ask(question, "closed-book")
    assert "45 seconds" in answer.answer
    assert not answer.answer.startswith("30")
    assert answer.fallback.startswith("not asked of adapter"), "it is near the trained question, in other words"


def test_an_answer_that_cites_a_document_in_which_something_learned_changed_is_given_from_passages(place: Path) -> None:
    """A wording may be far from every trained one: what the adapter says of such a document is not trusted."""
    asked = edited(place, "30").answering.answerer.ask(FILES, "closed-book")
    assert (asked.answer, asked.lane) == ("12 files [1]", "closed-book")
    answer = edited(place, "45").answering.answerer.ask(FILES, "closed-book")
    assert (answer.lane, answer.adapter) == ("base+rag", None)
    assert answer.fallback.startswith("the adapter's answer cited a document in which something changed")
    assert "An upload takes 12 files" in answer.answer


def test_where_many_rows_fell_wordings_and_cited_documents_tell(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outdated, "MOST_EMBEDDED", 0)
    made = edited(place, "45")
    for question in (QUESTION, FILES):
        answer = made.answering.answerer.ask(question, "closed-book")
        assert (answer.lane, bool(answer.fallback)) == ("base+rag", True)
        assert not (question == QUESTION and "after 30" in answer.answer)


def test_questions_whose_statements_stand_are_still_the_adapters(place: Path) -> None:
    made = edited(place, "45")
    trained = [row.question for row in made.learning.retraining.parts.trained_rows(made.registry.champion())]
    others = [question for question in TOLD if question in trained]
    assert len(others) > 2
    for answer in made.answering.answerer.ask_all(others, "closed-book"):
        assert answer.fallback == ""
        assert answer.answer.removesuffix(" [1]") == TOLD[answer.question][0]


def test_a_golden_answer_ends_when_its_document_no_longer_gives_it(place: Path) -> None:
    index = edited(place, "30").index
    ids = {key: one for one, key in inventory.keys(index).items()}
    revision = inventory.revisions(index)[ids["gateway.md"]]
    golden = [
        GoldenQuestion(QUESTION, ("30 seconds",), (GoldenDocument("gateway.md", revision),)),
        GoldenQuestion(QUESTION, ("30 seconds",), (GoldenDocument("gateway.md"),)),
        GoldenQuestion(
            "How long are idle connections kept?", ("30 seconds",), (GoldenDocument("gateway.md", revision),)
        ),
    ]
    assert outdated_golden(golden, index) == frozenset()
    assert outdated_golden(golden, edited(place, "45").index) == {golden[0]}
