"""Lanes of an adapter while it can serve, while none does, and while it cannot: questions are answered throughout."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragloop.app import App
from ragloop.cli.main import main
from ragloop.errors import MismatchError
from ragloop.records import Answer
from tests.support.adapter_home import QUESTION, app_of, flip_a_byte, folder, make_home, promoted

pytestmark = pytest.mark.realmodel


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("lanes"))


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    return promoted(made, tmp_path / "place")


def logged(app: App, answer: Answer) -> dict[str, Any]:
    rows = {row["interaction_id"]: row for row in app.journal.interactions().to_pylist()}
    return dict(rows[answer.interaction_id])


def lane_and_why(app: App) -> tuple[str, str]:
    """Who answers, and why not the lane of the settings; the log says the same."""
    answer = app.answering.answerer.ask(QUESTION)
    row = logged(app, answer)
    assert (row["lane"], row["adapter"], row["fallback"] or "") == (answer.lane, answer.adapter, answer.fallback)
    assert bool(answer.fallback) == (answer.adapter is None)
    return answer.adapter or answer.lane, answer.fallback


def remove_the_files(place: Path) -> None:
    shutil.rmtree(folder(place, "later"))


def remove_the_configuration(place: Path) -> None:
    (folder(place, "later") / "adapter_config.json").unlink()


def remove_the_row(place: Path) -> None:
    app_of(place).store.delete("adapters", "adapter_id = 'later'")


DAMAGE = (flip_a_byte, remove_the_files, remove_the_configuration, remove_the_row)


def test_the_champion_answers_in_its_lane(place: Path) -> None:
    assert lane_and_why(app_of(place)) == ("later", "")


@pytest.mark.parametrize("lane", ["adapter+rag", "closed-book"])
def test_after_a_rollback_to_the_base_model_it_answers_and_says_so(
    place: Path, lane: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app = app_of(place)
    for _ in range(2):
        app.registry.rollback("test")
    assert lane_and_why(app)[0] == "base+rag"
    where = ["--home", str(place / "home"), "--config", str(place / "ragloop.toml")]
    with pytest.raises(SystemExit) as ended:
        main(["ask", QUESTION, "--lane", lane, "--json", *where])
    assert ended.value.code == 0
    said = capsys.readouterr()
    answer = json.loads(said.out)
    assert (answer["lane"], answer["adapter"]) == ("base+rag", None)
    assert answer["fallback"].startswith(f"found no champion adapter for the lane {lane}")
    assert f"warning: base+rag answered with extractive: {answer['fallback']}" in said.err


@pytest.mark.parametrize("damage", DAMAGE)
def test_while_the_champion_is_damaged_the_base_model_answers_and_says_why(
    place: Path, damage: Callable[[Path], None]
) -> None:
    damage(place)
    lane, why = lane_and_why(app_of(place))
    assert lane == "base+rag"
    assert "later" in why
    assert [one["champion"] for one in app_of(place).status()["lanes"]] == ["later"]
    app_of(place).registry.rollback("test")
    assert lane_and_why(app_of(place)) == ("early", "")


# --- the base model that an adapter was trained on -------------------------------------------------------------------


def test_an_adapter_of_another_base_of_the_same_shape_does_not_serve(place: Path) -> None:
    app = app_of(place, "other")
    lane, why = lane_and_why(app)
    assert lane == "base+rag"
    assert "adapter later was trained on the weights" in why
    with pytest.raises(MismatchError, match=r"set model\.base to the model that it was trained on, or retrain"):
        app.learning.retraining.parts.generator("later").__enter__()
    with pytest.raises(MismatchError, match="was trained on the weights"):
        app.registry.promote("early", "test")
    assert lane_and_why(app_of(place)) == ("later", "")


def test_weights_that_were_replaced_in_their_folder_are_another_base(place: Path) -> None:
    shutil.rmtree(place / "model")
    shutil.copytree(place / "other", place / "model")
    assert "was trained on the weights" in lane_and_why(app_of(place))[1]


def test_a_base_model_that_was_moved_is_the_same_one(place: Path) -> None:
    (place / "model").rename(place / "elsewhere")
    assert lane_and_why(app_of(place, "elsewhere")) == ("later", "")


def test_an_adapter_of_which_nobody_noted_the_weights_goes_by_the_name_of_its_base(place: Path) -> None:
    app = app_of(place)
    app.registry.update("later", lambda now: replace(now, base_sha256="", base=app.settings.model.base))
    assert lane_and_why(app) == ("later", "")
    assert "was trained on the base model" in lane_and_why(app_of(place, "other"))[1]


# --- what a doctor finds of it ---------------------------------------------------------------------------------------


def found(app: App, *, repair: bool = False) -> dict[str, str]:
    return {one.check: one.state for one in app.corpus.diagnose(repair=repair, offline=True).findings}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_doctor_rolls_back_from_a_damaged_champion_and_removes_nothing(
    place: Path, damage: Callable[[Path], None]
) -> None:
    assert found(app_of(place)) == {}
    damage(place)
    rows, files = app_of(place).registry.adapters(), sorted((place / "home" / "artifacts").rglob("*"))
    assert found(app_of(place)) == {"adapters": "found", "champion": "found"}
    assert app_of(place).registry.champion_id() == "later", "a diagnosis writes nothing"
    left = "repaired" if damage is remove_the_row else "remains"
    assert found(app_of(place), repair=True) == {"adapters": left, "champion": "repaired"}
    assert lane_and_why(app_of(place)) == ("early", "")
    assert sorted((place / "home" / "artifacts").rglob("*")) == files
    assert [one.adapter_id for one in app_of(place).registry.adapters()] == [one.adapter_id for one in rows]
    assert app_of(place).registry.history()[-1]["by"] == "ragloop doctor --repair"


def test_a_doctor_skips_what_is_damaged_too(place: Path) -> None:
    flip_a_byte(place)
    shutil.rmtree(folder(place, "early"))
    assert found(app_of(place), repair=True)["champion"] == "repaired"
    assert app_of(place).registry.champion_id() is None


def test_a_doctor_tells_of_an_adapter_that_never_served(place: Path) -> None:
    app = app_of(place)
    app.registry.rollback("test")
    flip_a_byte(place)
    (finding,) = app.corpus.diagnose(offline=True).findings
    assert (finding.check, finding.count, finding.detail.endswith(": later")) == ("adapters", 1, True)
    assert lane_and_why(app) == ("early", "")


def test_a_doctor_leaves_a_champion_of_another_base_to_a_person(place: Path) -> None:
    assert found(app_of(place, "other"), repair=True) == {"champion": "remains"}
    assert found(app_of(place)) == {}
    assert lane_and_why(app_of(place)) == ("later", "")
