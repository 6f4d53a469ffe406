"""A check of doctor: what it looks for, how it is found, and what repairs it."""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum

from ragloop.corpus.doctor.audit import Audit
from ragloop.corpus.doctor.examination import Examination
from ragloop.wording import first_few

_SHOWN = 3


class State(StrEnum):
    """Whether a finding was only found, or what a repair made of it."""

    FOUND = "found"
    REPAIRED = "repaired"
    REMAINS = "remains"


class Completion(StrEnum):
    """What completes a fix once the lease of the index is free again."""

    NOTHING = "nothing"
    SYNC = "sync"
    REBUILD = "rebuild"


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: which check says so, how many of what, and what repairs it."""

    check: str
    count: int
    detail: str
    repair: str
    state: State = State.FOUND

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"found {self.count} of {self.check} {self.state}")


@dataclass(frozen=True)
class Found:
    """What a check found. `detail` and `repair` replace the words of the check where these are too general."""

    count: int = 0
    names: Sequence[str] = ()
    detail: str = ""
    repair: str = ""


def named(names: Iterable[str], detail: str = "", repair: str = "") -> Found:
    """Return what was found by name."""
    listed = sorted(names)
    return Found(len(listed), listed, detail, repair)


@dataclass(frozen=True)
class Check:
    """One thing that doctor looks for. Several checks may share a name, each with a repair of its own.

    `find` changes nothing. `fix` is called where something was found, under the lease of the index; None where only a
    person or a sync can repair it. `marks`: the documents that the sync is then to read, and to write again, which all
    checks have marked in one commit. `destroys`: the fix deletes what was found, rather than to rebuild it or set it
    aside.
    """

    name: str
    looks_for: str
    repair: str
    find: Callable[[Examination], Found]
    fix: Callable[[Examination], None] | None = None
    completed_by: Completion = Completion.NOTHING
    destroys: bool = False
    marks: Callable[[Audit], Set[str]] = lambda audit: frozenset()

    def finding(self, examined: Examination) -> Finding | None:
        """Return what is wrong, and None where nothing is; of many names the first few are given."""
        found = self.find(examined)
        if not found.count:
            return None
        listed = f": {first_few(found.names, _SHOWN)}" if found.names else ""
        detail = (found.detail or self.looks_for) + listed
        return Finding(self.name, found.count, detail, found.repair or self.repair)
