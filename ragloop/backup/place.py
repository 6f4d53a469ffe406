"""Where backups may be: not where they would be lost together with what they are of."""

from collections.abc import Iterable
from pathlib import Path

from ragloop.errors import ConfigError, UsageError
from ragloop.store.files import Files, FolderFiles, open_files


def backup_files(uri: str | None, home: Path, buckets: Iterable[str]) -> Files:
    """Open the files at `uri`. Raises ConfigError without one, UsageError where it lies in the home, or in one of the
    places in `buckets` that the store or its artifacts lie in."""
    if not uri:
        raise ConfigError("no backup location: set backup.uri in ragloop.toml, or pass --to or --from")
    files = open_files(uri)
    if isinstance(files, FolderFiles) and files.folder.resolve().is_relative_to(home.resolve()):
        raise UsageError(f"{files} lies in {home} and would be lost with it; name a place for backups outside of it")
    for one in buckets:
        if f"{files}/".startswith(f"{one.rstrip('/')}/"):
            raise UsageError(f"{files} lies in {one} and would be lost with it; name another prefix or bucket")
    return files
