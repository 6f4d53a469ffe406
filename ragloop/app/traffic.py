"""What an application does with the traffic of services that others run: import it, or take in answers one by one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ragloop.app.parts import Parts
from ragloop.errors import NotFoundError

if TYPE_CHECKING:
    from ragloop.traffic.exchange import Item
    from ragloop.traffic.importing import ImportReport
    from ragloop.traffic.resolving.resolver import Resolver


class Traffic:
    """The traffic of other services, as one home takes it in."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._known: tuple[object, Resolver] | None = None

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
        """Log exchanges and votes in any form that was read."""
        from ragloop.traffic.importing import TrafficImport

        journal = self._parts.journal
        return TrafficImport(journal, self._resolver(), dry_run=dry_run).run(items)

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

        It is kept while the index stays as it is: what is read of documents serves the next request too.
        """
        from ragloop.traffic.resolving.library import Library
        from ragloop.traffic.resolving.resolver import Resolver
        from ragloop.traffic.resolving.shingles import ShinglesOfIndex

        try:
            index = self._parts.index
        except NotFoundError:
            return None
        if self._known is None or self._known[0] != index.version:
            library = Library(index)
            self._known = index.version, Resolver(library, ShinglesOfIndex(library.index))
        return self._known[1]


def _ignore(*_: object) -> None:
    """Take progress that nobody asked to see."""
