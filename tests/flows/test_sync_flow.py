"""sync_index against a real server: what it leaves in the store, and what an operator sees of it."""

import logging
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.schemas.objects import State

from flows.sync import sync_index
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.corpus.sync.decided_deletes import decisions
from ragloop.orchestrator.local_stack import LocalStack
from ragloop.orchestrator.names import Names
from ragloop.orchestrator.questions import open_questions
from ragloop.reports import Reports
from ragloop.store import Store
from tasks.corpus import sync_sources
from tests.flows.conftest import FlowsInProcess, answer_when_asked, serving, when_asked
from tests.support.stored_tables import stored_tables
from tests.support.waiting import until

pytestmark = pytest.mark.realmodel


def edit(folder: Path) -> None:
    (folder / "chapter-00.md").write_text("# Chapter 0\n\nThe heron moved to another pond.\n")
    (folder / "chapter-01.md").rename(folder / "one.md")
    (folder / "chapter-02.md").unlink()


def test_the_flow_and_the_core_leave_equal_tables(flows: FlowsInProcess, folder: Path, tmp_path: Path) -> None:
    by_core, by_flow = tmp_path / "by-core", tmp_path / "by-flow"
    for change in (lambda folder: None, edit):
        change(folder)
        App(load_settings(home=by_core)).corpus.sync(folder)
        sync_index(folder=folder, home=by_flow)
    assert stored_tables(by_flow) == stored_tables(by_core)


def test_artifacts_hold_the_figures_and_the_keys_but_no_text(
    flows: FlowsInProcess, folder: Path, tmp_path: Path
) -> None:
    state = sync_index(folder=folder, home=tmp_path / "home", return_state=True)
    artifacts = flows.artifacts(state)
    assert "| chunks embedded | 25 |" in artifacts["sync-report"]
    assert "chapter-24.md" in artifacts["sync-changes"]
    assert artifacts["sync-progress"] == 100
    assert not any(word in str(artifacts) + flows.logs(state) for word in ("heron", "pond", "frogs"))


def test_the_artifact_shows_how_well_documents_were_read_and_the_trend(
    flows: FlowsInProcess, folder: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    sync_index(folder=folder, home=home)
    (folder / "crane.txt").write_bytes(
        "Der Kranich überwintert im Süden, fährt früh und zieht spät.\n".encode() + b"\xe4"
    )
    (folder / "blank.html").write_text("<script>draw()</script>")
    (folder / "plan.vsd").write_text("x")
    report = flows.artifacts(sync_index(folder=folder, home=home, return_state=True))["sync-report"]
    assert "| crane.txt | read in part | 1 |" in report
    assert "| blank.html | without text | – |" in report
    assert "Passed over: 1 .vsd." in report
    counts = [line.split("|")[2:-1] for line in report.splitlines() if line.startswith("| 20")]
    assert [[cell.strip() for cell in cells] for cells in counts] == [
        ["27 (+2)", "1 (+1)", "1 (+1)", "0", "1 (+1)"],
        ["25", "0", "0", "0", "0"],
    ]
    assert "Kranich" not in report


def test_the_name_and_the_last_state_tell_what_happened(flows: FlowsInProcess, folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    sync_index(folder=folder, home=home)
    edit(folder)
    run = flows.run_of(sync_index(folder=folder, home=home, return_state=True))
    assert run["name"] == "sync handbook · 1 updated, 1 renamed, 1 deleted"
    assert run["state_type"] == "COMPLETED"
    assert run["state"]["message"] == "1 updated, 1 renamed, 1 deleted; 24 chunks"


def test_a_folder_that_is_left_empty_in_the_form_means_every_source(
    flows: FlowsInProcess, folder: Path, tmp_path: Path
) -> None:
    config = tmp_path / "handbook.toml"
    config.write_text(f'[[sources]]\nname = "handbook"\nuri = "{folder}"\n')
    parameters = {"folder": "", "home": str(tmp_path / "home"), "config": str(config)}
    run = flows.run_of(sync_index(**parameters, return_state=True))
    assert (run["name"], run["state"]["message"]) == ("sync handbook · 25 added", "25 added; 25 chunks")


def test_withheld_deletes_are_not_green(flows: FlowsInProcess, folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    sync_index(folder=folder, home=home)
    for file in sorted(folder.iterdir())[:15]:
        file.unlink()
    config = approval_within(tmp_path, 0)
    run = flows.run_of(sync_index(folder=folder, home=home, config=config, return_state=True))
    assert (run["state_type"], run["name"]) == ("FAILED", "sync handbook · in part · nothing changed")
    assert "15 deletes are withheld" in run["state"]["message"]
    confirmed = flows.run_of(sync_index(folder=folder, home=home, confirm_deletes=True, return_state=True))
    assert (confirmed["state_type"], confirmed["name"]) == ("COMPLETED", "sync handbook · 15 deleted")


def approval_within(place: Path, minutes: float) -> Path:
    config = place / "approval.toml"
    config.write_text(f"[sync]\napproval_minutes = {minutes}\n")
    return config


def under_way(flows: FlowsInProcess) -> list[dict[str, str]]:
    wanted = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PAUSED"]}}}}
    found: list[dict[str, str]] = flows.stack.api.call("POST", "/flow_runs/filter", wanted)
    return found


@pytest.mark.parametrize("decision", ["approve", "refuse"])
def test_an_operator_who_is_asked_decides_about_the_deletes(
    decision: str, flows: FlowsInProcess, folder: Path, tmp_path: Path
) -> None:
    home, config = tmp_path / "home", approval_within(tmp_path, 5)
    sync_index(folder=folder, home=home, config=config)
    files = sorted(folder.iterdir())
    for file in files[:15]:
        file.unlink()
    files[20].write_text("# Chapter 20\n\nThe heron moved to another pond.\n")
    asking: list[dict[str, str]] = []
    operator = answer_when_asked(
        flows, {"decision": decision, "name": "Ada", "reason": "moved out"}, lambda: asking.extend(under_way(flows))
    )
    state = sync_index(folder=folder, home=home, config=config, return_state=True)
    operator.join()
    run = flows.run_of(state)
    # The run that asks does not pause: Prefect would take the slot of its deployment from it, and end it for that.
    assert [one["state_type"] for one in asking if one["id"] == run["id"]] == ["RUNNING"]
    assert "delete 15 documents?" in [one["name"] for one in asking if one["state_type"] == "PAUSED"]
    approved = decision == "approve"
    told = "1 updated, 15 deleted · deletes approved by Ada" if approved else "1 updated · deletes refused by Ada"
    assert (run["state_type"], run["name"]) == ("COMPLETED", f"sync handbook · {told}")
    assert approved or run["state"]["message"].endswith("; 15 deletes were refused by Ada: moved out")
    (question,) = questions_of(flows, state)
    assert question["name"] == f"delete 15 documents? · {decision}d by Ada"
    (kept,) = decisions(Reports(Store.open(home)))
    assert (kept.approved, kept.by, kept.reason, kept.counts) == (approved, "Ada", "moved out", {str(folder): 15})


def questions_of(flows: FlowsInProcess, state: State[Any]) -> list[dict[str, Any]]:
    """The questions that a run asked."""
    inside = {"flow_runs": {"parent_flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}}
    found: list[dict[str, Any]] = flows.stack.api.call("POST", "/flow_runs/filter", inside)
    return [one for one in found if one["name"].startswith("delete")]


def test_an_open_question_is_seen_in_the_asking_run_and_by_status(
    flows: FlowsInProcess, folder: Path, tmp_path: Path
) -> None:
    home, config = tmp_path / "home", approval_within(tmp_path, 5)
    sync_index(folder=folder, home=home, config=config)
    for file in sorted(folder.iterdir())[:15]:
        file.unlink()
    seen: dict[str, Any] = {}

    def look() -> None:
        seen["questions"] = open_questions(flows.stack.api, flows.stack.names)
        seen["others"] = open_questions(flows.stack.api, Names("another"))
        asking = {
            "artifacts": {"key": {"any_": [flows.stack.names.artifact("question")]}},
            "sort": "CREATED_DESC",
            "limit": 1,
        }
        (seen["artifact"],) = flows.stack.api.call("POST", "/artifacts/filter", asking)

    operator = answer_when_asked(flows, {"decision": "refuse", "name": "Ada"}, look)
    state = sync_index(folder=folder, home=home, config=config, return_state=True)
    operator.join()
    (question,), (asked,) = seen["questions"], questions_of(flows, state)
    assert (question.title, question.url) == (
        "delete 15 documents?",
        f"{flows.stack.ui_url}/runs/flow-run/{asked['id']}",
    )
    waits = datetime.fromisoformat(question.deadline) - datetime.fromisoformat(question.since)
    assert abs(waits - timedelta(minutes=5)) < timedelta(seconds=5)
    assert seen["others"] == []
    assert seen["artifact"]["flow_run_id"] == str(state.state_details.flow_run_id)
    assert seen["artifact"]["description"].startswith("delete 15 documents? waits for an answer until ")
    assert all(part in seen["artifact"]["data"] for part in (asked["id"], "chapter-00.md", "chapter-14.md"))
    assert question.url in flows.logs(state)
    assert open_questions(flows.stack.api, flows.stack.names) == []


def test_an_answer_without_a_choice_or_a_name_is_not_taken(flows: FlowsInProcess, folder: Path, tmp_path: Path) -> None:
    incomplete: list[dict[str, str]] = [
        {},
        {"name": "Ada"},
        {"decision": "approve"},
        {"decision": "approve", "name": ""},
    ]
    home, config = tmp_path / "home", approval_within(tmp_path, 1)
    sync_index(folder=folder, home=home, config=config)
    for file in sorted(folder.iterdir())[:15]:
        file.unlink()
    taken: list[str] = []

    def answer(question: str) -> None:
        for one in (*incomplete, {"decision": "refuse", "name": "Ada"}):
            body = {"run_input": one}
            taken.append(flows.stack.api.call("POST", f"/flow_runs/{question}/resume", body)["status"])

    operator = when_asked(flows, answer)
    sync_index(folder=folder, home=home, config=config, return_state=True)
    operator.join()
    assert taken == ["REJECT"] * len(incomplete) + ["ACCEPT"]


@pytest.mark.parametrize(("days", "asked_again"), [(3, False), pytest.param(0, True, marks=pytest.mark.long)])
def test_a_refusal_may_hold_for_days(
    days: int, asked_again: bool, flows: FlowsInProcess, folder: Path, tmp_path: Path
) -> None:
    home, config = tmp_path / "home", approval_within(tmp_path, 5)
    sync_index(folder=folder, home=home, config=config)
    for file in sorted(folder.iterdir())[:15]:
        file.unlink()
    given = {"decision": "refuse", "name": "Ada", "reason": "a mount is away", "days": days}
    operator = answer_when_asked(flows, given, lambda: None)
    sync_index(folder=folder, home=home, config=config)
    operator.join()
    state = sync_index(folder=folder, home=home, config=approval_within(tmp_path, 0.05), return_state=True)
    assert bool(questions_of(flows, state)) == asked_again
    run = flows.run_of(state)
    assert run["state_type"] == ("FAILED" if asked_again else "COMPLETED")
    kept = "15 documents are gone from the source and kept until"
    assert (kept in flows.artifacts(state)["sync-report"]) != asked_again


def test_what_is_gone_after_the_question_is_not_deleted_by_its_answer(
    flows: FlowsInProcess, folder: Path, tmp_path: Path
) -> None:
    home, config = tmp_path / "home", approval_within(tmp_path, 5)
    sync_index(folder=folder, home=home, config=config)
    files = sorted(folder.iterdir())
    for file in files[:15]:
        file.unlink()
    operator = answer_when_asked(flows, {"decision": "approve", "name": "Ada"}, files[20].unlink)
    run = flows.run_of(sync_index(folder=folder, home=home, config=config, return_state=True))
    operator.join()
    assert run["state_type"] == "FAILED"
    assert "15 deleted" in run["name"]
    assert "1 delete is withheld" in run["state"]["message"]


@pytest.mark.parametrize(
    ("state_type", "told"),
    [("CANCELLING", "delete 15 documents? was cancelled"), ("CRASHED", "delete 15 documents? was ended (by hand)")],
)
def test_a_question_that_is_ended_is_a_no_at_once(
    state_type: str, told: str, flows: FlowsInProcess, folder: Path, tmp_path: Path
) -> None:
    home, config = tmp_path / "home", approval_within(tmp_path, 60)
    sync_index(folder=folder, home=home, config=config)
    for file in sorted(folder.iterdir())[:15]:
        file.unlink()
    operator = when_asked(flows, lambda question: end_as(state_type, flows, question))
    state = sync_index(folder=folder, home=home, config=config, return_state=True)
    operator.join()
    assert "15 deletes are withheld" in flows.run_of(state)["state"]["message"]
    assert f"{told}; nothing more is deleted" in flows.logs(state)


def end_as(state_type: str, flows: FlowsInProcess, run: str) -> None:
    state = {"type": state_type, "name": state_type.capitalize(), "message": "by hand"}
    flows.stack.api.call("POST", f"/flow_runs/{run}/set_state", {"state": state})


def test_an_unanswered_question_deletes_nothing(flows: FlowsInProcess, folder: Path, tmp_path: Path) -> None:
    home, config = tmp_path / "home", approval_within(tmp_path, 0.05)
    sync_index(folder=folder, home=home, config=config)
    for file in sorted(folder.iterdir())[:15]:
        file.unlink()
    state = sync_index(folder=folder, home=home, config=config, return_state=True)
    assert flows.run_of(state)["state_type"] == "FAILED"
    assert "15 deletes are withheld" in flows.run_of(state)["state"]["message"]
    assert "delete 15 documents? had no answer within 3 seconds" in flows.logs(state)


def test_a_quarantined_document_is_not_green_and_its_reason_stays_in_the_store(
    flows: FlowsInProcess, folder: Path, tmp_path: Path
) -> None:
    (folder / "long.md").write_text("# Long\n\n" + "The heron eats frogs.\n" * 200)
    config = tmp_path / "small.toml"
    config.write_text("[sync]\nmax_document_mb = 0.001\n")
    state = sync_index(folder=folder, home=tmp_path / "home", config=config, return_state=True)
    run, artifacts = flows.run_of(state), flows.artifacts(state)
    assert run["state_type"] == "FAILED"
    assert "1 document is quarantined" in run["state"]["message"]
    assert "long.md" in artifacts["sync-changes"]
    assert "reason" not in artifacts["sync-changes"]


def test_the_log_of_a_run_on_a_worker_says_what_was_done_and_why_it_ended_without_a_traceback(
    stack: LocalStack, folder: Path, tmp_path: Path
) -> None:
    (folder / "broken.pdf").write_bytes(b"no PDF")
    config = tmp_path / "ragloop.toml"
    config.write_text(f'[[sources]]\nname = "handbook"\nuri = "{folder}"\n')
    with serving(stack, "sync-index", tmp_path / "home", config):
        run = stack.run_deployment("sync-index", timeout_s=250)
    assert run.message.startswith("done in part: 25 added, 1 failed.")

    def logged() -> list[str]:
        wanted = {"logs": {"flow_run_id": {"any_": [run.run_id]}}, "sort": "TIMESTAMP_ASC"}
        return [one["message"] for one in stack.api.call("POST", "/logs/filter", wanted)]

    # The server gets the lines of a run some seconds after its end.
    until(lambda: "handbook: 25 added, 1 failed; 25 chunks embedded" in logged(), "the line of the source")
    lines = logged()
    assert any(line.startswith("25 added, 1 failed; 25 chunks, 1 commit, ") for line in lines)
    assert not any("Traceback" in line or "unexpected exception" in line for line in lines)


def test_an_error_of_the_user_is_one_line_and_is_not_tried_again(flows: FlowsInProcess, tmp_path: Path) -> None:
    state = sync_index(folder=tmp_path / "nowhere", home=tmp_path / "home", return_state=True)
    run, logs = flows.run_of(state), flows.logs(state)
    assert run["state_type"] == "FAILED"
    assert run["state"]["message"].startswith(
        f"Flow run encountered an exception: NotFoundError: found no folder at {tmp_path / 'nowhere'}"
    )
    assert "Traceback" not in logs
    assert "Retrying" not in logs


def test_a_store_that_another_process_writes_is_tried_again(
    flows: FlowsInProcess, folder: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    held, released = threading.Event(), threading.Event()

    def hold() -> None:
        with Store.open(home).lease("index"):
            held.set()
            released.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)

    @flow
    def impatient() -> str:
        busy = sync_sources.with_options(retry_delay_seconds=4)
        # Long enough that the first try meets the other writer, on a busy machine too.
        threading.Timer(8.0, released.set).start()
        return f"{busy(folder, False, False, False, home, None).added} added"

    state = impatient(return_state=True)
    holder.join()
    assert state.result() == "25 added"
    assert "Retry 1/4 will start" in flows.logs(state)


def test_what_the_core_logs_stands_in_the_log_of_the_run_and_nowhere_without_one(flows: FlowsInProcess) -> None:
    log = logging.getLogger("ragloop.models")

    @flow
    def preparing() -> None:
        log.info("exporting %s to ONNX", "a \u202emodel")
        log.debug("not for operators")

    log.info("outside of a run")
    logs = flows.logs(preparing(return_state=True))
    assert "exporting a \N{REPLACEMENT CHARACTER}model to ONNX" in logs
    assert "operators" not in logs
