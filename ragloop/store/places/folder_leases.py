"""Leases that the kernel holds: locked files in `home`/leases."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Final

from ragloop import locks
from ragloop.errors import StoreBusyError
from ragloop.store.clock import Clock
from ragloop.store.home import make_room
from ragloop.store.places.holder import holder, name_of
from ragloop.store.places.place import Check

NAMING_S: Final = 1.0
"""How long a holder that has not written who it is is waited for."""


class FolderLeases:
    """The leases of a home. The kernel releases one when its process dies, so that none is lost before."""

    expire = False

    def __init__(self, home: Path, now: Clock, errors: Callable[[], AbstractContextManager[None]]) -> None:
        self._home, self._now, self._errors = home, now, errors

    @contextmanager
    def hold(self, what: str, wait_s: float, taken_over: Callable[[], None] = lambda: None) -> Iterator[Check]:
        """Hold the right to write `what`. Raises StoreBusyError, which names the holder."""
        with self._errors():
            file = make_room(self._home, "leases") / what
            opened = locks.private(str(file), os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        with os.fdopen(opened, "a+", encoding="utf-8") as handle:
            if not locks.take(handle.fileno(), wait_s):
                written = _written(handle)
                by = name_of(written) if written else locks.holder_of(handle.fileno())
                raise StoreBusyError(
                    f"{what} is being written by {by}; try again when it has ended, and end it if it hangs"
                )
            with self._errors():
                os.ftruncate(handle.fileno(), 0)
                os.write(handle.fileno(), holder(self._now()).encode())
            yield lambda: None


def _written(handle: IO[str]) -> str:
    """Read what the holder of a lease writes into it right after it took it: a moment is left to it."""
    end = time.monotonic() + NAMING_S
    while True:
        handle.seek(0)
        if (written := handle.read()) or time.monotonic() >= end:
            return written
        time.sleep(0.005)
