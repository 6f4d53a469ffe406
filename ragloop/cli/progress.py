"""Show on stderr how far long work has come. A file or a pipe gets nothing, and what was shown is wiped at the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ragloop.cli.output import duration, is_quiet
from ragloop.printable import printable
from ragloop.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

_SETTLED_S = 5.0
"""Seconds of embedding before a rate is shown: the first batch says little."""


@contextmanager
def progress(label: str, unit: str) -> "Iterator[Callable[[int, int, str], None]]":
    """Show a bar. Call the yielded function with done, total and a note.

    The bar opens at the first call, so that an earlier error stands alone on its line.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    bar = Progress(*columns, TimeElapsedColumn(), console=_stderr(), transient=True)

    def advance(done: int, total: int, note: str) -> None:
        if is_quiet() or not bar.console.is_interactive:
            return
        if not bar.tasks:
            bar.add_task(f"{label} ({unit})", total=None, note="")
            bar.start()
        bar.update(bar.task_ids[0], completed=done, total=total, note=note)

    try:
        yield advance
    finally:
        if bar.tasks:
            bar.stop()


class SyncLine:
    """One line about a sync: opening, listing, then documents with their rate and the time left."""

    def __init__(self) -> None:
        from rich.markup import escape
        from rich.status import Status

        self._escape = escape
        self._status = Status("opening the index", console=_stderr())
        self.done, self.to_read = 0, 0
        self._began = self._first = 0.0
        self._source = ""

    def looking(self, source: str, found: int, to_read: int | None) -> None:
        """Take in how far a listing has come; see ragloop.corpus.sync.report.Looking."""
        self._source = source
        if to_read is None:
            self._write(f"listing {source}: {counted(found, 'document')} so far")
            return
        self.done, self.to_read, self._began = 0, to_read, time.monotonic()
        self._write(f"reading {counted(to_read, 'document')} of {source}")

    def progress(self, done: int, total: int, embedded: int) -> None:
        """Take in how many documents are searchable; see ragloop.corpus.sync.report.Progress."""
        self.done, self.to_read = done, total
        self._write(sync_line(done, total, embedded, time.monotonic() - self._began))

    def _write(self, line: str) -> None:
        self._status.update(self._escape(printable(line)))

    @contextmanager
    def shown(self) -> "Iterator[SyncLine]":
        """Show the line while the block runs, with what turns beside it; nothing where nobody looks."""
        if is_quiet() or not self._status.console.is_interactive:
            yield self
            return
        with self._status:
            yield self


def sync_line(done: int, total: int, embedded: int, seconds: float) -> str:
    """Write how far a sync has come, with chunks a second and the time left once they can be told."""
    parts = [f"{done:,} of {counted(total, 'document')} searchable", counted(embedded, "chunk")]
    if seconds >= _SETTLED_S and done:
        parts.append(f"{embedded / seconds:.0f}/s" if embedded >= seconds else f"{embedded / seconds:.1f}/s")
        parts.append(f"{duration(seconds / done * (total - done))} left")
    return " · ".join(parts)


def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True)
