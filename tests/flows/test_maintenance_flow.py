"""maintain_store against a real server: what it leaves in the store and in Prefect, and what an operator sees of it."""

import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.maintain import maintain_store
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.orchestrator.watching.batch_runs import record
from ragloop.store import Store
from tasks import run_retention
from tests.flows.conftest import FlowsInProcess
from tests.support.backed_up import BackedUp, rows_of
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.indexed_folder import IndexedFolder


@pytest.fixture
def made(tmp_path: Path) -> BackedUp:
    made = BackedUp(IndexedFolder(tmp_path / "home", tmp_path / "documents"), str(tmp_path / "backups"))
    made.fill(3)
    return made


def configured(place: Path, text: str) -> Path:
    config = place / "ragloop.toml"
    config.write_text(text)
    return config


def test_the_flow_and_the_commands_leave_equal_tables_and_equal_backups(
    flows: FlowsInProcess, made: BackedUp, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(made.indexed.home, tmp_path / "by-commands"))
    app = App(load_settings(home=other), embedder=ConstantEmbedder())
    app.corpus.maintain()
    by_commands = app.safekeeping.back_up(str(tmp_path / "by-commands-backups"))
    maintain_store(home=made.indexed.home, config=configured(tmp_path, f'[backup]\nuri = "{made.uri}"'))
    by_flow = made.app.safekeeping.backups(made.uri).all()[0]

    def without_times(store: Store) -> dict[str, list[str]]:
        return {name: rows for name, rows in rows_of(store).items() if name != "reports"}

    assert without_times(made.app.store) == without_times(Store.open(other))
    assert [(one.name, one.rows) for one in by_flow.tables] == [(one.name, one.rows) for one in by_commands.tables]
    before = made.state()
    made.lose()
    made.app.safekeeping.restore(made.uri)
    assert made.state() == before


def test_an_operator_sees_the_figures_of_tables_and_backup(
    flows: FlowsInProcess, made: BackedUp, tmp_path: Path
) -> None:
    config = configured(tmp_path, f'[backup]\nuri = "{made.uri}"')
    state = maintain_store(home=made.indexed.home, config=config, return_state=True)
    run, artifacts = flows.run_of(state), flows.artifacts(state)
    made_backup = made.app.safekeeping.backups(made.uri).all()[0]
    told = f"backup {made_backup.backup_id}, {len(made_backup.entries)} of {len(made_backup.entries)} files new"
    assert run["state_type"] == "COMPLETED"
    assert told in run["name"]
    assert told in run["state"]["message"]
    assert f"| interactions | {made.app.store.count('interactions')} |" in artifacts["maintenance-report"]
    assert f"| files | {len(made_backup.entries)} |" in artifacts["backup-report"]
    assert artifacts["backup-progress"] == 100
    assert not any(word in str(artifacts) + flows.logs(state) for word in ("Paragraph", "speaks"))


def test_without_a_place_for_backups_the_rest_is_done_and_said(flows: FlowsInProcess, made: BackedUp) -> None:
    run = flows.run_of(maintain_store(home=made.indexed.home, return_state=True))
    assert run["state_type"] == "COMPLETED"
    assert "no backup is configured" in run["name"]


def test_a_table_that_cannot_be_read_is_not_green_and_the_backup_of_before_stays(
    flows: FlowsInProcess, made: BackedUp, tmp_path: Path
) -> None:
    first = made.app.safekeeping.back_up(made.uri)
    for file in (made.indexed.home / "store" / "feedback.lance" / "_versions").iterdir():
        file.write_bytes(file.read_bytes()[:20])
    config = configured(tmp_path, f'[backup]\nuri = "{made.uri}"\nkeep = 1\n[maintenance]\nrun_retention_days = 0')
    run = flows.run_of(maintain_store(home=made.indexed.home, config=config, return_state=True))
    assert run["state_type"] == "FAILED"
    assert "the table feedback is damaged" in run["state"]["message"]
    assert [one.backup_id for one in made.app.safekeeping.backups(made.uri).all()] == [first.backup_id]


# --- retention in Prefect ---------------------------------------------------------------------------------------------


def run_of_deployment(flows: FlowsInProcess, ended: bool) -> str:
    """A run that no worker takes, with a line of log and an artifact; ended just now, or not at all."""
    api = flows.stack.api
    later = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    scheduled = {"type": "SCHEDULED", "name": "Scheduled", "state_details": {"scheduled_time": later}}
    deployment = flows.stack.deployment_id("check-drift")
    made = api.call("POST", f"/deployments/{deployment}/create_flow_run", {"state": scheduled})["id"]
    api.call("POST", "/artifacts/", {"key": "kept", "type": "markdown", "data": "figures", "flow_run_id": made})
    line = {"name": "x", "level": 20, "message": "said", "timestamp": datetime.now(UTC).isoformat()}
    api.call("POST", "/logs/", [{**line, "flow_run_id": made}])
    if ended:
        api.call("POST", f"/flow_runs/{made}/set_state", {"state": {"type": "FAILED", "name": "Failed"}, "force": True})
    return str(made)


def test_old_runs_of_the_deployments_go_with_all_they_hold_and_no_others(
    flows: FlowsInProcess, made: BackedUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_retention, "AT_ONCE", 5)

    def left(run_id: str) -> tuple[int, int, int]:
        by_run = {"flow_run_id": {"any_": [run_id]}}
        call = flows.stack.api.call
        return (
            len(call("POST", "/flow_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})),
            len(call("POST", "/artifacts/filter", {"artifacts": by_run})),
            len(call("POST", "/logs/filter", {"logs": by_run})),
        )

    noted = record(flows.stack.api, flows.stack.names, "watch handbook · 1 added", "COMPLETED", "1 added")
    by_hand = flows.run_of(maintain_store(home=made.indexed.home, return_state=True))["id"]
    old, waiting = (
        [run_of_deployment(flows, ended=True) for _ in range(run_retention.AT_ONCE + 1)],
        run_of_deployment(flows, ended=False),
    )
    foreign = {"flow_id": flows.stack.api.call("GET", f"/flow_runs/{noted}")["flow_id"], "state": {"type": "COMPLETED"}}
    others = [
        str(flows.stack.api.call("POST", "/flow_runs/", {**foreign, "tags": of_others})["id"])
        for of_others in ([], ["ragloop"], ["ragloop", "ragloop-another-home"])
    ]
    assert left(old[0]) == (1, 1, 1)
    time.sleep(2)
    recent = maintain_store(home=made.indexed.home, return_state=True)
    assert "0 runs removed" in flows.run_of(recent)["state"]["message"]
    config = configured(tmp_path, "[maintenance]\nrun_retention_days = 0.00001")
    state = maintain_store(home=made.indexed.home, config=config, return_state=True)
    removed = int(flows.run_of(state)["state"]["message"].rpartition(", ")[2].split()[0])
    assert removed >= len(old)
    end = time.monotonic() + 60
    while any(left(one) != (0, 0, 0) for one in old) and time.monotonic() < end:
        time.sleep(0.5)  # the server removes logs by itself, after the runs
    assert {left(one) for one in old} == {(0, 0, 0)}
    assert left(noted)[0] == 0
    assert left(waiting) == (1, 1, 1)
    assert [left(one)[0] for one in (by_hand, *others)] == [1, 1, 1, 1]
