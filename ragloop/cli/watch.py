"""The command that looks at the queues of buckets, and rings or applies what they say."""

import math
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.prefect_api import PrefectApi
from ragloop.errors import NotFoundError, UnavailableError, UsageError

if TYPE_CHECKING:
    from ragloop.app import App
    from ragloop.corpus.changes import Drained, Watched

CHANGED = "ragloop.source.changed"
"""The event that the trigger of index-changes in prefect.yaml waits for."""
_LOCAL_API = "http://127.0.0.1:4200/api"
_LONGEST_PAUSE_S = 60.0
_AGAIN_S = 15.0
"""A queue that stays full is rung for again after this long: a run takes some seconds to start, and rings that come
before would each be a run that is cancelled."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(watch)


def watch(
    index: Annotated[
        bool, typer.Option("--index", help="Apply changes in this process, with models loaded, instead of ringing.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between looks at the queues.")] = 3.0,
) -> None:
    """Look at the queues that buckets notify, and have their changes indexed; ctrl-C ends it.

    Without --index it never receives a message: while a queue is not empty it rings a Prefect event, whose trigger
    starts index-changes. PREFECT_API_URL says where, by default the server of `ragloop up`. With --index it applies the
    changes itself within a second or two, and notes each batch as a flow run where PREFECT_API_URL is set.
    """
    from ragloop.cli.context import config_file, open_app
    from ragloop.cli.output import say
    from ragloop.cli.processes import interruptible

    app = open_app()
    watched = app.watched()
    if not watched:
        raise UsageError("found no queue to watch; name one with sources.queue in ragloop.toml")
    for one in watched:
        say(f"watching {one.queue.url} for {', '.join(source.name for source in one.sources)}: {_told(one)}")
    try:
        with interruptible():
            if index:
                _apply(app, watched, every)
            else:
                _ring(watched, every, _address(app, config_file()))
    except KeyboardInterrupt:
        say("stopped watching")


def _told(watched: "Watched") -> str:
    backlog = watched.queue.backlog()
    return f"{backlog.waiting} messages wait, {backlog.held} are being worked on"


# --- ring ------------------------------------------------------------------------------------------------------------


def _address(app: "App", config: Path | None) -> dict[str, Any]:
    """What a run of index-changes needs to find this home again."""
    return {"home": str(app.settings.home.resolve()), "config": str(config.resolve()) if config else None}


def _ring(watched: "Sequence[Watched]", every: float, payload: dict[str, Any]) -> None:
    from ragloop.cli.output import say

    api = PrefectApi(os.environ.get("PREFECT_API_URL", _LOCAL_API))
    patience, rang_at = _Patience(every), dict[str, float]()
    while True:
        with patience.kept():
            for one in watched:
                waiting, url = one.queue.backlog().waiting, one.queue.url
                if not waiting:
                    rang_at.pop(url, None)
                elif time.monotonic() - rang_at.get(url, -math.inf) >= _AGAIN_S:
                    told = {**payload, "waiting": waiting}
                    api.call("POST", "/events", [_event(source.name, source.uri, told) for source in one.sources])
                    rang_at[url] = time.monotonic()
                    say(f"rang for {waiting} messages of {url}")
        time.sleep(patience.pause_s)


def _event(source: str, uri: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": CHANGED,
        "resource": {"prefect.resource.id": f"ragloop.source.{source}", "prefect.resource.name": source},
        "related": [{"prefect.resource.id": f"aws.s3.{uri.removeprefix('s3://')}", "prefect.resource.role": "bucket"}],
        "payload": payload,
    }


# --- apply -----------------------------------------------------------------------------------------------------------


def _apply(app: "App", watched: "Sequence[Watched]", every: float) -> None:
    from ragloop.corpus.changes import receive

    app.embedder.embed(["The first call loads the model."])
    changes, most = app.changes, app.settings.sync.batch_documents
    # One queue is waited for by SQS itself; of several, none may keep the others waiting for long.
    wait_s = 20 if len(watched) == 1 else 1
    patience = _Patience(every)
    while True:
        for one in watched:
            with patience.kept():
                batch = receive(one.queue, most, wait_s)
                if batch.messages or batch.unreadable:
                    _note(changes.apply(one, batch), [source.name for source in one.sources])
        if patience.failed:
            time.sleep(patience.pause_s)


def _note(drained: "Drained", sources: Sequence[str]) -> None:
    """Say what was done, and keep it as a flow run where a Prefect server is named."""
    from ragloop.cli.output import say

    report = drained.report
    counts = {name: getattr(report, name) for name in ("added", "updated", "renamed", "deleted", "failed")}
    summary = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing changed"
    say(f"{', '.join(sources)}: {summary}; {drained.messages} messages in {report.seconds:.2f} s")
    for problem in report.problems:
        say(f"problem: {problem}")
    if url := os.environ.get("PREFECT_API_URL"):
        name = f"watch {', '.join(sources)} · {'' if drained.complete else 'in part · '}{summary}"
        told = f"{summary}; {drained.messages} messages in {report.seconds:.2f} s"
        _record(PrefectApi(url), name, "COMPLETED" if drained.complete else "FAILED", told)


def _record(api: PrefectApi, name: str, end: str, message: str) -> None:
    """A flow run that has ended."""
    flow = api.call("POST", "/flows/", {"name": "index-changes"})["id"]
    running = {"type": "RUNNING", "name": "Running"}
    run = api.call("POST", "/flow_runs/", {"flow_id": flow, "name": name, "tags": ["ragloop"], "state": running})
    ended = {"type": end, "name": end.capitalize(), "message": message}
    api.call("POST", f"/flow_runs/{run['id']}/set_state", {"state": ended, "force": True})


class _Patience:
    """How a watcher bears a service that is away: it says so once, and looks ever less often."""

    def __init__(self, every: float) -> None:
        self._every, self.pause_s, self.failed = every, every, False

    @contextmanager
    def kept(self) -> Iterator[None]:
        from ragloop.cli.output import say

        try:
            yield
        except (UnavailableError, NotFoundError) as error:
            if not self.failed:
                say(f"{error}; watching goes on")
            self.pause_s = min(2 * self.pause_s, max(_LONGEST_PAUSE_S, self._every))
            self.failed = True
        else:
            if self.failed:
                say("it answers again")
            self.pause_s, self.failed = self._every, False
