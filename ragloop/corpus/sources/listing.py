"""A listing of a source: its documents as they are asked for, and an account of the files that it passes over."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import chain
from pathlib import PurePosixPath
from typing import NamedTuple

MOST_NAMED = 50
"""Most files that are named of those passed over, for each reason why."""
MOST_SUFFIXES = 50
"""Most suffixes that are counted apart."""


class Listed(NamedTuple):
    """What a listing says of one document, without reading it. A tuple: a sync of many documents makes one of each.

    `stamp` changes whenever the bytes change, as far as the clock of their place can tell; an empty stamp is never
    trusted. `changed_at` is None where it is unknown. `locator` is what the source needs to read it.
    """

    key: str
    uri: str
    stamp: str
    size: int
    changed_at: datetime | None
    locator: str


class Why(StrEnum):
    """Why a file is passed over."""

    NO_PARSER = "no parser"
    """No parser reads its suffix, and no pattern names it."""
    NO_DOCUMENT = "no document"
    """Source code, a log, settings: a parser reads it where a pattern names it."""
    NOT_INCLUDED = "not included"
    EXCLUDED = "excluded"
    IGNORED = "ignored"
    """A .gitignore leaves it out."""
    HIDDEN = "hidden"
    """Excluded, and its name or that of a folder above it begins with a dot."""
    SPECIAL = "special"
    """A pipe, a socket, a link that leads nowhere or out of the source."""


class Passed(NamedTuple):
    """A file that is passed over, or a folder that is not entered, whose key ends with a slash."""

    key: str
    why: Why


@dataclass(frozen=True)
class NamedFile:
    """A file that was passed over."""

    source: str
    key: str
    why: Why


@dataclass(frozen=True)
class PassedOver:
    """How many files were passed over, and why; `suffixes` counts those that are no document. `named`: some of them."""

    count: int = 0
    suffixes: Mapping[str, int] = field(default_factory=dict)
    not_included: int = 0
    excluded: int = 0
    ignored: int = 0
    hidden: int = 0
    special: int = 0
    named: tuple[NamedFile, ...] = ()

    def __str__(self) -> str:
        """Count them in words."""
        parts = [f"{count:,} {suffix}" for suffix, count in self.suffixes.items()]
        apart = [("not included", self.not_included), ("excluded", self.excluded)]
        apart += [("ignored by .gitignore", self.ignored), ("hidden", self.hidden)]
        parts += [f"{count:,} {name}" for name, count in [*apart, ("links or special files", self.special)] if count]
        return ", ".join(parts)


def add_up_passed(parts: Iterable[PassedOver]) -> PassedOver:
    """Add up what several sources passed over."""
    several = tuple(parts)
    suffixes = Counter[str]()
    for one in several:
        suffixes.update(one.suffixes)
    return PassedOver(
        count=sum(one.count for one in several),
        suffixes=_most(suffixes),
        not_included=sum(one.not_included for one in several),
        excluded=sum(one.excluded for one in several),
        ignored=sum(one.ignored for one in several),
        hidden=sum(one.hidden for one in several),
        special=sum(one.special for one in several),
        named=tuple(chain.from_iterable(one.named for one in several)),
    )


class Listing(Iterator[Listed]):
    """The documents of one listing. What it passed over is known as far as it was iterated."""

    def __init__(self, source: str, entries: Iterator[Listed | Passed]) -> None:
        self._source, self._entries = source, entries
        self._reasons, self._suffixes = Counter[Why](), Counter[str]()
        self._named: list[NamedFile] = []

    def __next__(self) -> Listed:
        for one in self._entries:
            if isinstance(one, Listed):
                return one
            self._count(one)
        raise StopIteration

    def _count(self, one: Passed) -> None:
        self._reasons[one.why] += 1
        if one.why in (Why.NO_PARSER, Why.NO_DOCUMENT):
            self._suffixes[PurePosixPath(one.key).suffix.lower() or "no suffix"] += 1
        if self._reasons[one.why] <= MOST_NAMED:
            self._named.append(NamedFile(self._source, one.key, one.why))

    @property
    def passed_over(self) -> PassedOver:
        """Return what was passed over so far."""
        return PassedOver(
            count=self._reasons.total(),
            suffixes=_most(self._suffixes),
            not_included=self._reasons[Why.NOT_INCLUDED],
            excluded=self._reasons[Why.EXCLUDED],
            ignored=self._reasons[Why.IGNORED],
            hidden=self._reasons[Why.HIDDEN],
            special=self._reasons[Why.SPECIAL],
            named=tuple(self._named),
        )


def _most(suffixes: Counter[str]) -> Mapping[str, int]:
    """Return the most frequent suffixes, and the others together: names may have any number of suffixes."""
    most = dict(suffixes.most_common(MOST_SUFFIXES))
    if others := suffixes.total() - sum(most.values()):
        most["others"] = most.get("others", 0) + others
    return most
