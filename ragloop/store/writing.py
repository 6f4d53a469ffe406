"""The rules of a commit: it is made within the store's boundary, and only while its thread holds what it has leased."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from ragloop.store.places.place import Check, Place

Boundary = Callable[[str], AbstractContextManager[object]]
"""Entered before a durable step and left after it, by the step's name: a verb and the table, as in "upsert reports". A
test ends or stops a process there."""


class _Held(threading.local):
    """Checks of the leases that a thread holds: a lease that one thread lost stops no commit of another."""

    def __init__(self) -> None:
        self.checks: list[Check] = []


class Writing:
    """The leases that each thread holds, and the boundary around its commits."""

    def __init__(self, place: Place, boundary: Boundary) -> None:
        self.boundary = boundary
        self._place, self._held = place, _Held()

    @contextmanager
    def lease(self, what: str, wait_s: float, taken_over: Callable[[], None]) -> Iterator[None]:
        """Hold the right to write `what`; this thread's commits rest on it. `taken_over`: see Leases.hold."""
        with self._place.leases.hold(what, wait_s, taken_over) as check:
            self._held.checks.append(check)
            try:
                yield
            finally:
                self._held.checks.remove(check)

    @contextmanager
    def commit(self, step: str, table: str) -> Iterator[None]:
        """Check every lease that this thread holds, then run a block that makes one commit to a table.

        `step` is the verb by which the boundary knows the commit. Raises StoreBusyError when a lease was lost, else as
        `Place.errors` does.
        """
        with self.boundary(f"{step} {table}"):
            for check in tuple(self._held.checks):
                check()
            with self._place.errors():
                yield
