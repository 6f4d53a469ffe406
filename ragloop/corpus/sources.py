"""Which sources a home has: those that are configured, and the folders that were synced by their path."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ragloop.config import SourceSettings
from ragloop.corpus.generations import Generation, Generations
from ragloop.corpus.index import Index
from ragloop.corpus.local import LocalFolder
from ragloop.corpus.scans import scanned_sources
from ragloop.corpus.source import Source
from ragloop.errors import NotFoundError, StoreDamagedError, UsageError
from ragloop.store import Store


class KnownSources:
    """The sources of `home`. `indexed` names those that the index knows; it is asked when they are needed."""

    def __init__(self, configured: Sequence[SourceSettings], home: Path, indexed: Callable[[], list[str]]) -> None:
        self._home = home.resolve()
        self._configured = tuple(configured)
        # A folder that is configured is known by its name there, or its names, however it is asked for.
        self._places = frozenset(place_of(one) for one in configured)
        self._indexed = indexed

    def of(self, folder: Path | None = None, *, known: bool = True) -> list[Source]:
        """The folder, named by its path; with `known`, every configured source and every folder synced by path before.

        Raises NotFoundError for a folder that is not there, UsageError when there is nothing to sync.
        """
        named = str(folder.expanduser().resolve()) if folder else None
        chosen = [one for one in self._configured if known or place_of(one) == named]
        configured = [open_source(one, self._home) for one in chosen]
        given = [named] if named and named not in self._places else []
        indexed = self._by_path() if known else []
        by_path = [LocalFolder(name, Path(name), leave_out=self._home) for name in dict.fromkeys(given + indexed)]
        if not configured and not by_path:
            left = ", ".join(self._indexed() if known else [])
            found = f"found no source, though the index knows {left}" if left else "found no source"
            let_go = ", or let go of what was theirs with `ragloop sync --confirm-deletes`" if left else ""
            raise UsageError(f"{found}; name a folder (`ragloop sync DIR`) or add [[sources]] to ragloop.toml{let_go}")
        return [*configured, *by_path]

    def all(self) -> list[Source]:
        """Every known source, of which there may be none: one that is configured no more is indexed, and not known."""
        return self.of() if self._configured or self._by_path() else []

    def _by_path(self) -> list[str]:
        """Sources that were named by their path, which holds a slash as a configured name cannot.

        One that was configured since is none of them: its documents would be found twice.
        """
        return [name for name in self._indexed() if "/" in name and name not in self._places]

    def gone(self, folder: Path | None) -> list[str]:
        """The source of a folder that was synced by path and is not there any more; without a folder, all that are
        indexed where none is known any more."""
        if folder is None:
            return [] if self._configured or self._by_path() else self._indexed()
        name = str(folder.expanduser().resolve())
        return [name] if name in self._indexed() and not Path(name).exists() else []


def indexed_sources(store: Store) -> list[str]:
    """Sources that have documents, and those that a rebuild, which was killed, has not come to yet."""
    return sorted({*_sources_in(store, Generations(store).live()), *scanned_sources(store)})


def sources_left(
    configured: Sequence[SourceSettings], home: Path, store: Store, live: Generation | None
) -> list[Source]:
    """Every known source, as far as the tables that are left tell; `live` is the generation that answers."""
    return KnownSources(configured, home, lambda: sorted({*_sources_in(store, live), *_scanned_left(store)})).all()


def _scanned_left(store: Store) -> list[str]:
    try:
        return scanned_sources(store)
    except (NotFoundError, StoreDamagedError):
        return []


def _sources_in(store: Store, live: Generation | None) -> list[str]:
    try:
        return Index(store, live).sources() if live else []
    except StoreDamagedError:
        # A rebuild must work on an index that cannot be read; the sources that were scanned are known without it.
        return []


def must_exist(folder: Path | None) -> None:
    """Raises NotFoundError where there is no such folder, UsageError where its path cannot name a source."""
    if folder is None:
        return
    if not folder.expanduser().is_dir():
        raise NotFoundError(f"found no folder at {folder}; nothing was changed: correct the path")
    try:
        str(folder.expanduser().resolve()).encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"found the folder {str(folder)!r}, expected a path in UTF-8: rename it") from error


def open_source(settings: SourceSettings, home: Path) -> Source:
    """The source that the settings name; `home` is left out of a folder around it. Raises ConfigError, UsageError."""
    if _in_bucket(settings):
        from ragloop.corpus.s3 import S3Bucket

        return S3Bucket(settings.name, settings.uri, settings.include, settings.exclude, settings.labels)
    folder = _folder(settings)
    return LocalFolder(settings.name, folder, settings.include, settings.exclude, settings.labels, leave_out=home)


def place_of(settings: SourceSettings) -> str:
    """What a source is of: a folder's resolved path, or the address of a bucket."""
    return settings.uri if _in_bucket(settings) else str(_folder(settings).resolve())


def _in_bucket(settings: SourceSettings) -> bool:
    return settings.uri.startswith("s3://")


def _folder(settings: SourceSettings) -> Path:
    if "://" in settings.uri and not settings.uri.startswith("file://"):
        raise UsageError(f"source {settings.name} has uri {settings.uri}; expected a folder or s3://bucket/prefix")
    return Path(settings.uri.removeprefix("file://"))
