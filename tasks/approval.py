"""What an operator is asked before something is done that cannot be undone without effort.

A question is a run of its own inside the run that asks, and pauses; the one that asks goes on running. Were that one
to pause, Prefect would take from it the slot of its deployment, and end it as crashed some minutes later, when it
fails to renew it (PrefectHQ/prefect#20251 and #22885 report the same of retries).
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from prefect import flow, get_client, runtime, tags
from prefect.client.schemas.objects import State
from prefect.input import RunInput, keyset_from_paused_state
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Paused, Running
from pydantic import Field

from ragloop.orchestrator.names import Names
from ragloop.wording import few
from tasks.learning_reports import criteria_table
from tasks.reporting import bullets
from tasks.running import open_app

if TYPE_CHECKING:
    from ragloop.app import App
    from ragloop.corpus.sync.report import SyncReport
    from ragloop.learning.evaluation.gate import Verdict

_POLL_S = 3
_SHOWN = 6
"""Keys of documents in a question: the form is to fit a screen."""


class Approval(RunInput):
    """An answer of an operator. `approve` says in each form what it allows."""

    approve: bool = Field(default=False, description="Go on.")
    reason: str = Field(default="", description="Reason, kept in the log of the run.")


class DeleteApproval(Approval):
    """Whether documents that are gone from their source are deleted from the index."""

    approve: bool = Field(default=False, description="Delete these documents from the index.")


class PromotionApproval(Approval):
    """Whether an adapter that the gate would promote becomes the champion."""

    approve: bool = Field(default=False, description="Make this adapter the champion.")


def approved_deletes(report: "SyncReport", home: Path | None, config: Path | None) -> frozenset[tuple[str, str]]:
    """Return source and key of the documents whose deletion an operator approves, who is asked where any is withheld.

    No answer within sync.approval_minutes is a no, and so is a cancelled question.
    """
    app = open_app(home, config)
    wait_s = int(60 * app.settings.sync.approval_minutes)
    gone = frozenset((one.source, one.key) for one in report.withheld)
    if not gone or not wait_s:
        return frozenset()
    title = f"delete {report.withheld_deletes} documents?"
    answer = _answer(app, DeleteApproval, title, _about_deletes(report), wait_s, "nothing more is deleted")
    if answer is not None:
        get_run_logger().info("deletes %s: %s", "approved" if answer.approve else "refused", answer.reason)
    return gone if answer is not None and answer.approve else frozenset()


def approved_promotion(adapter_id: str, verdict: "Verdict", home: Path | None, config: Path | None) -> "Verdict":
    """Return the verdict, inconclusive where an operator was asked about the promotion and did not allow it.

    Asked is only about what the gate would promote, and only with retrain.approve_promotion. No answer within
    retrain.approval_minutes is a no. The adapter stays in the registry: promote-adapter makes it the champion by hand.
    """
    from ragloop.learning.evaluation.gate import withheld
    from ragloop.registry import VerdictKind

    app = open_app(home, config)
    wanted = app.settings.retrain
    if verdict.verdict != VerdictKind.PROMOTE or not wanted.approve_promotion:
        return verdict
    champion = app.registry.champion()
    question = _about_promotion(adapter_id, champion.adapter_id if champion else "the base model", verdict)
    title = f"promote adapter {adapter_id}?"
    wait_s = int(60 * wanted.approval_minutes)
    answer = _answer(app, PromotionApproval, title, question, wait_s, "the champion stays")
    if answer is None:
        return withheld(verdict, "nobody answered whether to promote it; promote-adapter does it by hand.")
    get_run_logger().info("promotion %s: %s", "approved" if answer.approve else "refused", answer.reason)
    return verdict if answer.approve else withheld(verdict, f"an operator refused it: {answer.reason or 'no reason'}.")


def _answer(
    app: "App", form: type[Approval], title: str, question: str, wait_s: int, otherwise: str
) -> Approval | None:
    """Return what an operator answers to a question in Markdown; None, with a line in the log, without an answer."""

    @flow(name="ask-operator", flow_run_name=title)
    def ask_operator() -> State[Any]:
        """Wait for an answer: `Resume` in the menu of this run opens the form."""
        given, state = _paused(form.with_initial_data(description=question), wait_s)
        if given is not None:
            return Completed(message=f"{'approved' if given.approve else 'refused'}: {given.reason}", data=given)
        if state.is_cancelling() or state.is_cancelled():
            return Cancelled(message=f"the question was cancelled; {otherwise}")
        _go_on()
        ended = (
            f"was ended ({state.message or state.name})"
            if state.is_crashed()
            else f"had no answer within {wait_s} seconds"
        )
        return Completed(message=f"the question {ended}; {otherwise}", data=None)

    with tags(*Names.of(app.settings).tags):
        end: State[Any] = ask_operator(return_state=True)
    answer: Approval | None = end.result() if end.is_completed() else None
    if answer is None:
        get_run_logger().warning(end.message)
    return answer


def _paused(form: type[Approval], wait_s: int) -> tuple[Approval | None, State[Any]]:
    """Return the answer to the form of this run, which pauses for it, and the state that ended the wait.

    Prefect's own pause_flow_run would wait on where the run was cancelled, and end where the server is away.
    """
    state: State[Any] = Paused(timeout_seconds=wait_s, pause_key="question")
    keyset = keyset_from_paused_state(state)
    state.state_details.run_input_keyset = {str(name): key for name, key in keyset.items()}
    end = time.monotonic() + wait_s
    with get_client(sync_client=True) as client:
        form.save(keyset)  # before the run pauses: an answer that comes before its form is rejected
        client.set_flow_run_state(runtime.flow_run.id, state)
        while state.is_paused() and time.monotonic() < end:
            time.sleep(min(_POLL_S, wait_s / 4))
            try:
                state = client.read_flow_run(runtime.flow_run.id).state or state
            except httpx.HTTPError:
                continue  # it may answer again before the time is over
        answer: Any = form.load(keyset) if state.is_running() else None
    return answer, state


def _go_on() -> None:
    """Set the run to Running: Prefect would put a message of its own in place of the end of a run that stays paused, or
    that it has failed since its time is over."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(runtime.flow_run.id, Running(), force=True)


def _about_deletes(report: "SyncReport") -> str:
    """Show the figures and the keys of the documents."""
    keys = [f"{change.source}: {change.key} ({change.chunks} chunks)" for change in report.withheld]
    asked = (
        f"**{report.withheld_deletes} documents are gone from their source**, too many to delete without asking. An "
        "empty mount or a wrong prefix looks like this. Until you approve, they stay searchable; if more are gone by "
        "then, those are withheld again."
    )
    return f"{asked}\n\n{bullets(few(keys, _SHOWN))}"


def _about_promotion(adapter_id: str, champion: str, verdict: "Verdict") -> str:
    """Show who would serve in whose place, and the figures of the gate."""
    asked = (
        f"**Adapter {adapter_id} passed the gate** against {champion}, which keeps serving until you approve. "
        "Then the adapter answers, and `roll-back` undoes that. If you refuse or do not answer, the adapter stays in "
        "the registry and is not promoted."
    )
    return f"{asked}\n\n{criteria_table(verdict)}"
