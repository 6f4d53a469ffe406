"""Look at the queues of buckets and at folders, and ring for their changes or apply them."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from ragloop.errors import NotFoundError, RagloopError, UnavailableError
from ragloop.orchestrator.names import Names
from ragloop.orchestrator.prefect_api import PrefectApi
from ragloop.orchestrator.watching.bell import LONGEST_FOLDER_S, LONGEST_QUEUE_S, Bell, Look, Run, Unscanned

if TYPE_CHECKING:
    from ragloop.app import App
    from ragloop.corpus.changes.drain import Watched
    from ragloop.corpus.sources.local import LocalFolder
    from ragloop.corpus.sync.report import SyncReport

    Reported = Callable[["SyncReport", int, Sequence[str]], None]
    """Called with a report, the number of messages, and the names of the sources."""

log = logging.getLogger(__name__)
CHANGED = "ragloop.source.changed"
"""The event that the trigger of index-changes in prefect.yaml waits for."""
_LONGEST_PAUSE_S = 60.0
_LOST_PAUSE_S = 6.0
"""A folder that is not there is looked for this often."""
_DEBOUNCE_MS = 500
"""Changes of files that follow each other this closely are one."""


class WatchedQueue:
    """A queue, and the sources whose buckets notify it."""

    def __init__(self, app: "App", watched: "Watched") -> None:
        self._app, self._watched, self._failed = app, watched, False
        self.bell = Bell(LONGEST_QUEUE_S)
        self.sources = {source.name: f"aws.s3.{source.uri.removeprefix('s3://')}" for source in watched.sources}
        self.place = f"{watched.queue.url} for {', '.join(self.sources)}"

    def look(self) -> tuple[Look, dict[str, Any]]:
        """Look at the queue's attributes; what an event tells, too."""
        backlog = self._watched.queue.backlog()
        return Look.at_queue(backlog.waiting, backlog.held), {"waiting": backlog.waiting, "folder": None}

    def rang(self) -> None:
        """Hear that it was rung; the queue itself says what still waits."""

    def apply(self, wait_s: int) -> tuple["SyncReport", int] | None:
        """Apply a batch, which is waited for so long; the report, and the number of messages."""
        from ragloop.corpus.changes.drain import receive

        if self._failed:
            self._app.corpus.changes.ready()
        self._failed = True
        batch = receive(self._watched.queue, self._app.settings.sync.batch_documents, wait_s)
        drained = self._app.corpus.changes.apply(self._watched, batch) if batch.held else None
        self._failed = False
        return (drained.report, drained.messages) if drained else None


class WatchedFolder:
    """A folder, watched by the means of the system inside the `with` block; it is looked at once when that begins."""

    def __init__(self, app: "App", source: "LocalFolder") -> None:
        self._app, self._source = app, source
        self.sources = {source.name: f"file.{source.folder}"}
        self.place = f"{source.folder} for {source.name}"
        self._changed, self._over = threading.Event(), threading.Event()
        self._changed.set()
        self.bell, self._unscanned = Bell(LONGEST_FOLDER_S), Unscanned()
        self._watching = threading.Thread(target=self._watch, name=f"watch {source.name}", daemon=True)

    def __enter__(self) -> Self:
        self._watching.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watching.join()

    def _watch(self) -> None:
        lost = False
        while not self._over.is_set():
            try:
                for changed in self._looks():
                    if changed or lost:
                        self._changed.set()
                    lost = False
                self._changed.set()
            except (OSError, RuntimeError) as error:  # the latter is what watchfiles' own errors are
                if not lost:
                    log.warning("cannot watch %s now: %s; watching goes on", self._source.folder, error)
                    self._changed.set()
                lost = True
                self._over.wait(_LOST_PAUSE_S)

    def _looks(self) -> Iterator[bool]:
        """Yield whether something changed, every half second, as long as the same folder stands in this place.

        The system watches a folder, not its path: of another one that took its place it would tell nothing.
        """
        import watchfiles

        began = self._identity()
        for changes in watchfiles.watch(
            self._source.folder,
            watch_filter=lambda _, path: self._source.may_hold(path),
            debounce=_DEBOUNCE_MS,
            stop_event=self._over,
            rust_timeout=_DEBOUNCE_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
        ):
            yield bool(changes)
            if self._identity() != began:
                return

    def _identity(self) -> tuple[int, int]:
        found = self._source.folder.stat()
        return found.st_dev, found.st_ino

    def look(self) -> tuple[Look, dict[str, Any]]:
        """Look what changed and what was scanned; what an event tells, too."""
        from ragloop.corpus.sync.scans import last_scan
        from ragloop.reports import Reports

        if self._changed.is_set():
            self._changed.clear()
            self._unscanned = self._unscanned.changed(self._app.store.now())
        before = self._unscanned
        if before.changed_at:
            self._unscanned = before.scanned(last_scan(Reports(self._app.store), self._source.name))
        progressed = before.rung_for is not None and self._unscanned.rung_for is None
        look = Look(waits=self._unscanned.changed_at is not None, progressed=progressed)
        return look, {"waiting": None, "folder": str(self._source.folder)}

    def rang(self) -> None:
        """Hear that it was rung for what waits now."""
        self._unscanned = self._unscanned.rung()

    def apply(self, wait_s: int) -> tuple["SyncReport", int] | None:
        if not self._changed.wait(wait_s):
            return None
        self._changed.clear()
        try:
            return self._app.corpus.sync(self._source.folder), 0
        except RagloopError:
            self._changed.set()
            raise


# --- ring ------------------------------------------------------------------------------------------------------------


def ring(
    api: PrefectApi,
    names: Names,
    looks: "Sequence[WatchedQueue | WatchedFolder]",
    every: float,
    place: Mapping[str, Any],
    interrupted: threading.Event,
) -> None:
    """Ring a Prefect event for each queue or folder that has something to do, until interrupted.

    While a run of index-changes is under way nothing is rung: it would start a run that is cancelled at once.
    """
    patience = {one.place: _Patience(every) for one in looks}
    bells = {one.place: one.bell for one in looks}
    while not interrupted.is_set():
        for one in looks:
            with patience[one.place].kept() as due:
                if due:
                    found, payload = one.look()
                    bells[one.place] = bells[one.place].seen(found)
                    if bells[one.place].rings(found, time.monotonic()) and not _under_way(api, names):
                        _emit(api, names, one.sources, {**place, **payload})
                        bells[one.place] = bells[one.place].rung(time.monotonic())
                        one.rang()
                        log.info("rang for %s", one.place)
        time.sleep(every)


def _emit(api: PrefectApi, names: Names, sources: Mapping[str, str], payload: Mapping[str, Any]) -> None:
    """Emit one event, however many sources a queue tells of: each would start a run."""
    source, *others = sources
    related = [{"prefect.resource.id": names.sources + one, "prefect.resource.role": "source"} for one in others]
    related += [{"prefect.resource.id": place, "prefect.resource.role": "place"} for place in sources.values()]
    with suppress(NotFoundError):  # rung all the same: another deployment may have the trigger
        deployment = _deployment(api, names)
        role = {"prefect.resource.role": "deployment"}
        related.append({"prefect.resource.id": f"prefect.deployment.{deployment}", **role})
    resource = {"prefect.resource.id": names.sources + source, "prefect.resource.name": source}
    api.emit(CHANGED, resource, payload, related)


def _under_way(api: PrefectApi, names: Names) -> bool:
    """Return whether a run of index-changes waits for the worker, begins or runs."""
    try:
        wanted = {"deployments": {"id": {"any_": [_deployment(api, names)]}}}
    except NotFoundError:
        return False
    states = {"state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING"]}}}
    found = api.call("POST", "/flow_runs/filter", {**wanted, "flow_runs": states, "sort": "EXPECTED_START_TIME_ASC"})
    now = datetime.now(UTC)
    return any(_run(one).is_under_way(now) for one in found)


def _run(found: Mapping[str, Any]) -> Run:
    due = found["next_scheduled_start_time"] or found["expected_start_time"]
    since, due = (datetime.fromisoformat(one) for one in (found["state"]["timestamp"], due))
    return Run(found["state_type"], since, due)


def _deployment(api: PrefectApi, names: Names) -> str:
    """Return the id of the deployment that rings start. Raises NotFoundError."""
    return str(api.call("GET", f"/deployments/name/{names.deployment('index-changes')}")["id"])


# --- apply -----------------------------------------------------------------------------------------------------------


def apply(
    app: "App",
    looks: "Sequence[WatchedQueue | WatchedFolder]",
    every: float,
    reported: "Reported",
    interrupted: threading.Event,
) -> None:
    """Apply the changes of each queue and folder in this process, until interrupted."""
    app.embedder.embed(["The first call loads the model."])
    _first_index(app, every, reported, interrupted)
    # One queue is waited for by SQS itself; of several, none may keep the others waiting for long.
    wait_s = 20 if len(looks) == 1 and isinstance(looks[0], WatchedQueue) else 1
    patience = {one.place: _Patience(every) for one in looks}
    while not interrupted.is_set():
        for one in looks:
            with patience[one.place].kept() as due:
                if due and (done := one.apply(wait_s)):
                    reported(*done, list(one.sources))
        if all(one.failed for one in patience.values()):
            time.sleep(min(every, _LONGEST_PAUSE_S))


def _first_index(app: "App", every: float, reported: "Reported", interrupted: threading.Event) -> None:
    """Sync once where nothing answers yet; another process may be at it."""
    patience = _Patience(every)
    while app.generations.active() is None and not interrupted.is_set():
        with patience.kept() as due:
            if due:
                return reported(app.corpus.sync(), 0, ["every source"])
        time.sleep(every)
    return None


class _Patience:
    """How a watcher bears a service that is away: it says so once, and looks ever less often."""

    def __init__(self, every: float) -> None:
        self._every, self._pause_s, self._again_at, self.failed = every, every, -math.inf, False

    @contextmanager
    def kept(self) -> Iterator[bool]:
        """Yield whether a look is due; a look that finds a service away ends quietly."""
        due = time.monotonic() >= self._again_at
        try:
            yield due
        except (UnavailableError, NotFoundError) as error:
            if not self.failed:
                log.warning("%s; watching goes on", error)
            self._pause_s = min(2 * self._pause_s, max(_LONGEST_PAUSE_S, self._every))
            self._again_at, self.failed = time.monotonic() + self._pause_s, True
        else:
            if due and self.failed:
                log.info("it answers again")
                self._pause_s, self.failed = self._every, False
