"""What an application does with the traffic of services that others run: import it, or take in answers one by one."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ragloop.app.parts import Parts
from ragloop.app.safekeeping import erasures_of
from ragloop.errors import NotFoundError

if TYPE_CHECKING:
    from ragloop.erasure.certificate import Erasures
    from ragloop.traffic.exchange import Item
    from ragloop.traffic.importing import ImportReport
    from ragloop.traffic.intake.posted import PostedTraces
    from ragloop.traffic.resolving.resolver import Resolver


class Traffic:
    """The traffic of other services, as one home takes it in."""

    def __init__(self, parts: Parts, seconds: Callable[[], float] = time.monotonic) -> None:
        self._parts, self._seconds = parts, seconds
        self._known: tuple[object, float, Resolver] | None = None
        self._taking_in = threading.Lock()

    def import_file(
        self, file: Path, format: str, *, dry_run: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> "ImportReport":
        """Import a file that another service wrote; see ragloop.traffic. `progress` takes bytes read and bytes in all.

        Raises UsageError for a file that cannot be read or whose format is not known.
        """
        from ragloop.traffic.formats.choice import TrafficFormat, read_as
        from ragloop.traffic.reading import read_records

        records = read_records(file, progress or _ignore)
        return self.take_in(read_as(records, TrafficFormat(format)), dry_run=dry_run)

    def take_in(self, items: "Iterator[Item]", *, dry_run: bool = False) -> "ImportReport":
        """Log exchanges and votes in any form that was read, those of one caller at a time."""
        from ragloop.traffic.importing import TrafficImport

        journal, erased = self._parts.journal, self._erasures.kept_out
        with self._taking_in:
            return TrafficImport(journal, self._resolver, erased, dry_run=dry_run).run(items)

    @cached_property
    def _erasures(self) -> "Erasures":
        return erasures_of(self._parts)

    @cached_property
    def traces(self) -> "PostedTraces":
        """Take in the spans that services send while they run; for a process that calls its `log_due` every second."""
        from ragloop.traffic.intake.posted import PostedTraces
        from ragloop.traffic.intake.traces import TraceIntake

        return PostedTraces(self._parts.settings.home, self.take_in, TraceIntake())

    def take_posted(self, body: bytes) -> "tuple[ImportReport, list[str]]":
        """Log the exchanges and votes of a request in plain JSON; return what became of them and the ids of answers.

        Raises UsageError where the body is no JSON.
        """
        from ragloop.traffic.exchange import Exchange
        from ragloop.traffic.formats.jsonl import read_plain
        from ragloop.traffic.reading import records_of
        from ragloop.traffic.rows import interaction_id_of

        items = list(read_plain(records_of(body)))
        report = self.take_in(iter(items))
        return report, [interaction_id_of(one) for one in items if isinstance(one, Exchange)]

    def _resolver(self) -> "Resolver | None":
        """Return what ties passages to documents as they are now; None where nothing was indexed yet.

        It is kept for some seconds while the index stays as it is: what is read of documents serves the next request
        too.
        """
        from ragloop.corpus.index.generations.newest import REOPENED_S
        from ragloop.traffic.resolving.library import Library
        from ragloop.traffic.resolving.resolver import Resolver
        from ragloop.traffic.resolving.shingles import ShinglesOfIndex

        try:
            index = self._parts.index
        except NotFoundError:
            return None
        now, version, known = self._seconds(), index.version, self._known
        # An index that is restored in place may have its old version.
        if known is None or known[0] != version or now - known[1] >= REOPENED_S:
            library = Library(index)
            known = self._known = version, now, Resolver(library, ShinglesOfIndex(library.index))
        return known[2]


def _ignore(*_: object) -> None:
    """Take progress that nobody asked to see."""
