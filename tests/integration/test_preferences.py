"""Corrections teach which answer to prefer: the corrected one becomes likelier than what was answered."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from ragloop.app import App
from ragloop.errors import MismatchError
from ragloop.models.generation.local import LocalGenerator
from ragloop.models.training.process import Objective, train
from ragloop.records import Prompt
from tests.integration.test_recipes import KEEPERS, TOWNS, ask, build, home_of
from tests.support.tiny_model import FACTS, chat, save_tiny_model, training_spec

WRONG = {question: next(other for other in FACTS.values() if other != right) for question, right in FACTS.items()}


def rows_of(file: Path, rejected: dict[str, str]) -> Path:
    rows: list[dict[str, Any]] = [
        {"messages": chat(question, answer), "rejected": rejected[question]} for question, answer in FACTS.items()
    ]
    parquet.write_table(pa.Table.from_pylist(rows), file)
    return file


def test_an_adapter_prefers_the_correction(tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "model")
    rows = rows_of(tmp_path / "rows.parquet", WRONG)
    spec = training_spec(base, rows, tmp_path / "adapter", objective=Objective.PREFERENCES, frozen_share=0.0)
    result = train(spec)
    assert result.final_loss < 0.5 * result.loss_curve[0]["loss"]
    generator = LocalGenerator(base, name="tiny", max_new_tokens=8, threads=1).wearing("a1", result.adapter)
    drafts = generator.generate([Prompt(one, (), chat(one)) for one in FACTS])
    assert [draft.text for draft in drafts] == [*FACTS.values()]


@pytest.mark.long
def test_what_was_rejected_decides_what_is_learned(tmp_path: Path) -> None:
    base, made = save_tiny_model(tmp_path / "model"), []
    for name, rejected in (("one", WRONG), ("other", dict.fromkeys(FACTS, "system user"))):
        rows = rows_of(tmp_path / f"{name}.parquet", rejected)
        spec = training_spec(base, rows, tmp_path / name, objective=Objective.PREFERENCES, epochs=3)
        made.append(train(spec).adapter_sha256)
    assert made[0] != made[1]


@pytest.mark.long
def test_a_row_without_a_rejected_answer_is_refused(tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "model")
    rows = rows_of(tmp_path / "rows.parquet", dict.fromkeys(FACTS, ""))
    with pytest.raises(MismatchError, match=r"row 0 of .* has no rejected answer"):
        train(training_spec(base, rows, tmp_path / "adapter", objective=Objective.PREFERENCES))


def test_only_corrections_that_say_something_else_are_rows(tmp_path: Path) -> None:
    app: App = home_of(tmp_path).app()
    answers = ask(app)
    app.journal.give_feedback(answers[0].interaction_id, "up")
    app.journal.give_feedback(answers[1].interaction_id, "correction", answers[1].answer)
    given = list(zip(answers, KEEPERS, strict=True))[2:]
    app.journal.give_all_feedback([(one.interaction_id, "correction", keeper) for one, keeper in given])
    made = app.learning.retraining.build_dataset("preference")
    assert made.funnel["not corrected"] == 2
    for row in build(app, "preference"):
        town = row["question"].removeprefix("Who keeps the bees of ").rstrip("?")
        number = next(one["n"] for one in row["passages"] if one["cited"])
        assert row["answer"] == f"{KEEPERS[TOWNS.index(town)]} [{number}]"
        assert row["rejected"] != row["answer"]
        assert row["rejected"]
