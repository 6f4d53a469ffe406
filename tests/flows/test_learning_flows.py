"""check_drift rings, the worker retrains: against the same steps taken by the core, on copies of one home."""

import json
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.events.worker import EventsWorker
from prefect.settings import temporary_settings

from flows.evaluate import evaluate_champion
from flows.monitor import check_drift
from ragloop.answering.routing import CANARY as DECISION
from ragloop.answering.routing import Arm, assigned
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.journal import Journal
from ragloop.learning.evaluation.gate import Verdict
from ragloop.orchestrator.local_stack import FlowRun, LocalStack
from ragloop.records import FeedbackKind, LaneName
from ragloop.registry import Canaries, VerdictKind
from tasks.approval import Decided
from tasks.learning import promote_adapter
from tasks.monitoring import watch_canaries
from tests.flows.conftest import FlowsInProcess, serving, settings_of
from tests.support.stored_tables import stored_tables
from tests.support.tiny_model import save_tiny_model

pytestmark = [pytest.mark.realmodel, pytest.mark.timeout(600)]
RETRAIN = "retrain-adapter"

CONFIG = """
[model]
base = "{base}"
threads = 1
max_new_tokens = 4
[training]
epochs = 2
rank = 4
[dataset]
golden = "golden.jsonl"
[cadence]
min_new_examples = 10
[registry]
mirror = "hub"
"""


def app(folder: Path, home: str) -> App:
    return App(load_settings(folder / "ragloop.toml", folder / home))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration, and two equal homes with thirty answers and their corrections: `by-core` and `by-flow`."""
    place = tmp_path_factory.mktemp("learning")
    save_tiny_model(place / "model")
    (place / "ragloop.toml").write_text(CONFIG.format(base=place / "model"))
    golden = [{"question": f"Tell me the colour of boat {n}, please", "answer": f"shade {n}"} for n in range(5)]
    (place / "golden.jsonl").write_text("\n".join(map(json.dumps, golden)))
    documents = place / "boats"
    documents.mkdir()
    for number in range(30):
        (documents / f"boat-{number:02}.md").write_text(
            f"# Boat {number}\n\nThe hull of boat {number} is painted in violet {number}.\n"
        )
    made = app(place, "by-core")
    made.corpus.sync(documents)
    answers = made.answering.answerer.ask_all([f"How is the hull of boat {number} painted?" for number in range(30)])
    made.journal.give_all_feedback(
        [(answer.interaction_id, "correction", f"in violet {n}") for n, answer in enumerate(answers)]
    )
    made.journal.fold()
    shutil.copytree(place / "by-core", place / "by-flow")
    return place


@dataclass
class Loop:
    """What ran by flows."""

    drift: dict[str, Any]
    retrain: FlowRun
    artifacts: dict[str, str]


@pytest.fixture(scope="module")
def loop(stack: LocalStack, place: Path) -> Loop:
    """check_drift called here, and the retraining that the worker started because of its event."""
    flows, home, config = FlowsInProcess(stack), place / "by-flow", place / "ragloop.toml"
    with serving(stack, RETRAIN, home, config):
        with temporary_settings(settings_of(stack)):
            state = check_drift(home=home, config=config, return_state=True)
        started = eventually(lambda: stack.flow_runs(RETRAIN))
        retrain = stack.wait(started[0].run_id, 400)
    drift = {**flows.run_of(state), "artifacts": flows.artifacts(state)}
    return Loop(drift, retrain, flows.artifacts_of(retrain.run_id))


def eventually(found: Callable[[], list[Any]]) -> list[Any]:
    deadline = time.monotonic() + 60
    while not (runs := found()):
        assert time.monotonic() < deadline, "the event never came"
        time.sleep(0.3)
    return runs


def test_the_event_of_a_due_retraining_starts_it_for_the_same_home(stack: LocalStack, loop: Loop, place: Path) -> None:
    run = stack.api.call("GET", f"/flow_runs/{loop.retrain.run_id}")
    assert run["work_queue_name"] == "training"
    address = {"home": str(place / "by-flow"), "config": str(place / "ragloop.toml")}
    assert run["parameters"] == {**address, "rung_by": loop.drift["id"]}
    assert loop.drift["name"] == "measure drift · 0 of 5 signals drifted, training is due"
    assert loop.drift["state_type"] == "COMPLETED"


def test_the_flows_and_the_core_leave_equal_tables(loop: Loop, place: Path) -> None:
    by_core = app(place, "by-core")
    by_core.learning.measure_drift()
    report = by_core.learning.retraining.run()
    assert stored_tables(place / "by-flow") == stored_tables(place / "by-core")
    assert loop.retrain.state_type == "COMPLETED", loop.retrain
    assert loop.retrain.name == f"retrain · {report.adapter_id} · {report.verdict}"
    assert loop.retrain.message.startswith(f"{report.verdict}: adapter {report.adapter_id} was not promoted. ")


def test_every_signal_and_the_decision_are_shown(loop: Loop) -> None:
    shown = loop.drift["artifacts"]
    signals = re.findall(r"^\| [a-z ]+ \| (ok|not enough data) \| none \|", shown["drift-report"], re.MULTILINE)
    assert len(signals) == 5, shown["drift-report"]
    assert "30 new eligible examples (10 needed)" in shown["drift-report"]


def test_funnel_loss_scores_and_criteria_are_shown(loop: Loop) -> None:
    shown = loop.artifacts
    assert "| no feedback | 0 |" in shown["retrain-dataset"]
    assert "![what became of the answers of the log](data:image/png;base64,iVBOR" in shown["retrain-dataset"]
    assert f"[this run](/runs/flow-run/{loop.drift['id']})" in shown["retrain-dataset"]
    assert "![loss by step](data:image/png;base64,iVBOR" in shown["retrain-training"]
    assert "| last loss |" in shown["retrain-training"]
    assert "| mean of | champion | candidate |" in shown["retrain-scores"]
    assert "| lift | undecided | 0 |" in shown["retrain-gate"]
    assert "![criteria of the gate with their intervals](data:image/png" in shown["retrain-gate"]
    assert shown["training-progress"] == 100


def test_no_question_and_no_answer_leaves_the_store(stack: LocalStack, loop: Loop) -> None:
    logs = stack.api.call("POST", "/logs/filter", {"logs": {"flow_run_id": {"any_": [loop.retrain.run_id]}}})
    told = str(loop.artifacts) + str(loop.drift["artifacts"]) + " ".join(one["message"] for one in logs)
    assert not any(word in told for word in ("hull", "violet", "colour", "shade"))


# --- the mirror of the registry --------------------------------------------------------------------------------------


def mirrored(hub: Path) -> dict[str, Any]:
    return dict(json.loads((hub / "mirror.json").read_text()))


def test_the_mirror_holds_what_a_retraining_made(loop: Loop, place: Path) -> None:
    [made] = app(place, "by-flow").registry.adapters()
    assert mirrored(place / "hub") == {**mirrored(place / "hub"), "adapters": [made.adapter_id], "aliases": {}}
    assert (place / "hub" / made.adapter_id / "adapter_model.safetensors").is_file()


def home_of_its_own(place: Path, own: Path, more: str = "") -> tuple[Path, Path, str]:
    """A copy of the home in which a flow retrained, a configuration with its mirror, and the id of the adapter."""
    home, config = own / "home", own / "ragloop.toml"
    shutil.copytree(place / "by-flow", home)
    golden = place / "golden.jsonl"
    config.write_text((place / "ragloop.toml").read_text().replace(f'"{golden.name}"', f'"{golden}"') + more)
    [adapter] = App(load_settings(config, home)).registry.adapters()
    return home, config, adapter.adapter_id


def test_what_the_end_of_a_retraining_promotes_the_mirror_names_champion(
    flows: FlowsInProcess, loop: Loop, place: Path, tmp_path: Path
) -> None:
    home, config, adapter_id = home_of_its_own(place, tmp_path)
    criteria = App(load_settings(config, home)).registry.adapter(adapter_id).evidence.criteria

    @flow(name="ends", persist_result=False)
    def ending() -> bool:
        decided = Decided(Verdict(VerdictKind.PROMOTE, ("lift pass.",), criteria))
        return promote_adapter(adapter_id, decided, home, config).promoted

    assert ending()
    assert mirrored(tmp_path / "hub")["aliases"] == {"closed-book": {"champion": adapter_id}}


CANARY = """
[canary]
shares = [0.5]
questions = 100
margin = 0.3
"""


@pytest.mark.parametrize("bad", [False, True], ids=["it is not worse", "it is worse"])
def test_a_canary_that_is_ended_by_the_task_of_check_drift_ends_in_the_mirror(
    bad: bool, flows: FlowsInProcess, loop: Loop, place: Path, tmp_path: Path
) -> None:
    home, config, adapter_id = home_of_its_own(place, tmp_path, CANARY)
    made = App(load_settings(config, home))
    Canaries(made.registry).start(adapter_id, 0.5, "the gate")
    made.safekeeping.follow_mirror()
    assert mirrored(tmp_path / "hub")["aliases"] == {"closed-book": {"challenger": adapter_id}}
    log_answers(made.journal, adapter_id, 400, bad=bad)

    @flow(name="watches", persist_result=False)
    def watching() -> None:
        watch_canaries(home, config)

    watching()
    assert mirrored(tmp_path / "hub")["aliases"] == {"closed-book": {} if bad else {"champion": adapter_id}}
    assert (tmp_path / "hub" / adapter_id).exists() != bad


def log_answers(journal: Journal, challenger: str, count: int, *, bad: bool) -> None:
    """Log answers as routing assigns them, all voted on: down where the challenger gave one that is bad."""
    now, rows, votes = journal.store.now(), [], list[dict[str, Any]]()
    for name in map(str, range(count)):
        who = assigned(name, challenger, 0.5)
        rows.append(
            {
                "interaction_id": name, "asked_at": now, "question": name, "lane": LaneName.CLOSED_BOOK,
                "abstained": False, "decisions": {DECISION: str(who)}, "latency_ms": {"generate": 5.0},
            }
        )  # fmt: skip
        kind = FeedbackKind.DOWN if bad and who.arm is Arm.CHALLENGER else FeedbackKind.UP
        votes.append({"feedback_id": f"f{name}", "interaction_id": name, "kind": kind, "given_at": now})
    journal.append("interactions", rows)
    journal.append("feedback", votes)


# --- evaluate-champion -----------------------------------------------------------------------------------------------


def test_the_champion_is_held_against_the_base_model_and_what_got_worse_rings(
    stack: LocalStack, loop: Loop, place: Path
) -> None:
    shutil.copytree(place / "by-flow", place / "serving")
    lenient = place / "lenient.toml"
    # Of five questions a tiny model answers none: enough evidence to be below half of them.
    lenient.write_text((place / "ragloop.toml").read_text() + "[gate]\nmin_pairs = 5\n")
    registry = app(place, "serving").registry
    champion = registry.promote(registry.adapters()[0].adapter_id, "test").adapter_id
    with temporary_settings(settings_of(stack)):
        state = evaluate_champion(home=place / "serving", config=lenient, return_state=True)
        EventsWorker.drain_all(timeout=10)
    flows = FlowsInProcess(stack)
    run, shown = flows.run_of(state), flows.artifacts(state)
    assert run["name"] == f"evaluate champion · {champion} no longer earns its place in closed-book"
    assert run["state_type"] == "COMPLETED"
    assert "floor fail: " in run["state"]["message"]
    assert "![scores over time](data:image/png" in shown["champion-review-closed-book"]
    assert "`roll-back`" in shown["champion-review-closed-book"]
    assert [one["champion"] for one in app(place, "serving").status()["lanes"]] == [champion]
    wanted = {"filter": {"event": {"name": ["ragloop.champion.worse"]}}}
    rung = eventually(lambda: [
        one["payload"] for one in stack.api.call("POST", "/events/filter", wanted)["events"]
        if one["payload"].get("flow_run_id") == run["id"]
    ])  # fmt: skip
    assert (rung[0]["adapter"], rung[0]["home"]) == (champion, str(place / "serving"))


def test_without_a_champion_only_golden_questions_are_asked_and_those_that_are_stale_are_named(
    stack: LocalStack, loop: Loop, place: Path
) -> None:
    shutil.copytree(place / "by-flow", place / "measured")
    asked = {"question": "How is the hull of boat 7 painted?", "answer": "in violet 7", "document": "boat-07.md"}
    stale = {"question": "How is the hull of boat 3 painted?", "answer": "in red", "document": "boat-03.md"}
    golden = place / "some-stale.jsonl"
    golden.write_text("\n".join(map(json.dumps, [asked, {**stale, "revision": "0" * 64}])))
    config = place / "some-stale.toml"
    config.write_text((place / "ragloop.toml").read_text().replace("golden.jsonl", golden.name))
    with temporary_settings(settings_of(stack)):
        state = evaluate_champion(place / "measured", config, compare_with="top_k=1", return_state=True)
    flows = FlowsInProcess(stack)
    assert flows.run_of(state)["name"] == "evaluate champion · no champion"
    shown = flows.artifacts(state)["golden-comparison"].replace("\\", "")
    assert shown.startswith("# 1 golden question asked, 1 stale")
    assert "b: top_k=1" in shown
    assert "![golden questions over time](data:image/png;base64,iVBOR" in shown
    assert "boat-03.md changed, and no longer gives" in shown
    assert not any(word in shown for word in ("hull", "violet", "painted"))
