"""Locks that the kernel keeps on files: waited for within bounds, and their holder named.

Whoever can open a file can lock it, be it for reading only, and a process that is stopped keeps its locks. So what is
locked can be opened by its owner alone, and no wait is without end.
"""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from ragloop.errors import StoreBusyError

_FIRST_PAUSE_S: Final = 0.001
_LONGEST_PAUSE_S: Final = 0.05


def private(path: str, flags: int) -> int:
    """Open a file that its owner alone can read, as the `opener` of `open`."""
    return os.open(path, flags, 0o600)


def take(descriptor: int, wait_s: float) -> bool:
    """Lock an open file; False where others hold a lock on it for `wait_s` seconds."""
    end, pause_s = time.monotonic() + wait_s, _FIRST_PAUSE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            left_s = end - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(pause_s, left_s))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


@contextmanager
def alone(file: Path, what: str, wait_s: float) -> Iterator[None]:
    """Hold the lock on a file, which is made where it is missing; the kernel drops it when the process dies.

    Raises StoreBusyError, which names the holder.
    """
    with open(file, "a", opener=private) as handle:
        must_take(handle, what, wait_s)
        yield


def must_take(file: IO[bytes] | IO[str], what: str, wait_s: float) -> None:
    """Lock an open file. Raises StoreBusyError, which names the holder, after `wait_s` seconds."""
    if not take(file.fileno(), wait_s):
        raise StoreBusyError(
            f"{what} is locked by {holder_of(file.fileno())}; try again when it has ended, and end it if it hangs"
        )


def holder_of(descriptor: int) -> str:
    """Name the process that holds a lock on this file, in words, where the system says it; else "another process"."""
    file = os.fstat(descriptor)
    place = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    try:
        locks = [line.split() for line in Path("/proc/locks").read_text(encoding="utf-8").splitlines()]
        # "1: FLOCK ADVISORY WRITE 4711 fe:00:2148162 0 EOF"; who waits is marked by an arrow. Some file systems show
        # another device there than to stat.
        flocks = [one for one in locks if one[1] == "FLOCK" and one[5].endswith(f":{file.st_ino}")]
        exact = [one for one in flocks if one[5] == place] or flocks
        return _process(int(exact[0][4])) if exact else "another process"
    except (OSError, ValueError, IndexError):
        return "another process"


def _process(pid: int) -> str:
    folder = Path("/proc", str(pid))
    began = datetime.fromtimestamp(folder.stat().st_ctime, UTC).isoformat(timespec="seconds")
    words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
    command = " ".join([Path(words[0]).name, *words[1:2]]).strip()
    return f"process {pid} on {socket.gethostname()} ({command}) since {began}"
