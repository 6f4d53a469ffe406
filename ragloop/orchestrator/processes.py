"""Child processes that live and die together: started with a name, heard line by line, ended with all they started."""

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from ragloop.errors import UnavailableError

log = logging.getLogger(__name__)
MARK = "STARTED_BY_RAGLOOP"
"""Environment variable that every child inherits to all of its children, also to those that leave its session."""
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE_S = 8.0
_KEPT_LINES = 30


@dataclass
class Child:
    """A running process, and the last lines it wrote."""

    name: str
    process: "subprocess.Popen[str]"
    reader: threading.Thread | None = None
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))


class Processes:
    """Child processes of one owner, used once: after `stop` nothing starts. Every line is logged, after its name.

    `stop` may be called from another thread than the one that starts and waits, which then gets UnavailableError.
    """

    def __init__(self) -> None:
        self._mark = uuid.uuid4().hex
        self._children: list[Child] = []
        self._over = False
        self._starting, self._stopping = threading.Lock(), threading.Lock()

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, *, aloud: bool = True
    ) -> Child:
        """Start a child in a session of its own, so that ctrl-C in the terminal reaches it only through `stop`."""
        # An interrupt between the start of a process and its place in the list would leave it behind.
        with uninterrupted(), self._starting:
            self._must_go_on()
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**environment, MARK: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            child = Child(name, process)
            self._children.append(child)
            child.reader = threading.Thread(
                target=self._relay, args=(child, aloud), name=f"lines of {name}", daemon=True
            )
            child.reader.start()
        return child

    def _relay(self, child: Child, aloud: bool) -> None:
        assert child.process.stdout is not None
        with child.process.stdout as lines:
            for line in lines:
                child.lines.append(line.rstrip())
                if aloud and line.strip() and not self._over:  # how each process ends is no news once all are ended
                    log.info("%s │ %s", child.name, line.rstrip())

    def wait(self, child: Child, timeout_s: float) -> None:
        """Wait for a child that is meant to end. Raises UnavailableError where it fails or takes too long."""
        try:
            code = child.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise UnavailableError(f"{child.name} did not end within {timeout_s:g} s; {_last_words(child)}") from None
        if child.reader is not None:
            child.reader.join(1)
        self._drop(child)
        if code != 0:
            raise UnavailableError(f"{child.name} {_ended(code)}; {_last_words(child)}")

    def check(self) -> None:
        """Raise UnavailableError, which names the first child that has ended."""
        self._must_go_on()
        for child in list(self._children):
            code = child.process.poll()
            if code is not None:
                raise UnavailableError(f"{child.name} {_ended(code)}; {_last_words(child)}")

    def stop(self) -> None:
        """End every child and all that these have started, the last started first; what does not listen is killed.

        What a child leaves behind ends before the next child is asked: a flow run can still tell the server its end.
        """
        with self._starting:
            self._over = True
        with uninterrupted(), self._stopping:
            while self._children:
                child = self._children[-1]
                _signal(child.process.pid, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.process.wait(_GRACE_S)
                self._drop(child)
                self._end_strays()
                child.process.wait()

    def _must_go_on(self) -> None:
        if self._over:
            raise UnavailableError("the processes are being ended, since this was interrupted")

    def _drop(self, child: Child) -> None:
        with contextlib.suppress(ValueError):  # the other of waiting and stopping was first
            self._children.remove(child)

    def _end_strays(self) -> None:
        """End everything that is not a child: what children, ended or not, have started."""
        asked: set[int] = set()
        deadline = time.monotonic() + _GRACE_S
        while strays := set(self.left()) - {child.process.pid for child in self._children}:
            if time.monotonic() > deadline:
                asked, number = set(), signal.SIGKILL
            else:
                number = signal.SIGTERM
            for pid in strays - asked:
                _signal(pid, number)
            asked |= strays
            time.sleep(0.05)

    def left(self) -> list[int]:
        """Process ids of everything that bears the mark of this owner and still runs."""
        return running_with(MARK, self._mark)


@contextlib.contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Let Ctrl-C, SIGTERM and a closed terminal leave the block by KeyboardInterrupt; none comes a second time in it.

    The event tells of it too: Python drops an exception that is raised while it runs a finalizer or a callback, so a
    loop that goes on for ever has to look.
    """
    interrupted = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        for one in INTERRUPTS:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {one: signal.signal(one, interrupt) for one in INTERRUPTS}
    try:
        yield interrupted
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep ctrl-C, SIGTERM and SIGHUP back until the block has ended. Signals reach the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept_back: list[int] = []
    before = {one: signal.signal(one, lambda number, frame: kept_back.append(number)) for one in INTERRUPTS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        for number in dict.fromkeys(kept_back):
            signal.raise_signal(number)


def running_with(variable: str, value: str) -> list[int]:
    """Find the ids of processes that were started with this environment variable; a parent's death hides none."""
    wanted = f"{variable}={value}"
    if not Path("/proc/self/environ").exists():
        listing = subprocess.run(["ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True, check=False)
        return [int(line.split()[0]) for line in listing.stdout.splitlines() if wanted in line]
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # it ended meanwhile, or belongs to someone else
                if wanted.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
    return found


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _ended(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _last_words(child: Child) -> str:
    said = [line for line in child.lines if line.strip()][-3:]
    return f"its last words: {' | '.join(said) or 'none'}"
