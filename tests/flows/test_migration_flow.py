"""plan-migration against a real server: what moves, who allows it, and that no question is shown."""

from pathlib import Path

import pytest

from flows.migrate import plan_migration
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.migration.routes.evidence import keep, paired
from ragloop.migration.routes.kept import KeptRoutes
from ragloop.records import LaneName
from tests.flows.conftest import FlowsInProcess, answer_when_asked
from tests.support.registered import register

pytestmark = pytest.mark.realmodel
SETTINGS = """
[migration]
min_answers = 3
min_repeat_share = 0.0
rest_days = 0
[cadence]
every_days = 0
"""
QUESTIONS = ("What does the heron of pond 3 eat?", "What does the heron of pond 3 eat", "What eats a heron of pond 3?")


@pytest.fixture
def app(folder: Path, tmp_path: Path) -> App:
    """A home whose one topic may move up: an adapter serves, and paired answers show that it is as good."""
    config = tmp_path / "ragloop.toml"
    config.write_text(SETTINGS)
    app = App(load_settings(config, tmp_path / "home"))
    app.corpus.sync(folder)
    app.answering.answerer.ask_all(list(QUESTIONS))
    register(app.registry, "later", base=app.settings.model.base, lane=LaneName.ADAPTER_RAG)
    app.registry.promote("later", "a test")
    (row,) = app.migration.topics()[0].topics
    keep(app.store, row.topic.topic_id, LaneName.ADAPTER_RAG, "later", paired([0.0] * 100, 0.95))
    return app


def test_an_operator_lets_a_topic_move_and_it_comes_back_without_asking(
    flows: FlowsInProcess, app: App, folder: Path, tmp_path: Path
) -> None:
    where = {"home": tmp_path / "home", "config": tmp_path / "ragloop.toml"}
    answering = answer_when_asked(flows, {"decision": "approve", "name": "Ada"}, lambda: None)
    state = plan_migration(**where, return_state=True)
    answering.join()
    run, artifacts = flows.run_of(state), flows.artifacts(state)
    assert (run["state_type"], run["name"]) == ("COMPLETED", "plan migration · 1 up, moves up approved by Ada")
    (route,) = KeptRoutes(app.store).history()
    assert (route.lane, route.share, route.by) == (LaneName.ADAPTER_RAG, 0.01, "Ada")
    assert route.topic_id in artifacts["topics"]
    assert "| base+rag | 3 |" in artifacts["costs"]
    assert "heron" not in str(artifacts)
    cited = {one["uri"] for row in app.journal.interactions()["citations"].to_pylist() for one in row}
    for uri in cited:
        file = folder / uri.rpartition("/")[2]
        file.write_text(file.read_text() + "\nIt moved.\n")
    app.corpus.sync(folder)
    assert flows.run_of(plan_migration(**where, return_state=True))["name"] == "plan migration · 1 back"
    assert KeptRoutes(app.store).now()[route.topic_id].lane == LaneName.BASE_RAG


def test_a_refusal_moves_nothing(flows: FlowsInProcess, app: App, tmp_path: Path) -> None:
    answering = answer_when_asked(flows, {"decision": "refuse", "name": "Ada"}, lambda: None)
    state = plan_migration(home=tmp_path / "home", config=tmp_path / "ragloop.toml", return_state=True)
    answering.join()
    assert flows.run_of(state)["name"] == "plan migration · moves up refused by Ada"
    assert KeptRoutes(app.store).history() == []
