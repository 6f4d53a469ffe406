"""Open the sources that the settings name."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from ragloop.config import SourceSettings
from ragloop.corpus.sources.local import LocalFolder
from ragloop.corpus.sources.patterns import Patterns
from ragloop.corpus.sources.source import Source, Way
from ragloop.errors import ConfigError, UsageError
from ragloop.store.aws.address import S3Address


def _refuse_doubled(configured: Sequence[SourceSettings]) -> None:
    """Raise ConfigError where the second of two sources could never have a document."""
    seen: dict[tuple[str, tuple[str, ...], tuple[str, ...]], str] = {}
    for one in configured:
        other = seen.setdefault((place_of(one), one.include, one.exclude), one.name)
        if other != one.name:
            raise ConfigError(
                f"the sources {other} and {one.name} are both all of {place_of(one)}, expected each document in one "
                "source: remove one of them, or part them by include and exclude"
            )


def open_sources(
    configured: Sequence[SourceSettings],
    home: Path,
    by_path: Sequence[Path] = (),
    ways: Mapping[str, Way] = MappingProxyType({}),
) -> list[Source]:
    """Open the sources that the settings name, each without what is another's; `home` is in none.

    `by_path` are sources that are not configured, `ways` where each was found when it was listed last. Raises
    ConfigError, UsageError.
    """
    _refuse_doubled(configured)
    opened: list[Source] = []
    before: dict[str, list[Patterns]] = {}
    for one in configured:
        earlier = before.setdefault(place_of(one), [])
        opened.append(_open_source(one, [home, *by_path], configured, tuple(earlier), ways.get(one.name)))
        earlier.append(Patterns(one.include, one.exclude))
    return opened


def _open_source(
    settings: SourceSettings,
    folders: Sequence[Path],
    others: Sequence[SourceSettings],
    left_to: Sequence[Patterns],
    way: Way | None,
) -> Source:
    given = settings.name, settings.uri, settings.include, settings.exclude, settings.labels
    if in_bucket(settings):
        from ragloop.corpus.sources.s3 import S3Bucket

        return S3Bucket(*given, leave_out=[place_of(one) for one in others if in_bucket(one)], left_to=left_to)
    name, _, *rest = given
    places = [Path(place_of(one)) for one in others if not in_bucket(one)]
    folder = _folder(settings)
    links = way.links if way and way.named == os.fspath(folder.absolute()) else None
    leave_out, gitignore = [*folders, *places], settings.gitignore
    return LocalFolder(name, folder, *rest, gitignore=gitignore, leave_out=leave_out, left_to=left_to, links=links)


def place_of(settings: SourceSettings) -> str:
    """Return the resolved path of a source's folder, or the address of its bucket and prefix."""
    if in_bucket(settings):
        return str(S3Address.parse(settings.uri, f"source {settings.name}"))
    return str(_folder(settings).resolve())


def in_bucket(settings: SourceSettings) -> bool:
    """Return whether a source is a prefix of a bucket."""
    return settings.uri.startswith("s3://")


def _folder(settings: SourceSettings) -> Path:
    if "://" in settings.uri and not settings.uri.startswith("file://"):
        raise UsageError(f"source {settings.name} has uri {settings.uri}; expected a folder or s3://bucket/prefix")
    return Path(settings.uri.removeprefix("file://"))
