"""Ask an operator, show the question where people look, and wait for the answer.

A question is a run of its own inside the run that asks, and pauses; the one that asks goes on running. Were that one
to pause, Prefect would take from it the slot of its deployment, and end it as crashed some minutes later, when it
fails to renew it (PrefectHQ/prefect#20251 and #22885 report the same of retries).
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar
from uuid import UUID

import httpx
from prefect import flow, get_client, runtime, tags
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.objects import State
from prefect.input import RunInput, keyset_from_paused_state
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Paused, Running
from prefect.utilities.urls import url_for
from pydantic import Field

from ragloop.markdown import paragraphs
from ragloop.orchestrator.names import Names
from ragloop.orchestrator.questions import FLOW
from ragloop.printable import literal, printable
from ragloop.wording import counted
from tasks.overview import renew_overview

if TYPE_CHECKING:
    from ragloop.app import App

_POLL_S = 3


class Answer(RunInput):
    """An answer of an operator; each form says what approving means."""

    decision: Literal["approve", "refuse"] = Field(description="Nothing is chosen for you.")
    name: str = Field(min_length=1, description="Your name, kept in the history.")
    reason: str = Field(default="", description="Reason, kept in the history.")

    @property
    def approves(self) -> bool:
        return self.decision == "approve"

    @property
    def sentence(self) -> str:
        """Say what was decided, by whom and why."""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.in_short}{why}"

    @property
    def in_short(self) -> str:
        """Say what was decided, and by whom."""
        return f"{'approved' if self.approves else 'refused'} by {self.name}"


Form = TypeVar("Form", bound=Answer)


@dataclass(frozen=True)
class Question:
    """What is asked: a title, what an operator must know to decide, and the whole list of what it is about, in
    Markdown. `otherwise` says what becomes of it without an answer within `wait_s`."""

    title: str
    text: str
    listing: str
    otherwise: str
    wait_s: int


@dataclass(frozen=True)
class Asked(Generic[Form]):
    """What became of a question: the answer, None without one; what the run says of it; and the id of its run."""

    answer: Form | None
    outcome: str
    run_id: str


def ask(form: type[Form], question: Question, app: "App") -> Asked[Form]:
    """Ask an operator by a form, whose fields stand below the question; return what became of it.

    The log of the run that asks, its artifact `question` and the overview of the home hold the question, its deadline
    and its address.
    """
    asking, log, names = str(runtime.flow_run.id), get_run_logger(), Names.of(app.settings)

    @flow(name=FLOW, flow_run_name=question.title)
    def ask_operator() -> State[Any]:
        """Wait for an answer: `Resume` in the menu of this run opens the form."""
        deadline = datetime.now(UTC) + timedelta(seconds=question.wait_s)
        address = url_for("flow-run", obj_id=runtime.flow_run.id) or ""
        until = f"{deadline:%Y-%m-%d %H:%M} UTC"
        log.warning("%s is asked until %s: Resume in the menu of %s answers it", question.title, until, address)
        _publish(names, question, f"waits for an answer until {until}", address, asking)
        given, state = _paused(form.with_initial_data(description=question.text), question.wait_s, app)
        outcome = _outcome(given, state, question)
        _rename(f"{question.title} · {given.in_short if given else outcome}")
        if given is None and not state.is_cancelling() and not state.is_cancelled():
            _go_on()
        _publish(names, question, outcome, address, asking)
        if state.is_cancelling() or state.is_cancelled():
            return Cancelled(message=f"{outcome}; {question.otherwise}")
        return Completed(message=outcome if given else f"{outcome}; {question.otherwise}", data=given)

    with tags(*names.tags):
        end: State[Any] = ask_operator(return_state=True)
    answer: Form | None = end.result() if end.is_completed() else None
    run_id = str(end.state_details.flow_run_id)
    if answer is None:
        log.warning("%s %s", question.title, end.message)
        return Asked(None, str(end.message), run_id)
    log.info("%s %s", question.title, answer.sentence)
    return Asked(answer, answer.sentence, run_id)


def _outcome(given: Answer | None, state: State[Any], question: Question) -> str:
    if given is not None:
        return given.sentence
    if state.is_cancelling() or state.is_cancelled():
        return "was cancelled"
    if state.is_crashed():
        return f"was ended ({state.message or state.name})"
    return f"had no answer within {_duration(question.wait_s)}"


def _duration(seconds: int) -> str:
    if seconds < 120:
        return counted(seconds, "second")
    return counted(seconds / 60, "minute") if seconds < 7200 else counted(seconds / 3600, "hour")


def _publish(names: Names, question: Question, became: str, address: str, asking: str) -> None:
    """Show the question as an artifact of the run that asks, which an operator opens first."""
    answered = f"[Answer it]({address}) by Resume in the menu of its run." if became.startswith("waits") else ""
    said = f"{literal(became[:1].upper() + became[1:])}. {answered}"
    markdown = paragraphs(f"# {question.title}", said, question.text, question.listing)
    described = f"{question.title} {became}"
    artifact = ArtifactCreate(
        key=names.artifact("question"), type="markdown", data=markdown, description=described, flow_run_id=UUID(asking)
    )
    with get_client(sync_client=True) as client:
        client.create_artifact(artifact)


def _rename(name: str) -> None:
    with get_client(sync_client=True) as client:
        client.update_flow_run(runtime.flow_run.id, name=printable(name))


def _paused(form: type[Form], wait_s: int, app: "App") -> tuple[Form | None, State[Any]]:
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
        renew_overview(app)
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
