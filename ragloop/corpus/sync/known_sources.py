"""Which sources a home has: those that are configured, and the folders that were synced by their path.

A file belongs to one of them: to the source of the innermost folder around it, whatever the patterns of that source
leave out, and of several sources of one folder to the first whose patterns take it. A folder that was synced by path
and is part of a configured source, as its patterns go, is no source of its own.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragloop.config import SourceSettings
from ragloop.corpus.index import inventory
from ragloop.corpus.index.generations.generation import Generation
from ragloop.corpus.index.generations.table import Generations
from ragloop.corpus.index.table import Index
from ragloop.corpus.sources.local import LocalFolder
from ragloop.corpus.sources.opening import in_bucket, open_sources, place_of
from ragloop.corpus.sources.source import Source, Way
from ragloop.corpus.sync.decisions.scope import FoundSources, SyncScope
from ragloop.corpus.sync.scans import OF_SOURCES, last_ways, scanned_sources
from ragloop.errors import NotFoundError, StoreDamagedError, UsageError
from ragloop.reports import Reports
from ragloop.store import Store


@dataclass(frozen=True)
class OpenSources:
    """The sources of a home: what is found of them, and the opened ones by name."""

    found: FoundSources
    by_name: Mapping[str, Source]

    def of(self, scope: SyncScope) -> list[Source]:
        """Return the sources that a sync of this scope lists."""
        return [self.by_name[name] for name in scope.sources]


class KnownSources:
    """The sources of `home`. `indexed` names those that the index knows, `ways` where each was found last."""

    def __init__(
        self,
        configured: Sequence[SourceSettings],
        home: Path,
        indexed: Sequence[str],
        ways: Mapping[str, Way],
    ) -> None:
        self._home = home.resolve()
        self._configured = tuple(configured)
        self._indexed, self._ways = list(indexed), ways

    def look(self, folder: Path | None = None) -> OpenSources:
        """Open every known source, and that of the folder; a folder that is part of another source is synced as that.

        What is gone is the source of a folder that was synced by path and is not there any more, or is a link now;
        without a folder, all that are indexed, where none is known any more.
        """
        indexed = self._indexed
        named = _name(folder, indexed) if folder else None
        sources = self._open(indexed, named)
        around = _around(named, sources) if named else []
        within = [one for one in sources if named and (one in around or _is_within(one, named))]
        if named:
            gone = [named] if named in indexed and not _is_there(named) else []
        else:
            gone = [] if sources else indexed
        names = tuple(one.name for one in sources)
        found = FoundSources(names, tuple(one.name for one in within), tuple(indexed), tuple(gone))
        return OpenSources(found, dict(zip(names, sources, strict=True)))

    def all(self) -> list[Source]:
        """Open every known source; one that is configured no more is indexed, and not known."""
        return self._open(self._indexed)

    def knows(self, folder: Path) -> bool:
        """Return whether a folder is a known source, configured or synced by its path, or part of one."""
        return bool(_around(_name(folder, self._indexed), self.all()))

    def _open(self, indexed: Sequence[str], named: str | None = None) -> list[Source]:
        """Open every known source, and that of the folder `named` if no other holds it."""
        configured = open_sources(self._configured, self._home, ways=self._ways)
        # A configured name holds no slash, as a path does.
        names = [one for one in indexed if "/" in one and not _around(one, configured)]
        if named and named not in names and not _around(named, [*configured, *self._by_path(names)]):
            names.append(named)
        if names:
            configured = open_sources(self._configured, self._home, [Path(one) for one in names], self._ways)
        return [*configured, *self._by_path(names)]

    def _by_path(self, names: Sequence[str]) -> list[Source]:
        places = [Path(place_of(one)) for one in self._configured if not in_bucket(one)]
        leave_out = [self._home, *places, *map(Path, names)]
        return [LocalFolder(name, Path(name), leave_out=leave_out, links=()) for name in names]


def is_part_of(folder: Path, sources: Sequence[Source]) -> list[str]:
    """Tell a person who named a folder that it is not a source but part of one of those synced."""
    named = str(folder.expanduser().resolve())
    around = _around(named, sources)
    if not around or any(_is_within(one, named) for one in around):
        return []
    names = " and ".join(one.name for one in around)
    return [f"{named} is part of the source {names}, which was synced with the patterns and labels that it has"]


def _is_there(name: str) -> bool:
    return Path(name).exists() and str(Path(name).resolve()) == name


def _name(folder: Path, indexed: Sequence[str]) -> str:
    """Resolve a path; of a folder that is known and became a link, return the path that it is known by."""
    given = os.path.abspath(folder.expanduser())  # noqa: PTH100
    return given if given in indexed else str(folder.expanduser().resolve())


def _is_within(source: Source, folder: str) -> bool:
    """Return whether a source is a folder, or part of it."""
    return isinstance(source, LocalFolder) and source.folder.is_relative_to(folder)


def _around(folder: str, sources: Sequence[Source]) -> list[Source]:
    """Return the sources of the innermost folder that holds this one, or is it, and look into it."""
    around = [one for one in sources if isinstance(one, LocalFolder) and one.holds_folder(folder)]
    depth = max((len(one.folder.parts) for one in around), default=0)
    return [one for one in around if len(one.folder.parts) == depth]


def known_sources(configured: Sequence[SourceSettings], home: Path, reports: Reports) -> KnownSources:
    """Return the sources that have documents, and those that a rebuild, which was killed, has not come to yet."""
    active = Generations(reports.store).active()
    indexed = sorted({*_sources_in(reports.store, active), *scanned_sources(reports)})
    return KnownSources(configured, home, indexed, last_ways(reports))


def sources_left(
    configured: Sequence[SourceSettings], home: Path, store: Store, active: Generation | None
) -> list[Source]:
    """Open every known source, as far as the tables that are left tell; `active` is the generation that answers."""
    scanned, ways = _left_of_scans(store)
    return KnownSources(configured, home, sorted({*_sources_in(store, active), *scanned}), ways).all()


def _left_of_scans(store: Store) -> tuple[list[str], dict[str, Way]]:
    try:
        reports = Reports(store).holding(*OF_SOURCES)
        return scanned_sources(reports), last_ways(reports)
    except (NotFoundError, StoreDamagedError):
        return [], {}


def _sources_in(store: Store, active: Generation | None) -> list[str]:
    try:
        return inventory.sources(Index(store, active)) if active else []
    except StoreDamagedError:
        # A rebuild must work on an index that cannot be read; the sources that were scanned are known without it.
        return []


def must_exist(folder: Path) -> None:
    """Raise NotFoundError where there is no such folder, UsageError where its path cannot name a source."""
    if folder.expanduser().is_file():
        around = folder.parent if os.fspath(folder.parent) != "." else Path.cwd()
        raise UsageError(f"found a file at {folder}, expected a folder; nothing was changed: name its folder, {around}")
    if not folder.expanduser().is_dir():
        raise NotFoundError(f"found no folder at {folder}; nothing was changed: correct the path")
    try:
        str(folder.expanduser().resolve()).encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"found the folder {str(folder)!r}, expected a path in UTF-8: rename it") from error
