"""What the server notices by itself: failures, lateness, silence, a champion that is worse; who hears of it."""

import json
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer
from prefect import tags
from prefect.events.worker import EventsWorker
from typer.testing import CliRunner

from flows.retrain import retrain_adapter
from flows.sync import sync_index
from ragloop.cli.commands import automations
from ragloop.errors import NotFoundError
from ragloop.orchestrator.automations import apply, wanted
from ragloop.orchestrator.local_stack import LocalStack
from ragloop.orchestrator.project import project_root
from tests.flows.conftest import FlowsInProcess
from tests.support.waiting import until

pytestmark = [pytest.mark.realmodel, pytest.mark.timeout(300)]

ASKED = "ragloop session: an operator is asked"
FAILED = "ragloop session: a sync has failed, or was done in part"
LATE = "ragloop session: documents became searchable too late"
SILENT = "ragloop session: no sync has completed for three hours"
WORSE = "ragloop session: the champion no longer earns its place"
QUARANTINE = "ragloop session: more documents are in quarantine"
DEAD_LETTERS = "ragloop session: messages are in the dead-letter queue"
DISK = "ragloop session: the disk is almost full"
UNTRAINED = "ragloop session: a retraining has failed"
UNANSWERED = "ragloop session: a question is not answered"


@pytest.fixture
def file(stack: LocalStack) -> list[dict[str, Any]]:
    return [dict(one) for one in wanted(project_root(), stack.names)]


@pytest.fixture(autouse=True)
def restored(stack: LocalStack) -> Iterator[None]:
    yield
    apply(stack.api, stack.names, wanted(project_root(), stack.names))


def there(stack: LocalStack, name: str) -> list[dict[str, Any]]:
    return [one for one in stack.api.call("POST", "/automations/filter", {}) if one["name"] == name]


def events(stack: LocalStack, name: str, resource: str) -> list[dict[str, Any]]:
    EventsWorker.drain_all(timeout=10)
    wanted = {"filter": {"event": {"name": [name]}, "resource": {"id": [resource]}}, "limit": 50}
    return list(stack.api.call("POST", "/events/filter", wanted)["events"])


def fired(stack: LocalStack, name: str) -> list[dict[str, Any]]:
    """What triggered an automation, wherever in the session."""
    (one,) = there(stack, name)
    rung = until(
        lambda: events(stack, "prefect.automation.triggered", f"prefect.automation.{one['id']}"), f"a firing of {name}"
    )
    return [event["payload"]["triggering_event"] for event in rung]


# --- equal to the file -----------------------------------------------------------------------------------------------


def test_applying_again_changes_nothing(stack: LocalStack, file: list[dict[str, Any]]) -> None:
    before = [there(stack, one["name"]) for one in file]
    assert apply(stack.api, stack.names, file).unchanged == tuple(one["name"] for one in file)
    assert [there(stack, one["name"]) for one in file] == before
    assert [len(one) for one in before] == [1] * len(file)


def test_what_is_doubled_changed_or_no_longer_in_the_file_is_made_equal_to_it(
    stack: LocalStack, file: list[dict[str, Any]]
) -> None:
    (changed,) = there(stack, LATE)
    stack.api.call("POST", "/automations/", next(one for one in file if one["name"] == FAILED))
    stack.api.call("PATCH", f"/automations/{changed['id']}", {"enabled": False})
    stack.api.call("POST", "/automations/", {**file[-1], "name": "ragloop session: of an earlier release"})
    for tags_of_them in ([], ["ragloop"], ["ragloop", "ragloop-session"]):
        stack.api.call("POST", "/automations/", {**file[-1], "name": "of somebody else", "tags": tags_of_them})
    of_another_home = {"name": "ragloop another: of another home", "tags": ["ragloop", "ragloop-another"]}
    other = stack.api.call("POST", "/automations/", {**file[-1], **of_another_home})["id"]
    try:
        done = apply(stack.api, stack.names, file)
        assert (done.created, set(done.changed), done.deleted) == (
            (), {FAILED, LATE}, ("ragloop session: of an earlier release",)
        )  # fmt: skip
        assert (len(there(stack, FAILED)), there(stack, LATE)[0]["enabled"]) == (1, True)
        assert len(there(stack, "ragloop session: retraining is due")) == 1, "it belongs to a deployment"
        assert len(there(stack, "of somebody else")) == 3
        assert len(there(stack, "ragloop another: of another home")) == 1
    finally:
        stack.api.call("DELETE", f"/automations/{other}")
        for one in there(stack, "of somebody else"):
            stack.api.call("DELETE", f"/automations/{one['id']}")


BERN = {"prefect.resource.name": "bern"}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (LATE, {"trigger": {"match_related": BERN}}),
        (LATE, {"trigger": {"match": {"prefect.resource.id": ["ragloop.home.session"], **BERN}}}),
        (SILENT, {"trigger": {"match_related": {}}}),
        (WORSE, {"trigger": {"for_each": ["prefect.resource.id"]}}),
        (WORSE, {"actions_on_resolve": [{"type": "do-nothing"}]}),
    ],
)
def test_one_that_was_narrowed_or_widened_is_changed_back(
    stack: LocalStack, file: list[dict[str, Any]], name: str, change: dict[str, Any]
) -> None:
    of_file = next(one for one in file if one["name"] == name)
    (before,) = there(stack, name)
    changed = {**of_file, **change, "trigger": {**of_file["trigger"], **change.get("trigger", {})}}
    stack.api.call("PUT", f"/automations/{before['id']}", changed)
    assert apply(stack.api, stack.names, file).changed == (name,)
    (after,) = there(stack, name)
    assert (after["trigger"]["match_related"], after["trigger"]["match"], after["actions_on_resolve"]) == (
        before["trigger"]["match_related"], before["trigger"]["match"], []
    )  # fmt: skip
    assert apply(stack.api, stack.names, file).changed == ()


def test_nothing_that_the_file_holds_takes_runs_of_others(file: list[dict[str, Any]]) -> None:
    """By the tag, that the deployments of this home bear, or by events about this home."""
    tagged = {"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.ragloop-session"}
    for one in file:
        trigger = one["trigger"]
        related = trigger["match_related"]
        ours = trigger["match"] == {"prefect.resource.id": ["ragloop.home.session"]}
        assert ours or tagged in (related if isinstance(related, list) else [related]), one["name"]


def test_the_command_says_what_it_did(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", stack.api_url)
    application = typer.Typer()
    application.add_typer(automations.automations, name="automations")
    result = CliRunner().invoke(application, ["automations", "apply", "--json"], catch_exceptions=False)
    assert len(json.loads(result.stdout)["unchanged"]) == len(wanted(project_root(), stack.names))


# --- what is noticed -------------------------------------------------------------------------------------------------


def test_a_sync_that_was_done_in_part_is_noticed(
    flows: FlowsInProcess, stack: LocalStack, folder: Path, tmp_path: Path
) -> None:
    config = tmp_path / "small.toml"
    config.write_text("[sync]\nmax_document_mb = 0.001\n")
    (folder / "long.md").write_text("# Long\n\n" + "The heron eats frogs.\n" * 200)
    with tags(*stack.names.tags):
        sync_index(folder=folder, home=tmp_path / "home", config=config, return_state=True)

    # Once an hour for each flow: of a session with other failures, the first of them.
    def told() -> list[str]:
        related = [one for event in fired(stack, FAILED) for one in event["related"]]
        return [one["prefect.resource.name"] for one in related if _is(one, "flow")]

    until(lambda: [name for name in told() if name == "sync-index"], "a firing for sync-index")
    assert set(told()) <= {"sync-index", "index-changes"}


def test_a_question_to_an_operator_is_noticed(
    flows: FlowsInProcess, stack: LocalStack, folder: Path, tmp_path: Path
) -> None:
    home, config = tmp_path / "home", tmp_path / "asking.toml"
    config.write_text("[sync]\napproval_minutes = 0.05\n")
    sync_index(folder=folder, home=home, config=config)
    for file in sorted(folder.iterdir())[:15]:
        file.unlink()
    sync_index(folder=folder, home=home, config=config, return_state=True)
    assert "delete 15 documents?" in {event["resource"]["prefect.resource.name"] for event in fired(stack, ASKED)}


def _is(related: dict[str, str], role: str) -> bool:
    return related["prefect.resource.role"] == role


@pytest.mark.long
def test_lateness_beyond_the_objective_rings_with_its_figures(
    flows: FlowsInProcess, stack: LocalStack, folder: Path, tmp_path: Path
) -> None:
    home, config = tmp_path / "home", tmp_path / "strict.toml"
    config.write_text("[freshness]\nobjective_minutes = 0.00001\n")

    def late() -> list[dict[str, Any]]:
        rung = events(stack, "ragloop.freshness.late", "ragloop.home.session")
        return [one for one in rung if one["payload"]["home"] == str(home)]

    sync_index(folder=folder, home=home, config=config)
    assert late() == [], "a first index is not late"
    for number in range(3):
        (folder / f"chapter-{number:02}.md").write_text("# Moved\n\nThe heron moved to another pond.\n")
    state = sync_index(folder=folder, home=home, config=config, return_state=True)
    (event,) = until(late, "the event")
    told = event["payload"]
    assert (told["documents"], told["objective_s"], told["home"]) == (
        3, pytest.approx(0.0006), str(home)
    )  # fmt: skip
    assert 0 < told["p50_s"] <= told["p95_s"] <= told["worst_s"]
    assert told["flow_run_id"] == flows.run_of(state)["id"]
    assert any(one["id"] == event["id"] for one in fired(stack, LATE))
    report = flows.artifacts(state)["sync-report"]
    assert "The p95 is beyond the objective" in report
    assert "![lag of the documents of this sync](data:image/png" in report


def test_a_growing_quarantine_and_a_full_disk_ring_with_their_figures(
    flows: FlowsInProcess, stack: LocalStack, folder: Path, tmp_path: Path
) -> None:
    home, config = tmp_path / "home", tmp_path / "small.toml"
    config.write_text("[sync]\nmax_document_mb = 0.001\n[maintenance]\nmin_free_gb = 1e9\n")
    resource = stack.names.home

    def rung(name: str) -> list[dict[str, Any]]:
        return [one for one in events(stack, name, resource) if one["payload"]["home"] == str(home)]

    (folder / "first.md").write_text("# Long\n\n" + "The heron eats frogs.\n" * 200)
    sync_index(folder=folder, home=home, config=config, return_state=True)
    (folder / "second.md").write_text("# Long\n\n" + "The heron eats fish.\n" * 200)
    for _ in range(2):  # the second of these finds nothing new
        sync_index(folder=folder, home=home, config=config, return_state=True)
    (grows,) = until(lambda: rung("ragloop.quarantine.grows"), "the event")
    assert (grows["payload"]["quarantined"], grows["payload"]["more"]) == (2, 1)
    until(lambda: len(rung("ragloop.disk.low")) == 3, "the event of each run")
    for automation in (QUARANTINE, DISK):  # each at most once an hour, wherever in the session
        assert any(one["resource"]["prefect.resource.id"] == resource for one in fired(stack, automation))


def test_a_retraining_that_fails_is_noticed(flows: FlowsInProcess, stack: LocalStack, tmp_path: Path) -> None:
    with tags(*stack.names.tags):
        state = retrain_adapter(home=tmp_path / "home", return_state=True)
    assert state.is_failed()
    run = f"prefect.flow-run.{state.state_details.flow_run_id}"
    until(lambda: [one for one in fired(stack, UNTRAINED) if one["resource"]["prefect.resource.id"] == run], "a firing")


@pytest.mark.long
def test_a_question_that_nobody_answers_is_noticed(
    flows: FlowsInProcess, stack: LocalStack, file: list[dict[str, Any]], folder: Path, tmp_path: Path
) -> None:
    home, config = tmp_path / "home", tmp_path / "asking.toml"
    config.write_text("[sync]\napproval_minutes = 0.6\n")
    (unanswered,) = (one for one in file if one["name"] == UNANSWERED)
    impatient = {**unanswered, "name": "unanswered for ten seconds", "tags": []}
    impatient["trigger"] = {**unanswered["trigger"], "within": 10}
    made = stack.api.call("POST", "/automations/", impatient)
    try:
        sync_index(folder=folder, home=home, config=config)
        for one in sorted(folder.iterdir())[:15]:
            one.unlink()
        sync_index(folder=folder, home=home, config=config, return_state=True)
        assert fired(stack, "unanswered for ten seconds")
    finally:
        stack.api.call("DELETE", f"/automations/{made['id']}")


@pytest.mark.long
def test_a_source_that_falls_silent_is_noticed_though_nothing_happens(
    flows: FlowsInProcess, stack: LocalStack, file: list[dict[str, Any]], folder: Path, tmp_path: Path
) -> None:
    (silent,) = (one for one in file if one["name"] == SILENT)
    impatient = {**silent, "name": "silent for ten seconds", "tags": []}
    impatient["trigger"] = {**silent["trigger"], "within": 10}
    made = stack.api.call("POST", "/automations/", impatient)
    try:
        with tags(*stack.names.tags):
            sync_index(folder=folder, home=tmp_path / "home")
        assert fired(stack, "silent for ten seconds")
    finally:
        stack.api.call("DELETE", f"/automations/{made['id']}")


# --- who hears of it -------------------------------------------------------------------------------------------------


@pytest.fixture
def pager() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A service that takes notifications: its address, and what it got."""
    got: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", got
    server.shutdown()
    thread.join()
    server.server_close()


def ring(stack: LocalStack) -> None:
    event = {
        "id": str(uuid.uuid4()), "occurred": datetime.now(UTC).isoformat(), "event": "ragloop.champion.worse",
        "resource": {"prefect.resource.id": "ragloop.home.session", "prefect.resource.name": "/srv/x"},
        "payload": {"adapter": "a1"},
    }  # fmt: skip
    stack.api.call("POST", "/events", [event])


def test_a_notification_block_that_is_named_hears_of_it(
    stack: LocalStack, file: list[dict[str, Any]], pager: tuple[str, list[dict[str, str]]]
) -> None:
    address, got = pager
    kind = stack.api.call("GET", "/block_types/slug/custom-webhook")["id"]
    of_kind = {"block_schemas": {"block_type_id": {"any_": [kind]}}}
    schema = stack.api.call("POST", "/block_schemas/filter", of_kind)[0]["id"]
    message = {"title": "{{subject}}", "text": "{{body}}"}
    data = {"name": "pager", "url": address, "method": "POST", "json_data": message}
    block = {"name": "pager", "block_type_id": kind, "block_schema_id": schema, "data": data}
    stack.api.call("POST", "/block_documents/", block)

    done = apply(stack.api, stack.names, file, "custom-webhook/pager")
    assert set(done.changed) == {
        ASKED, FAILED, SILENT, LATE, WORSE, QUARANTINE, DEAD_LETTERS, DISK, UNTRAINED, UNANSWERED
    }  # fmt: skip
    # The server takes up a changed automation a moment after it has confirmed the change: ring until it is heard.
    told = until(lambda: ring(stack) or [one for one in got if one["title"] == WORSE], "the notification")[0]
    assert "/srv/x" in told["text"]
    assert '"adapter": "a1"' in told["text"]


def test_a_block_that_is_not_there_is_named_with_what_to_do(stack: LocalStack, file: list[dict[str, Any]]) -> None:
    with pytest.raises(NotFoundError, match=r"no notification block slack-webhook/ops .*create it in the UI"):
        apply(stack.api, stack.names, file, "slack-webhook/ops")
