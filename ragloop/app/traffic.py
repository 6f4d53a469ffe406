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

    def _resolver(self) -> "Resolver | None":
        """Return what ties passages to documents; None where nothing was indexed yet."""
        from ragloop.traffic.resolving.library import Library
        from ragloop.traffic.resolving.resolver import Resolver
        from ragloop.traffic.resolving.shingles import ShinglesOfIndex

        try:
            library = Library(self._parts.index)
        except NotFoundError:
            return None
        return Resolver(library, ShinglesOfIndex(library.index))


def _ignore(*_: object) -> None:
    """Take progress that nobody asked to see."""
