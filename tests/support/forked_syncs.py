"""Syncs in processes of their own that cost little: forked from one that has imported everything and opened nothing.

A sync can be told to end itself with SIGKILL at a boundary, before or after its n-th call, or to wait there. Run as
`python -m tests.support.forked_syncs`, this module is the process that forks: a line of JSON asks for a sync, a line
answers.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Literal

REPOSITORY = Path(__file__).parents[2]
BOUNDARIES = (
    "receive",
    "look",
    "acknowledge",
    "listing",
    "read",
    "encode",
    "store-vectors",
    "commit",
    "delete",
    "optimize",
    "index",
    "generation",
    "report",
)


@dataclass(frozen=True)
class Stop:
    """Where a sync ends, or waits until the file `flag` is there: at the n-th call (from 1) of a boundary."""

    boundary: str
    call: int = 1
    when: Literal["before", "after"] = "before"
    flag: str = ""


@dataclass(frozen=True)
class Ended:
    """How a sync ended: killed, or with its error, or its report. `calls` in order; `embedded`: per call, texts and
    the embedder's fingerprint."""

    killed: bool
    error: str
    report: dict[str, Any]
    calls: tuple[str, ...]
    embedded: tuple[tuple[tuple[str, ...], str], ...]


class Syncs:
    """The process that forks, seen from a test. `home` and `folder` of a sync, and what `IndexedFolder.sync` takes."""

    def __init__(self, scratch: Path) -> None:
        self._log = scratch / "log"
        self._count = 0
        arguments = [sys.executable, "-W", "ignore", "-m", "tests.support.forked_syncs"]
        self._server = subprocess.Popen(
            arguments, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def start(self, home: Path, folder: Path, stop: Stop | None = None, **asked: Any) -> "Running":
        """Begin a sync. `asked`: `settings`, `chosen` (of index), and the arguments of App.sync.

        Where the settings name sources, those are synced and not the folder; `lease_s` is that of a store in a bucket.
        With `drain_s` the queues of the sources are drained instead, whose messages are hidden for so many seconds;
        with `clock_s` the clock of the store is so far ahead.
        """
        self._count += 1
        log = self._log.with_name(f"log-{self._count}")
        order = {"home": str(home), "folder": str(folder), "log": str(log), "asked": asked}
        return Running(int(self._ask({**order, "stop": asdict(stop) if stop else None})), log, self._ask)

    def run(self, home: Path, folder: Path, stop: Stop | None = None, **asked: Any) -> Ended:
        """A sync, to its end."""
        return self.start(home, folder, stop, **asked).wait()

    def _ask(self, order: Mapping[str, Any]) -> Any:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        return json.loads(self._server.stdout.readline())

    def close(self) -> None:
        self._server.communicate()


@dataclass(frozen=True)
class Running:
    """A sync under way."""

    pid: int
    _log: Path
    _ask: Callable[[Mapping[str, Any]], Any]

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait_for(self, said: str) -> None:
        """Until the sync has come to the line `said`, such as "commit before"."""
        end = time.monotonic() + 30
        while said not in self._lines():
            assert time.monotonic() < end, f"the sync never came to {said!r}"
            time.sleep(0.005)

    def _lines(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    def wait(self) -> Ended:
        status = self._ask({"wait": self.pid})
        lines = self._lines()
        said = [json.loads(line) for line in lines if line.startswith("{")]
        ends = {name: value for one in said for name, value in one.items()}
        return Ended(
            os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
            ends.get("error", ""),
            ends.get("report", {}),
            tuple(line.removesuffix(" before") for line in lines if line.endswith(" before")),
            tuple((tuple(one["embedded"]), one["by"]) for one in said if "embedded" in one),
        )


# --- in the forked process -------------------------------------------------------------------------------------------


class _Boundaries:
    """Notes every call of a boundary in the log, and stops where it was told to."""

    def __init__(self, log: Path, stop: Stop | None) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._stop, self._calls = stop, dict.fromkeys(BOUNDARIES, 0)

    def say(self, line: str) -> None:
        os.write(self._log, f"{line}\n".encode())

    def before(self, boundary: str) -> int:
        self._calls[boundary] += 1
        call = self._calls[boundary]
        self.say(f"{boundary} before")
        self._end_here(boundary, call, "before")
        return call

    def after(self, boundary: str, call: int) -> None:
        self.say(f"{boundary} after")
        self._end_here(boundary, call, "after")

    def _end_here(self, boundary: str, call: int, when: str) -> None:
        stop = self._stop
        if stop is None or (stop.boundary, stop.call, stop.when) != (boundary, call, when):
            return
        if not stop.flag:
            os.kill(os.getpid(), signal.SIGKILL)
        while not Path(stop.flag).exists():
            time.sleep(0.005)

    @contextmanager
    def of_store(self, step: str) -> Iterator[None]:
        """What the store enters before each durable step and leaves after it."""
        boundary = _of_store(step)
        call = self.before(boundary) if boundary else 0
        yield
        if boundary:
            self.after(boundary, call)

    def put(self, owner: type, name: str, boundary_of: Callable[..., str | None]) -> None:
        """Make calls of a method a boundary, where `boundary_of` its arguments names one."""
        work = getattr(owner, name)

        def bounded(*args: Any, **named: Any) -> Any:
            boundary = boundary_of(*args, **named)
            if boundary is None:
                return work(*args, **named)
            call = self.before(boundary)
            done = work(*args, **named)
            self.after(boundary, call)
            return done

        setattr(owner, name, bounded)

    def put_on_listing(self, owner: type) -> None:
        """Every document that is listed is a call."""
        work = owner.list  # type: ignore[attr-defined]

        def bounded(source: Any) -> Iterator[Any]:
            for listed in work(source):
                call = self.before("listing")
                yield listed
                self.after("listing", call)

        owner.list = bounded  # type: ignore[attr-defined]


_COMMITS = {"vectors": "store-vectors", "index": "commit", "generations": "generation", "reports": "report"}
"""The boundary that a write to a table is, by how the table's name begins."""
_STEPS = {
    "create": "generation",
    "delete": "delete",
    "drop": "delete",
    "set-aside": "delete",
    "purge": "optimize",
    "optimize": "optimize",
    "index": "index",
}
"""The boundary that any other step of the store is."""


def _of_store(step: str) -> str | None:
    verb, _, table = step.partition(" ")
    return _COMMITS.get(table.split("_")[0]) if verb in ("insert", "upsert") else _STEPS.get(verb)


def _saying(boundaries: _Boundaries, work: Callable[..., Any]) -> Callable[..., Any]:
    """Say which texts are embedded, and by whom."""

    def embed(self: Any, texts: Sequence[str]) -> Any:
        boundaries.say(json.dumps({"embedded": list(texts), "by": self.fingerprint}))
        return work(self, texts)

    return embed


def _set_up(boundaries: _Boundaries) -> None:
    from ragloop.corpus.changes.sqs import ChangeQueue
    from ragloop.corpus.sources.local import LocalFolder
    from ragloop.corpus.sources.s3 import S3Bucket
    from tests.support.constant_embedder import ConstantEmbedder, WideEmbedder

    boundaries.put_on_listing(LocalFolder)
    for source in (LocalFolder, S3Bucket):
        boundaries.put(source, "read", lambda *_: "read")
    boundaries.put(S3Bucket, "look", lambda *_: "look")
    boundaries.put(ChangeQueue, "receive", lambda *_: "receive")
    boundaries.put(ChangeQueue, "delete", lambda *_: "acknowledge")
    for embedder in (ConstantEmbedder, WideEmbedder):
        embedder.embed = _saying(boundaries, embedder.embed)
        boundaries.put(embedder, "embed", lambda *_: "encode")


def _sync(order: Mapping[str, Any]) -> None:
    from ragloop.corpus.changes.sqs import VISIBILITY_S, ChangeQueue
    from ragloop.errors import RagloopError
    from ragloop.store import utc_now
    from ragloop.store.places.bucket import BucketPlace
    from ragloop.store.places.bucket_leases import LEASE_S
    from tests.support.indexed_folder import EmbeddedByName

    boundaries = _Boundaries(Path(order["log"]), Stop(**order["stop"]) if order["stop"] else None)
    _set_up(boundaries)
    asked = dict(order["asked"])
    settings, chosen = asked.pop("settings", {}), asked.pop("chosen", {"embedder": "narrow"})
    BucketPlace.__init__.__kwdefaults__["lease_s"] = asked.pop("lease_s", LEASE_S)
    drain_s, clock_s = asked.pop("drain_s", None), asked.pop("clock_s", 0)
    ChangeQueue.__init__.__kwdefaults__["visibility_s"] = drain_s or VISIBILITY_S
    indexed = EmbeddedByName(
        Path(order["home"]),
        Path(order["folder"]),
        settings=settings,
        chosen=chosen,
        now=lambda: utc_now() + timedelta(seconds=clock_s),
        boundary=boundaries.of_store,
    )
    try:
        if drain_s:
            app = indexed.app()
            report: Any = app.corpus.changes.drain(app.corpus.watched(), wait_s=0)
        else:
            report = indexed.sync(settings if settings.get("sources") else None, **asked)
        boundaries.say(json.dumps({"report": asdict(report)}))
    except RagloopError as error:
        boundaries.say(json.dumps({"error": f"{type(error).__name__}: {error}"}))


def _fork(order: Mapping[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        _sync(order)
    finally:
        if sys.exc_info()[0]:
            traceback.print_exc()  # os._exit says nothing
        sys.stderr.flush()
        os._exit(0)


def _serve(orders: IO[str]) -> None:
    # What a sync imports, once for all of them.
    for name in ("corpus.sources.local", "corpus.parsing.formats.markdown", "corpus.sync.run"):
        importlib.import_module(f"ragloop.{name}")
    importlib.import_module("tests.support.indexed_folder")
    importlib.import_module("boto3.session")
    for line in orders:
        order = json.loads(line)
        answer = os.waitpid(order["wait"], 0)[1] if "wait" in order else _fork(order)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve(sys.stdin)
