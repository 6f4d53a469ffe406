"""What a run that an event or a form started may name: its own home and configuration, and folders that these know."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.corpus.index import inventory
from ragloop.orchestrator.local_stack import FlowRun, LocalStack
from tasks.reporting import run_link
from tests.flows.conftest import FlowsInProcess, serving, when_asked

pytestmark = pytest.mark.realmodel
CHANGES, SYNC = "index-changes", "sync-index"


@dataclass
class Served:
    """A home that the worker serves, and a folder that is none of its sources."""

    stack: LocalStack
    home: Path
    config: Path
    handbook: Path
    private: Path

    def run(self, deployment: str = CHANGES, **parameters: object) -> FlowRun:
        return self.stack.run_deployment(deployment, parameters)

    def rung(self, payload: Mapping[str, object]) -> FlowRun:
        """The run that an event starts, whoever emits it."""
        before = {run.run_id for run in self.stack.flow_runs(CHANGES)}
        resource = {"prefect.resource.id": f"ragloop.source.session.{uuid.uuid4()}"}
        self.stack.api.emit("ragloop.source.changed", resource, payload)
        for _ in range(600):
            if runs := [run for run in self.stack.flow_runs(CHANGES) if run.run_id not in before]:
                return self.stack.wait(runs[0].run_id)
            self.stack.processes.check()
        raise AssertionError("no run came")

    def indexed(self) -> list[str]:
        return sorted(inventory.keys(App(load_settings(self.config, self.home)).index).values())


@pytest.fixture(scope="module")
def served(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = tmp_path_factory.mktemp("served")
    for name in ("handbook", "private"):
        (place / name).mkdir()
        (place / name / f"{name}.md").write_text(f"# {name}\n\nThe heron of the {name} eats frogs.\n")
    config = place / "ragloop.toml"
    config.write_text('home = "home"\n[[sources]]\nname = "handbook"\nuri = "handbook"\n')
    App(load_settings(config)).corpus.sync()
    with serving(stack, CHANGES, place / "home", config), serving(stack, SYNC, place / "home", config):
        yield Served(stack, place / "home", config, place / "handbook", place / "private")


def test_a_run_works_on_its_own_home_and_on_a_folder_that_is_configured(served: Served) -> None:
    (served.handbook / "crane.md").write_text("# Crane\n\nThe crane dances.\n")
    run = served.rung({"home": str(served.home), "config": str(served.config), "folder": str(served.handbook)})
    assert run.state_type == "COMPLETED", run
    assert "crane.md" in served.indexed()


def test_an_event_cannot_have_a_folder_indexed_that_is_no_source(served: Served) -> None:
    run = served.rung({"home": str(served.home), "config": str(served.config), "folder": str(served.private)})
    assert run.state_type == "FAILED"
    assert "expected a source of this home" in run.message
    assert "private.md" not in served.indexed()


def theirs(served: Served, place: Path) -> dict[str, str]:
    """A home and a configuration of somebody who would have a private folder indexed."""
    config = place / "ragloop.toml"
    config.write_text(f'[[sources]]\nname = "all"\nuri = "{served.private}"\n')
    return {"home": str(place / "other"), "config": str(config)}


@pytest.mark.long
def test_an_event_chooses_neither_the_home_nor_the_configuration(served: Served, tmp_path: Path) -> None:
    run = served.rung({**theirs(served, tmp_path), "folder": str(served.handbook)})
    assert run.state_type == "COMPLETED", run
    assert not (tmp_path / "other").exists()
    assert "private.md" not in served.indexed()


@pytest.mark.long
@pytest.mark.parametrize(("what", "own"), [("home", "home"), ("config", "ragloop.toml")])
def test_a_form_chooses_neither_the_home_nor_the_configuration(
    served: Served, tmp_path: Path, what: str, own: str
) -> None:
    named = theirs(served, tmp_path)[what]
    run = served.run(SYNC, **{what: named})
    assert run.state_type == "FAILED"
    assert f"the run names the {what} {named}, its deployment is that of {served.home.parent / own}" in run.message
    assert not (tmp_path / "other").exists()


def test_a_form_cannot_have_a_folder_indexed_that_is_no_source(served: Served) -> None:
    run = served.run(SYNC, folder=str(served.private))
    assert (run.state_type, "expected a source of this home" in run.message) == ("FAILED", True)
    assert served.run(SYNC, folder=str(served.handbook)).state_type == "COMPLETED"
    assert "private.md" not in served.indexed()


def test_an_event_that_tells_of_another_run_places_no_link() -> None:
    run = str(uuid.uuid4())
    assert run_link(run, "this run") == f"[this run](/runs/flow-run/{run})"
    assert run_link("x](https://evil.example) [", "this run") == "this run"


def test_names_of_documents_place_nothing_in_the_form_that_asks_for_approval(
    flows: FlowsInProcess, folder: Path, tmp_path: Path
) -> None:
    from flows.sync import sync_index

    evil = [
        "![seen](www.evil.example)0.md",
        "[approve this](www.evil.example)0.md",
        "<img src=x>0.md",
        "0\u202emd.exe.md",
        "0 www.evil.example.md",
    ]
    for name in evil:
        (folder / f"0{name}").write_text("# A heron\n\nThe heron eats frogs.\n")
    home = tmp_path / "home"
    sync_index(folder=folder, home=home)
    for file in sorted(folder.iterdir())[:15]:
        file.unlink()
    asked: list[str] = []

    def read(question: str) -> None:
        keys = flows.stack.api.call("GET", f"/flow_runs/{question}")["state"]["state_details"]["run_input_keyset"]
        asked.append(flows.stack.api.call("GET", f"/flow_runs/{question}/input/{keys['description']}"))
        flows.stack.api.call(
            "POST", f"/flow_runs/{question}/resume", {"run_input": {"decision": "approve", "name": "Ada"}}
        )

    operator = when_asked(flows, read)
    state = sync_index(folder=folder, home=home, return_state=True)
    operator.join()
    artifacts = flows.artifacts(state)
    (form,) = asked
    assert "documents are gone" in form
    assert constructs(form) & {"image", "link_open", "html_inline", "html_block"} == set()
    assert "evil" in form
    assert "\u202e" not in str(artifacts)


def constructs(markdown: str) -> set[str]:
    tokens = MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(markdown)
    return {token.type for token in tokens} | {child.type for token in tokens for child in token.children or ()}
