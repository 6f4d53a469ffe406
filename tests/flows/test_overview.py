"""The overview of a home: one page at an address that stays, renewed by every flow and by a question."""

import time
from pathlib import Path
from typing import Any

import pytest

from flows.adapters import roll_back
from flows.sync import sync_index
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.orchestrator.names import Names
from ragloop.orchestrator.overview.page import publish
from ragloop.orchestrator.questions import overview_address, overview_id
from tests.flows.conftest import FlowsInProcess, answer_when_asked

pytestmark = pytest.mark.realmodel


def page(flows: FlowsInProcess) -> dict[str, Any]:
    """The overview as the server has it."""
    return dict(flows.stack.api.call("GET", f"/artifacts/{overview_id(flows.stack.api, flows.stack.names)}"))


@pytest.mark.long
def test_every_flow_renews_it_however_it_ends_and_its_address_stays(
    flows: FlowsInProcess, folder: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    made = publish(flows.stack.api, App(load_settings(home=home)))
    assert page(flows)["description"].endswith("nothing is indexed yet")
    sync_index(folder=folder, home=home)
    seen = page(flows)
    assert overview_address(flows.stack.api, flows.stack.names) == made
    assert seen["description"].endswith("25 documents, the base model answers")
    assert f"| {folder} | 25 | 0 |" in seen["data"]
    assert "[sync-index](/deployments/deployment/" in seen["data"]
    (folder / "chapter-00.md").unlink()
    sync_index(folder=folder, home=home)
    assert roll_back(home=home, return_state=True).is_failed()
    assert page(flows)["description"].endswith("24 documents, the base model answers")
    assert "heron" not in page(flows)["data"]


@pytest.mark.long
def test_it_shows_a_question_while_it_is_open(flows: FlowsInProcess, folder: Path, tmp_path: Path) -> None:
    home, config = tmp_path / "home", tmp_path / "asking.toml"
    config.write_text("[sync]\napproval_minutes = 5\n")
    sync_index(folder=folder, home=home, config=config)
    for file in sorted(folder.iterdir())[:15]:
        file.unlink()
    asked: list[dict[str, Any]] = []

    def look() -> None:
        # Published when the run pauses, a moment after an observer sees that.
        while "questions that wait: 1" not in page(flows)["description"]:
            time.sleep(0.2)
        asked.append(page(flows))

    operator = answer_when_asked(flows, {"decision": "refuse", "name": "Ada"}, look)
    sync_index(folder=folder, home=home, config=config)
    operator.join()
    assert "[delete 15 documents?](" in asked[0]["data"]
    assert "delete" not in page(flows)["data"].partition("## Documents")[0]


def test_another_home_of_the_server_has_a_page_of_its_own(
    flows: FlowsInProcess, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_index(folder=folder, home=tmp_path / "home")
    before = page(flows)
    monkeypatch.setenv("RAGLOOP_PREFECT__NAME", "tides")
    assert overview_address(flows.stack.api, Names("tides")) is None
    publish(flows.stack.api, App(load_settings(home=tmp_path / "other")))
    other = dict(flows.stack.api.call("GET", f"/artifacts/{overview_id(flows.stack.api, Names('tides'))}"))
    assert (other["key"], other["description"]) == ("overview-tides", "nothing is indexed yet")
    assert "Reports" not in other["data"]
    assert page(flows) == before
