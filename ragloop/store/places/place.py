"""The Protocols of a place: where a database is, its tables as folders of files, and the leases of those who write."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import lancedb

from ragloop.store.files import Files

Check = Callable[[], None]
"""Raises StoreBusyError when a lease was lost."""


class TableFolders(Protocol):
    """The tables of a database, whether LanceDB can read them or not."""

    def names(self, prefix: str) -> list[str]:
        """List the tables whose names begin so, those included whose creation was killed."""

    def has(self, table: str) -> bool:
        """Return whether the table has a version; a creation that was killed left none."""

    def remove(self, table: str) -> None:
        """Remove all files of a table."""

    def flush(self, table: str, since: float) -> None:
        """Force to disk what was written to the table since that time (seconds since 1970)."""


class Aside(Protocol):
    """Tables that were moved out of the database, where nothing reads them."""

    def take(self, table: str) -> None:
        """Move all files of a table of the database here, under a name of their own."""

    def ages(self) -> dict[str, float]:
        """Return the seconds since each table was set aside, by the name that it has here."""

    def remove(self, name: str) -> None:
        """Remove what has this name here."""


class Leases(Protocol):
    """The rights to write, each of which one process holds at a time."""

    expire: bool
    """Whether a holder that stood still can lose its lease between the check of it and a commit."""

    def hold(
        self, what: str, wait_s: float, taken_over: Callable[[], None] = lambda: None
    ) -> AbstractContextManager[Check]:
        """Hold the right to write `what` and yield its check. Raises StoreBusyError, which names the holder.

        `taken_over` is called first where the holder before did not release it, and may still be about to commit.
        """


class Place(Protocol):
    """Where a database and its leases are; `str` gives its address."""

    @property
    def database(self) -> Files:
        """The files of the database, named TABLE.lance/…"""

    @property
    def tables(self) -> TableFolders: ...

    @property
    def aside(self) -> Aside: ...

    @property
    def leases(self) -> Leases: ...

    def connect(self, *, follows: bool = True) -> lancedb.DBConnection:
        """Connect; a table of a connection that does not follow stays as it was when it was opened."""

    def exists(self) -> bool:
        """Return whether there is a database."""

    def restoring(self) -> str:
        """Return the note of a restore that has not ended, or an empty string."""

    def errors(self) -> AbstractContextManager[None]:
        """Raise what an error of the database means here; see failures.py."""
