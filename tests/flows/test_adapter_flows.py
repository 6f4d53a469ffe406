"""Promotion and rollback by hand: what they leave in the registry, and what an operator sees."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State

from flows.adapters import promote_adapter, roll_back
from flows.maintain import maintain_store
from ragloop.config import Settings
from ragloop.learning.canary.decision import CanaryAction, CanaryDecision
from ragloop.learning.canary.watching import Watched
from ragloop.learning.evaluation.gate import Verdict
from ragloop.learning.evaluation.review import Review
from ragloop.learning.steps.promote import Approved
from ragloop.orchestrator.local_stack import FlowRun as FlowRunOfStack
from ragloop.records import LaneName
from ragloop.registry import REJECTED, Challenger, Registry, VerdictKind
from ragloop.registry.evidence import Criterion, CriterionState
from ragloop.registry.succession import Step
from ragloop.store import Store
from tasks.approval import Decided, ask_about_promotion
from tasks.learning_reports import publish_canary, publish_review
from tests.flows.conftest import FlowsInProcess, answer_when_asked, serving
from tests.support.registered import register

BASE = Settings().model.base
ROLL_BACK, PROMOTE_ADAPTER = "roll-back", "promote-adapter"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Two adapters, early and later; none serves."""
    registry = Registry(Store.open(tmp_path / "home"))
    for day, name in enumerate(("early", "later"), 1):
        at = datetime(2026, 1, day, tzinfo=UTC)
        register(registry, name, at=at, base=BASE, state=REJECTED, verdict=VerdictKind.REJECT)
    return registry


def champion(registry: Registry) -> str | None:
    serving = registry.champion()
    return serving.adapter_id if serving else None


def test_an_operator_promotes_and_rolls_back(flows: FlowsInProcess, registry: Registry, tmp_path: Path) -> None:
    home, served = tmp_path / "home", []
    for name in ("early", "later"):
        run = flows.run_of(promote_adapter(name, "asked for", home=home, return_state=True))
        assert (run["state_type"], run["name"]) == ("COMPLETED", f"promote {name} · done")
        served.append(champion(registry))
    state = roll_back("answers got worse", name="Ada", home=home, return_state=True)
    run, artifacts = flows.run_of(state), flows.artifacts(state)
    assert served == ["early", "later"]
    assert champion(registry) == "early"
    assert run["name"] == "roll back · to early"
    assert run["state"]["message"] == "early serves; later is retired."
    assert "| rollback | early | closed-book | Ada | answers got worse |" in artifacts["champions"]


def test_what_flows_change_in_the_registry_the_mirror_follows(
    flows: FlowsInProcess, registry: Registry, tmp_path: Path
) -> None:
    config, home = tmp_path / "ragloop.toml", tmp_path / "home"
    config.write_text('[registry]\nmirror = "hub"\n')

    def mirrored() -> dict[str, Any]:
        return dict(json.loads((tmp_path / "hub" / "mirror.json").read_text())["aliases"])

    for name in ("early", "later"):
        promote_adapter(name, "asked for", home=home, config=config)
        assert mirrored() == {"closed-book": {"champion": name}}
    roll_back("answers got worse", home=home, config=config)
    assert mirrored() == {"closed-book": {"champion": "early"}}
    assert not (tmp_path / "hub" / "later").exists()
    registry.rollback("by a program that knows no mirror")
    maintain_store(home=home, config=config)
    assert sorted(one.name for one in (tmp_path / "hub").iterdir()) == ["mirror.json"]


def test_a_mirror_that_cannot_be_reached_holds_up_no_promotion_and_is_said(
    flows: FlowsInProcess, registry: Registry, tmp_path: Path
) -> None:
    config = tmp_path / "ragloop.toml"
    config.write_text('[registry]\nmirror = "hub"\n')
    (tmp_path / "hub").write_text("a file in the place of a folder")
    state = promote_adapter("early", "asked for", home=tmp_path / "home", config=config, return_state=True)
    assert flows.run_of(state)["state_type"] == "COMPLETED"
    assert champion(registry) == "early"
    assert "the mirror is not as the registry is" in flows.logs(state)


def test_an_empty_form_and_a_rollback_from_the_base_model_change_nothing_and_say_why(
    flows: FlowsInProcess, registry: Registry, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    promoted = flows.run_of(promote_adapter(home=home, return_state=True))
    rolled_back = flows.run_of(roll_back(home=home, return_state=True))
    assert (promoted["state_type"], rolled_back["state_type"]) == ("FAILED", "FAILED")
    assert "`ragloop adapters list` shows all" in promoted["state"]["message"]
    assert "nothing to roll back" in rolled_back["state"]["message"]
    assert champion(registry) is None


def test_a_rollback_of_several_champions_wants_a_name(
    flows: FlowsInProcess, registry: Registry, tmp_path: Path
) -> None:
    register(registry, "reader", base=BASE, lane=LaneName.ADAPTER_RAG)
    for name in ("early", "reader"):
        registry.promote(name, "test")
    run = flows.run_of(roll_back(home=tmp_path / "home", return_state=True))
    assert (run["state_type"], "found several champions" in run["state"]["message"]) == ("FAILED", True)
    assert list(registry.aliases.champions().values()) == ["early", "reader"]


def tried_again(flows: FlowsInProcess, run: FlowRunOfStack) -> FlowRunOfStack:
    """The end of a run of a deployment that an operator has started once more by `Retry`."""
    body = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": True}
    flows.stack.api.call("POST", f"/flow_runs/{run.run_id}/set_state", body)
    return flows.stack.wait(run.run_id, 200)


@pytest.mark.long
def test_a_run_that_is_tried_again_rolls_back_once(flows: FlowsInProcess, registry: Registry, tmp_path: Path) -> None:
    for name in ("early", "later"):
        registry.promote(name, "test")
    with serving(flows.stack, ROLL_BACK, tmp_path / "home", None):
        run = flows.stack.run_deployment(ROLL_BACK, timeout_s=200)
        assert run.message == "early serves; later is retired."
        again = tried_again(flows, run)
    assert (again.state_type, again.message, champion(registry)) == ("COMPLETED", run.message, "early")
    assert [change["kind"] for change in registry.history()] == ["promote", "promote", "rollback"]


def test_a_run_that_is_tried_again_promotes_over_no_rollback_of_a_person(
    flows: FlowsInProcess, registry: Registry, tmp_path: Path
) -> None:
    with serving(flows.stack, PROMOTE_ADAPTER, tmp_path / "home", None):
        run = flows.stack.run_deployment(PROMOTE_ADAPTER, {"adapter_id": "later"}, 200)
        assert champion(registry) == "later"
        registry.rollback("a person saw it")
        assert tried_again(flows, run).state_type == "COMPLETED"
    assert (champion(registry), registry.adapter("later").state) == (None, "retired")


def test_a_rollback_from_an_adapter_that_does_not_serve_any_more_changes_nothing_and_says_so(
    flows: FlowsInProcess, registry: Registry, tmp_path: Path
) -> None:
    for name in ("early", "later"):
        registry.promote(name, "test")
    run = flows.run_of(roll_back(adapter_id="early", home=tmp_path / "home", return_state=True))
    assert (run["state_type"], run["name"]) == ("COMPLETED", "roll back · nothing done")
    assert run["state"]["message"] == "early does not serve, later does; nothing was changed"
    assert champion(registry) == "later"


# --- promotions that an operator is asked about ----------------------------------------------------------------------

PROMOTE = Verdict(
    VerdictKind.PROMOTE, ("lift pass.",), (Criterion("lift", 0.4, 0.3, 0.5, 0.0, 120, CriterionState.PASS, None),)
)  # fmt: skip


def asks(home: Path, approve_promotion: bool = True, minutes: float = 5) -> State[Any]:
    """The end of a flow that asks whether to promote `early`."""
    config = home.parent / "asks.toml"
    config.write_text(
        f"[retrain]\napprove_promotion = {str(approve_promotion).lower()}\napproval_minutes = {minutes}\n"
    )

    @flow(name="asks", persist_result=False)
    def asking() -> Decided:
        return ask_about_promotion("early", PROMOTE, home, config)

    return asking(return_state=True)


@pytest.mark.parametrize(
    ("decision", "verdict", "first"),
    [("approve", "promote", "lift pass."), ("refuse", "inconclusive", "refused by Ada: read it first.")],
)
def test_an_operator_who_is_asked_decides_about_the_promotion(
    decision: str, verdict: str, first: str, flows: FlowsInProcess, registry: Registry, tmp_path: Path
) -> None:
    operator = answer_when_asked(flows, {"decision": decision, "name": "Ada", "reason": "read it first"}, lambda: None)
    state = asks(tmp_path / "home")
    operator.join()
    decided = state.result()
    assert (decided.verdict.verdict, decided.verdict.reasons[0]) == (verdict, first)
    assert (decided.approved == Approved("Ada", "read it first")) == (decision == "approve")
    assert "read it first" in flows.logs(state)


def test_a_question_outlasts_a_server_that_is_away_for_a_moment(
    flows: FlowsInProcess, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, away = SyncPrefectClient.read_flow_run, [0]

    def read_flow_run(client: SyncPrefectClient, flow_run_id: UUID) -> FlowRun:
        if away[0]:
            away[0] -= 1
            raise httpx.ConnectError("away")
        return read(client, flow_run_id)

    monkeypatch.setattr(SyncPrefectClient, "read_flow_run", read_flow_run)
    operator = answer_when_asked(flows, {"decision": "approve", "name": "Ada"}, lambda: away.__setitem__(0, 1))
    state = asks(tmp_path / "home")
    operator.join()
    assert (state.result().verdict.verdict, away) == ("promote", [0])


def test_an_unanswered_question_promotes_nothing(flows: FlowsInProcess, registry: Registry, tmp_path: Path) -> None:
    state = asks(tmp_path / "home", minutes=0.05)
    assert state.result().verdict.verdict == "inconclusive"
    assert state.result().verdict.reasons[0].startswith("nobody answered")
    assert "promote adapter early? had no answer within 3 seconds; the champion stays" in flows.logs(state)
    assert champion(registry) is None


def test_nobody_is_asked_unless_the_settings_say_so(flows: FlowsInProcess, registry: Registry, tmp_path: Path) -> None:
    assert asks(tmp_path / "home", approve_promotion=False).result() == Decided(PROMOTE)


# --- reports of lanes ------------------------------------------------------------------------------------------------


def test_each_lane_has_its_own_page_of_reviews_and_of_canaries(flows: FlowsInProcess) -> None:
    scores = {who: dict.fromkeys(("exact_match", "token_f1_elsewhere"), 0.5) for who in ("base", "champion")}
    earlier = [{"at": "2026-01-01T00:00:00+00:00", "scores": scores}]
    stays = CanaryDecision(CanaryAction.STAY, 0.1, ("too early.",), 1.0, ())
    step = Step(0.1, datetime(2026, 1, 1, tzinfo=UTC), "begun")

    @flow(name="reports", persist_result=False)
    def reporting() -> None:
        for lane in (LaneName.CLOSED_BOOK, LaneName.ADAPTER_RAG):
            publish_review(flows.stack.names, Review(f"of {lane}", lane, scores, PROMOTE), earlier)
            tried = Challenger(f"for {lane}", lane, None, (step,))
            publish_canary(flows.stack.names, Watched(tried, stays, CanaryAction.STAY))

    shown = flows.artifacts(reporting(return_state=True))
    assert {key: text.partition("\n")[0].replace("\\", "") for key, text in shown.items()} == {
        "champion-review-closed-book": "# of closed-book holds its place in closed-book",
        "champion-review-adapter-rag": "# of adapter+rag holds its place in adapter+rag",
        "canary-report-closed-book": "# canary of for closed-book in closed-book at 0.1: stay",
        "canary-report-adapter-rag": "# canary of for adapter+rag in adapter+rag at 0.1: stay",
    }
