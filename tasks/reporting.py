"""What everything that an operator sees is made of: progress, the name and last state of a run, Markdown.

Artifacts hold counts, keys, ids and scores. No text of a document and no question goes into one: Prefect's database
is outside the store, and an erasure does not reach it. So the reason why a document is quarantined stays in the store
as well: a parser may quote what it stumbled over.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import httpx
from prefect import get_client, runtime
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Failed

from ragloop.markdown import paragraphs
from ragloop.orchestrator.names import Names
from ragloop.printable import literal, printable
from ragloop.wording import done_in_part

MOST_ROWS = 500
"""Rows of a table artifact: the UI draws all of them at once."""


class Progress:
    """A bar in the UI, moved at most once a second."""

    def __init__(self, names: Names, kind: str, unit: str) -> None:
        self._key, self._unit = names.artifact(kind), unit
        self._artifact: UUID | None = None
        self._moved_at = 0.0

    def show(self, done: int, total: int, note: str) -> None:
        """Move the bar; it appears with the first call."""
        now = time.monotonic()
        if done < total and now - self._moved_at < 1:
            return
        self._moved_at = now
        percent = round(100 * done / max(total, 1), 1)
        described = f"{done:,} of {total:,} {self._unit}, {note}"
        try:
            self._move(percent, described)
        except httpx.HTTPError as error:
            # A server that is away must not stop the work.
            get_run_logger().warning("the progress is not shown: %s", error)

    def _move(self, percent: float, described: str) -> None:
        if self._artifact is None:
            made = create_progress_artifact(percent, key=self._key, description=described)
            self._artifact = cast(UUID, made)  # a coroutine only where an event loop runs
        else:
            update_progress_artifact(self._artifact, percent, description=described)


def publish(names: Names, kind: str, told: str, *parts: str, lane: str = "") -> None:
    """Publish a report of a home, or of one of its lanes; what it tells in a sentence is its title, its description and
    a line of the log, so that the history of its kind and the log read as a story."""
    told, key = printable(told), names.artifact(kind, lane)
    create_markdown_artifact(paragraphs(f"# {literal(told)}", *parts), key=key, description=told)
    get_run_logger().info(told)


def end(state: State[Any], summary: str, name: str = "") -> State[Any]:
    """Return the last state of the run that this is called in, and put how it ended into its name."""
    with get_client(sync_client=True) as client:
        client.update_flow_run(runtime.flow_run.id, name=f"{name or runtime.flow_run.name} · {summary}")
    return state


def in_part(summary: str, left_out: Sequence[str], name: str = "") -> State[Any]:
    """End the run as Failed, with what was left out: partial work is not green."""
    return end(Failed(message=done_in_part(summary, left_out)), f"in part · {summary}", name)


def run_link(run_id: str, text: str) -> str:
    """Return a link to a run that holds on any page of the UI; the text alone where the id is not one of Prefect's."""
    try:
        return f"[{text}](/runs/flow-run/{UUID(run_id)})"
    except ValueError:  # an event named it, and may name anything
        return text


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a table artifact whose text an operator's screen neither reorders nor acts on."""
    return {name: printable(value) if isinstance(value, str) else value for name, value in row.items()}
