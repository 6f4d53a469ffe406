"""Answers while a canary is under way: who gives them, what the log says, and what is in memory."""

from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.records import LaneName, Origin, Prompt, Route
from ragloop.registry import Canaries, Challenger
from tests.support.adapter_home import QUESTION, app_of, flip_a_byte, make_home, promoted

pytestmark = pytest.mark.realmodel

LANE = LaneName.ADAPTER_RAG


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("lanes"))


@pytest.fixture
def app(made: Path, tmp_path: Path) -> App:
    """The adapter `later` serves, and `early` is its challenger for half of the conversations."""
    place = promoted(made, tmp_path / "place")
    app = app_of(place)
    app.registry.rollback("test")
    Canaries(app.registry).start("later", 0.5, "test")
    return app


def tried(app: App) -> Challenger:
    [found] = Canaries(app.registry).under_way()
    return found


def test_conversations_stay_on_one_adapter_and_the_log_says_which_and_why(app: App) -> None:
    ask = app.answering.answerer.ask
    talks = [f"talk {number}" for number in range(12)]
    first = {talk: ask(QUESTION, origin=Origin(conversation=talk)) for talk in talks}
    assert {one.adapter for one in first.values()} == {"early", "later"}
    again = {talk: ask("Where is the key?", origin=Origin(conversation=talk)).adapter for talk in talks}
    assert again == {talk: one.adapter for talk, one in first.items()}
    for one in first.values():
        row = app.journal.answer(one.interaction_id)
        arm = "challenger" if one.adapter == "later" else "champion"
        assert (row["adapter"], dict(row["decisions"])["canary"]) == (one.adapter, f"{arm} at 0.5 for later")
    assert app.parts.generators.loaded == {"early", "later"}


def test_times_are_compared_only_where_no_side_has_an_answer_to_give_again(app: App) -> None:
    def noted(conversation: str) -> tuple[str, bool]:
        answer = app.answering.answerer.ask(QUESTION, origin=Origin(conversation=conversation))
        decisions = dict(app.journal.answer(answer.interaction_id)["decisions"])
        return decisions["canary"].split()[0], "canary: reuse" in decisions

    talks = iter(f"talk {number}" for number in range(100))
    seen = [noted(next(talks)) for _ in range(8)]
    first = {arm for arm, _ in seen}
    assert first == {"champion", "challenger"}
    # Neither model of two random layers says anything that a passage says: no answer is kept, and each is written.
    assert not any(note for _, note in seen)


def test_an_evaluation_asks_the_champion(app: App) -> None:
    turns = app.answering.answerer.try_all([QUESTION] * 12)
    assert {turn.route.adapter_id for turn in turns} == {"early"}


def test_a_request_in_flight_over_a_rollback_finishes_on_the_challenger_which_then_goes(app: App) -> None:
    generators = app.parts.generators
    with generators.for_route(Route(LANE, "later"), app.embedder) as generator:
        expected = generator.generate([Prompt(QUESTION)])
        Canaries(app.registry).roll_back(tried(app), "worse")
        assert app.answering.answerer.ask(QUESTION).adapter == "early"
        assert generator.generate([Prompt(QUESTION)]) == expected
    app.answering.answerer.ask(QUESTION)
    assert generators.loaded == {"early"}


def test_where_the_challenger_is_damaged_the_champion_answers_for_it(app: App) -> None:
    flip_a_byte(app.settings.home.parent)
    answers = app.answering.answerer.ask_all([QUESTION] * 12)
    assert {one.adapter for one in answers} == {"early"}
    assert {one.decisions["canary"].split()[0] for one in answers} == {"champion", "challenger"}
    [watched] = app.learning.canary.act()
    assert (watched.done, app.registry.adapter("later").state) == (True, "retired")
