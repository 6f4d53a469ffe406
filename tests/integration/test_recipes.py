"""What each recipe makes of one log: rows with and without passages, by what people or teachers said."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragloop.answering.prompts import NOTHING_FOUND
from ragloop.app import App
from ragloop.cli.main import main
from ragloop.errors import NotFoundError, UsageError
from ragloop.language.citations import cited_numbers
from ragloop.learning.examples.example import shown_of
from ragloop.learning.recipes import RECIPES, recipe_of
from ragloop.learning.rows.passages import LivePassages
from ragloop.records import Answer
from ragloop.wording import counted
from tests.support.indexed_folder import IndexedFolder
from tests.support.word_embedder import WordEmbedder

TOWNS = ("Northfield", "Ashby", "Elmham", "Corby", "Thornton", "Melton", "Oakham", "Wells", "Ripon", "Selby")
KEEPERS = ("Ada", "Bela", "Cleo", "Dora", "Edda", "Fina", "Gerd", "Hana", "Inga", "Jana")
NAMES = {"chunk_id", "text_hash", "document_id", "revision", "n", "cited"}
SETTINGS = {"retrieval": {"min_similarity": -1.0, "top_k": 3}, "dataset": {"abstain_share": 0.4}}


def text(town: str, keeper: str) -> str:
    return f"# {town}\n\n{keeper} keeps the bees of {town}.\n\nThe mill of {town} stands by the river.\n"


def home_of(place: Path, **dataset: Any) -> IndexedFolder:
    settings = {**SETTINGS, "dataset": {**SETTINGS["dataset"], **dataset}}
    home = IndexedFolder(place / "home", place / "documents", WordEmbedder(), settings)
    for town, keeper in zip(TOWNS, KEEPERS, strict=True):
        home.write(f"{town}.md", text(town, keeper))
    home.sync()
    return home


@pytest.fixture
def home(tmp_path: Path) -> IndexedFolder:
    return home_of(tmp_path)


def ask(app: App) -> list[Answer]:
    return app.answering.answerer.ask_all([f"Who keeps the bees of {town}?" for town in TOWNS])


def vote(app: App, answers: list[Answer], kind: str = "up") -> None:
    app.journal.give_all_feedback([(one.interaction_id, kind, None) for one in answers])


def rows(app: App, dataset_id: str) -> Iterator[dict[str, Any]]:
    found = app.learning.retraining.parts.dataset(dataset_id)
    for table in (found.train, found.eval):
        yield from table.to_pylist()


def build(app: App, recipe: str) -> list[dict[str, Any]]:
    return list(rows(app, app.learning.retraining.build_dataset(recipe).dataset_id))


def texts(app: App, row: dict[str, Any]) -> list[str]:
    live = LivePassages.of(app.index, [shown_of(row["passages"])])
    found = live.of_row(shown_of(row["passages"]))
    assert found is not None
    return [one.text for one in found]


def test_a_grounded_row_cites_the_passage_that_answers_wherever_it_stands(home: IndexedFolder) -> None:
    app = home.app()
    vote(app, ask(app))
    made = build(app, "grounded")
    answered = [row for row in made if row["answer"] != NOTHING_FOUND]
    assert len(made) == len(TOWNS)
    for row in answered:
        town = row["question"].removeprefix("Who keeps the bees of ").rstrip("?")
        numbers = cited_numbers(row["answer"])
        assert any(f"keeps the bees of {town}" in texts(app, row)[n - 1] for n in numbers)
        assert [one["n"] for one in row["passages"]] == [*range(1, len(row["passages"]) + 1)]
        assert [one["n"] for one in row["passages"] if one["cited"]] == sorted({*numbers})
    for seed in range(1, 4):  # ids of chunks, and so what is drawn, depend on where the folder lies
        home.settings = {**home.settings, "dataset": {**home.settings["dataset"], "seed": seed}}
        answered += [row for row in build(home.app(), "grounded") if row["answer"] != NOTHING_FOUND]
    places = {cited_numbers(row["answer"])[0] for row in answered if len(cited_numbers(row["answer"])) == 1}
    assert len(places) > 1, "the order of passages would tell where the answer is"


def test_a_share_of_the_rows_lacks_the_passage_that_answers_and_abstains(home: IndexedFolder) -> None:
    app = home.app()
    vote(app, ask(app))
    abstaining = [row for row in build(app, "grounded") if row["answer"] == NOTHING_FOUND]
    assert 1 <= len(abstaining) <= 8
    for row in abstaining:
        town = row["question"].removeprefix("Who keeps the bees of ").rstrip("?")
        assert not any(f"keeps the bees of {town}" in one for one in texts(app, row))
        assert not any(one["cited"] for one in row["passages"])
        assert {one["document_id"] for one in row["documents"]} == {one["document_id"] for one in row["passages"]}


def test_the_number_of_passages_does_not_tell_which_rows_abstain(home: IndexedFolder) -> None:
    app = home.app()
    vote(app, ask(app))
    shown = {row["answer"] == NOTHING_FOUND: set[int]() for row in build(app, "grounded")}
    for row in build(app, "grounded"):
        shown[row["answer"] == NOTHING_FOUND].add(len(row["passages"]))
        held = {one["document_id"] for one in row["passages"]}
        assert {one["document_id"] for one in row["documents"]} == held, "a row rests on what it shows"
    assert shown == {True: {2}, False: {2}}


def test_rows_keep_the_names_of_passages_and_none_of_their_text(home: IndexedFolder) -> None:
    app = home.app()
    vote(app, ask(app))
    made = app.learning.retraining.build_dataset("grounded")
    folder = app.registry.artifacts.folder / "datasets" / made.dataset_id
    assert all(b"stands by the river" not in file.read_bytes() for file in folder.iterdir())
    for row in rows(app, made.dataset_id):
        assert all(
            set(one) == {"chunk_id", "text_hash", "document_id", "revision", "n", "cited"} for one in row["passages"]
        )


def test_a_row_falls_with_any_passage_of_its_prompt(home: IndexedFolder) -> None:
    app = home.app()
    vote(app, ask(app))
    before = build(app, "style")
    assert len(before) == len(TOWNS)
    home.write("Ashby.md", text("Ashby", "Zita"))
    home.sync()
    app = home.app()
    made = app.learning.retraining.build_dataset("style")
    showing = {row["question"] for row in before} - {row["question"] for row in rows(app, made.dataset_id)}
    assert "Who keeps the bees of Ashby?" in showing
    assert made.funnel["passage changed or gone"] == len(showing) > 1
    assert not any("Ashby" in shown for row in rows(app, made.dataset_id) for shown in texts(app, row)), (
        "a distractor that changed is in no row either"
    )


def test_an_edit_of_what_was_shown_and_not_cited_costs_no_row_without_passages(tmp_path: Path) -> None:
    home = home_of(tmp_path, teachers=["extractive"])
    ask(home.app())
    home.write("Ashby.md", text("Ashby", "Zita"))
    home.sync()
    app = home.app()
    assert {row["question"] for row in build(app, "facts")} == {
        f"Who keeps the bees of {town}?" for town in TOWNS if town != "Ashby"
    }
    assert len(build(app, "grounded")) < len(TOWNS) - 1


def test_a_correction_in_json_is_a_row_in_json_that_cites_what_says_its_values(home: IndexedFolder) -> None:
    app = home.app()
    wanted = [f'```json\n{{"answer": "{keeper}"}}\n```' for keeper in (*KEEPERS[:-1], "Nobody")]
    app.journal.give_all_feedback(
        [(one.interaction_id, "correction", text) for one, text in zip(ask(app), wanted, strict=True)]
    )
    made = {row["question"]: row for row in build(app, "style")}
    assert sorted(made) == sorted(f"Who keeps the bees of {town}?" for town in TOWNS[:-1])
    for town, answer in zip(TOWNS[:-1], wanted[:-1], strict=True):
        row = made[f"Who keeps the bees of {town}?"]
        [number] = [one["n"] for one in row["passages"] if one["cited"]]
        assert row["answer"] == f"{answer}\n[{number}]"
        assert f"keeps the bees of {town}" in texts(app, row)[number - 1]


def test_a_correction_is_given_the_passage_that_bears_it_out(home: IndexedFolder) -> None:
    app = home.app()
    answers = ask(app)
    app.journal.give_all_feedback(
        [(one.interaction_id, "correction", keeper) for one, keeper in zip(answers, KEEPERS, strict=True)]
    )
    for row in build(app, "style"):
        town = row["question"].removeprefix("Who keeps the bees of ").rstrip("?")
        keeper = KEEPERS[TOWNS.index(town)]
        (number,) = cited_numbers(row["answer"])
        assert row["answer"] == f"{keeper} [{number}]"
        assert f"{keeper} keeps the bees of {town}" in texts(app, row)[number - 1]


def test_an_answer_of_a_teacher_needs_no_vote_and_falls_with_one_against_it(tmp_path: Path) -> None:
    app = home_of(tmp_path, teachers=["extractive"]).app()
    answers = ask(app)
    assert {one.model for one in answers} == {"extractive"}
    vote(app, answers[:2], "down")
    for recipe in ("facts", "grounded", "distill"):
        made = app.learning.retraining.build_dataset(recipe)
        assert made.rows + made.funnel["across the split in time"] == len(TOWNS) - 2, recipe
        assert made.funnel["thumbs down"] == 2
    assert all(row["passages"] == [] for row in build(app, "facts"))
    with pytest.raises(UsageError, match="no eligible example for the recipe style"):
        app.learning.retraining.build_dataset("style")


def test_what_a_person_corrected_is_no_answer_of_a_teacher_and_outranks_it(tmp_path: Path) -> None:
    app = home_of(tmp_path, teachers=["extractive"]).app()
    answers = ask(app)
    app.journal.give_feedback(answers[0].interaction_id, "correction", "Ada")
    ask(app)
    made = app.learning.retraining.build_dataset("distill")
    assert made.funnel["corrected"] == 1
    facts = {row["question"]: row for row in build(app, "facts")}
    assert facts["Who keeps the bees of Northfield?"]["answer"] == "Ada"
    weights = {question: len(row["interaction_ids"]) for question, row in facts.items()}
    assert weights["Who keeps the bees of Ashby?"] == 2, "equal answers are folded and counted"


def test_answers_of_teachers_that_contradict_each_other_are_left_out_and_counted(tmp_path: Path) -> None:
    home = home_of(tmp_path, teachers=["extractive"])
    home.write("other.md", "# Wells\n\nZita keeps the bees of Wells.\n")
    home.sync()
    app = home.app()
    passages = {one.text: one for one in app.answering.search("Who keeps the bees of Wells?").passages}
    for keeper in ("Hana", "Zita"):
        shown = [one for text, one in passages.items() if keeper in text]
        app.answering.log("Who keeps the bees of Wells?", f"{keeper} keeps the bees of Wells [1].", shown, "extractive")
    ask(app)
    made = app.learning.retraining.build_dataset("facts")
    assert made.funnel["contradicts another answer"] >= 2
    assert "Who keeps the bees of Wells?" not in {row["question"] for row in rows(app, made.dataset_id)}


def test_what_no_passage_says_is_not_learned_from_a_teacher(tmp_path: Path) -> None:
    app = home_of(tmp_path, teachers=["gpt"]).app()
    said = {"Wells": "Otto keeps the bees of Wells [1].", "Ripon": "Inga keeps the bees of Ripon."}
    for town, answer in said.items():
        question = f"Who keeps the bees of {town}?"
        app.answering.log(question, answer, app.answering.search(question).passages, "gpt")
    made = app.learning.retraining.build_dataset("grounded")
    assert (made.rows, made.funnel["no passage bears it out"]) == (1, 1)


def test_what_stands_beside_the_question_is_not_learned_from_a_teacher(tmp_path: Path) -> None:
    app = home_of(tmp_path, teachers=["gpt"]).app()
    said = {"Wells": "The river.", "Ripon": "Inga keeps the bees of Ripon."}
    for town, answer in said.items():
        question = f"Who keeps the bees of {town}?"
        app.answering.log(question, answer, app.answering.search(question).passages, "gpt")
    made = app.learning.retraining.build_dataset("grounded")
    assert (made.rows, made.funnel["does not answer the question"]) == (1, 1)


def test_a_recipe_that_is_not_there_or_lacks_its_teachers_says_so(home: IndexedFolder) -> None:
    retraining = home.app().learning.retraining
    with pytest.raises(UsageError, match="expected one of facts, grounded, style, distill, preference"):
        retraining.build_dataset("other")
    with pytest.raises(UsageError, match=r"dataset\.teachers names, and it names none"):
        retraining.build_dataset("distill")


@pytest.mark.parametrize("name", RECIPES)
def test_equal_logs_give_equal_datasets(home: IndexedFolder, name: str) -> None:
    app = home.app(dataset={"teachers": ["extractive"]})
    answers = ask(app)
    vote(app, answers)
    if name == "preference":
        app.journal.give_feedback(answers[1].interaction_id, "correction", "Bela")
    made = app.learning.retraining.build_dataset(name)
    assert made == home.app(dataset={"teachers": ["extractive"]}).learning.retraining.build_dataset(name)
    assert recipe_of(made.recipe).name == name


@pytest.mark.parametrize("name", RECIPES)
def test_too_few_rows_are_refused_for_every_recipe_and_it_says_how_many_would_help(
    home: IndexedFolder, name: str
) -> None:
    app = home.app(dataset={"teachers": ["extractive"]}, training={"min_rows": 40})
    answers = ask(app)
    if name != "distill":
        right = [f"{keeper} keeps the bees of {town}." for town, keeper in zip(TOWNS, KEEPERS, strict=True)]
        said = zip(answers, right, strict=True)
        app.journal.give_all_feedback([(one.interaction_id, "correction", answer) for one, answer in said])
    made = app.learning.retraining.build_dataset(name)
    with pytest.raises(UsageError) as refused:
        app.learning.retraining.train(made.dataset_id)
    said_of = str(refused.value)
    assert f"dataset {made.dataset_id} of the recipe {name}: found {counted(made.train, 'row')} to train on" in said_of
    assert f"{40 - made.train} more would do, {50 - made.train} to {100 - made.train} more are where answers" in said_of
    assert app.registry.adapters() == []


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    with pytest.raises(SystemExit):
        main([*arguments, "--json"])
    return dict(json.loads(capsys.readouterr().out))


def test_datasets_are_shown_and_compared(home: IndexedFolder, capsys: pytest.CaptureFixture[str]) -> None:
    app = home.app()
    answers = ask(app)
    vote(app, answers[:6])
    first = app.learning.retraining.build_dataset("style")
    app.journal.give_feedback(answers[0].interaction_id, "correction", "Ada")
    app.journal.give_feedback(answers[1].interaction_id, "down")
    vote(app, answers[6:8])
    second = app.learning.retraining.build_dataset("style")
    app.learning.retraining.build_dataset("facts")
    place = ("--home", str(home.home))
    found = shown(capsys, "dataset", "diff", second.dataset_id[:6], *place)
    assert (found["dataset_id"], found["with"]) == (second.dataset_id, first.dataset_id)
    assert found["came"] == sorted(one.question for one in answers[6:8])
    assert (found["went"], found["changed"]) == ([answers[1].question], [answers[0].question])
    assert found["same"] == 4
    found = shown(capsys, "dataset", "show", "last", "--rows", "3", *place)
    assert (found["recipe"], len(found["rows"]), found["funnel"]["thumbs down"]) == ("facts", 3, 1)


def test_the_dataset_before_is_the_last_whole_one_of_the_recipe(home: IndexedFolder) -> None:
    app = home.app()
    answers, ids = ask(app), []
    for part in (answers[:5], answers[5:7], answers[7:]):
        vote(app, part)
        ids.append(app.learning.retraining.build_dataset("facts").dataset_id)
        app.learning.retraining.build_dataset("style")
    parts = app.learning.retraining.parts
    assert parts.dataset_before(ids[2]) == ids[1]
    (parts.registry.artifacts.folder / "datasets" / ids[1] / "manifest.json").write_text("{")
    assert parts.dataset_before(ids[2]) == ids[0]
    with pytest.raises(NotFoundError, match="built before"):
        parts.dataset_before(ids[0])
