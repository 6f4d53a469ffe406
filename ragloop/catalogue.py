"""What ragloop keeps, and what each thing rests on: nothing derived outlives its source.

Each room describes what it keeps in a tuple `DERIVED`; `ragloop.app.catalogue` collects them. Maintenance and restore
take the leases from it, docs/storage.md is generated from it, and a test looks for files that no entry claims.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase


class Kind(StrEnum):
    """How a thing is kept: a table, tables whose names begin alike, or files under the home."""

    TABLE = "table"
    TABLES = "tables"
    FILES = "files"


class Text(StrEnum):
    """Whose text a thing holds, which an erasure has to look for."""

    DOCUMENTS = "documents"
    QUESTIONS = "questions"
    ANSWERS = "answers"


class Recreation(StrEnum):
    """What a repair makes of a table that is gone: of evidence nothing, since an empty table would pass for it."""

    NEVER = "never"
    EMPTY = "empty"
    FROM_INDEXES = "from the indexes that are there"


class Erasure(StrEnum):
    """What an erasure does with a thing that may rest on what is erased."""

    NOTHING = "nothing"
    ROWS = "rows"
    """Rows that rest on it are deleted, what names it is taken out of the others, and the table is written anew."""
    PARTS = "parts"
    """The files that rest on it are removed, and of those with lines only these lines."""
    WHOLE = "whole"
    """Every file is removed, whatever it rests on: it is made anew, or nobody can tell what is in it."""


class Lease(StrEnum):
    """Who may write. Whoever takes several takes them in this order, so that no two wait for each other.

    ERASURE, BACKUP, REVIEW and TRAFFIC are of no table: one erasure, one backup or restore, and one review is under way
    at a time; under TRAFFIC, what other services answered is held against what was erased, and logged.
    """

    NONE = ""
    ERASURE = "erasure"
    BACKUP = "backup"
    REVIEW = "review"
    RETRAINING = "retraining"
    GOLDEN = "golden"
    INDEX = "index"
    GENERATIONS = "generations"
    MIRROR = "mirror"
    REGISTRY = "registry"
    TOPICS = "topics"
    KEYS = "keys"
    TRAFFIC = "traffic"
    JOURNAL = "journal"
    SCHEMA = "schema"


LOGGED = (Text.QUESTIONS, Text.ANSWERS)


@dataclass(frozen=True)
class Derived:
    """One kind of thing that is kept.

    `name` is that of a table, the beginning of its name for TABLES, and for FILES the path under the home, in which ID
    stands for a name of sixteen hexadecimal digits and * for any name. `lease` is held by whoever writes it.
    `rebuilt_by` says what brings it back when it is lost, and is empty where only a backup does; `recreated`, what a
    repair makes of a table that is gone. `listed_in`: the table whose rows name the folder of a file in `path`.
    `erased` is what an erasure does with it; where it does nothing with a text, `kept_because` says why.
    """

    name: str
    kind: Kind
    what: str
    rests_on: str
    rebuilt_by: str
    lease: Lease = Lease.NONE
    text: Sequence[Text] = ()
    backed_up: bool = True
    recreated: Recreation = Recreation.NEVER
    listed_in: str = ""
    erased: Erasure = Erasure.NOTHING
    kept_because: str = ""

    def __post_init__(self) -> None:
        if self.text and self.erased is Erasure.NOTHING and not self.kept_because:
            raise ValueError(f"{self.name} holds text, and nothing says what an erasure does with it")
        if not self.rebuilt_by and not self.backed_up:
            raise ValueError(f"{self.name} can be lost: nothing rebuilds it, and no backup holds it")

    def claims_table(self, table: str) -> bool:
        """Return whether a table is of this kind."""
        if self.kind is Kind.TABLE:
            return table == self.name
        return self.kind is Kind.TABLES and table.startswith(self.name) and _is_fingerprint(table[len(self.name) :])

    def claims_file(self, path: str) -> bool:
        """Return whether a file under the home, outside the database, is of this kind."""
        wanted, found = self.name.split("/"), path.split("/")
        if wanted[-1] == "**" and len(found) > len(wanted):
            found = [*found[: len(wanted) - 1], "**"]
        parts = zip(wanted, found, strict=False)
        return self.kind is Kind.FILES and len(wanted) == len(found) and all(_matches(*one) for one in parts)


_ID = "[0-9a-f]" * 16


def _matches(wanted: str, found: str) -> bool:
    return fnmatchcase(found, wanted.replace("ID", _ID))


def _is_fingerprint(text: str) -> bool:
    """Return whether a text is an id, and perhaps a number: an index that was built twice has one."""
    fingerprint, _, number = text.partition("_")
    return fnmatchcase(fingerprint, _ID) and (not number or number.isdecimal())


def claiming_table(derived: Iterable[Derived], table: str) -> list[Derived]:
    """Return the entries that claim a table; exactly one, where the catalogue is complete."""
    return [one for one in derived if one.claims_table(table)]


def claiming_file(derived: Iterable[Derived], path: str) -> list[Derived]:
    """Return the entries that claim a file under the home."""
    return [one for one in derived if one.claims_file(path)]


def lease_of(derived: Iterable[Derived], table: str) -> Lease:
    """Return the lease under which a table is written, NONE for a table that no entry claims."""
    return next((one.lease for one in claiming_table(derived, table)), Lease.NONE)


def leases_of(derived: Iterable[Derived]) -> tuple[Lease, ...]:
    """Return every lease under which something is written, in the order in which they are taken."""
    needed = {one.lease for one in derived}
    return tuple(one for one in Lease if one and one in needed)


def evidence_tables(derived: Iterable[Derived]) -> tuple[str, ...]:
    """Return the tables whose newer rows a restore keeps: all of one name but those that a store makes by itself.

    These are that of migrations, and what the indexes that are there tell.
    """
    tables = [one for one in derived if one.kind is Kind.TABLE and one.lease is not Lease.SCHEMA]
    return tuple(one.name for one in tables if one.recreated is not Recreation.FROM_INDEXES)


STORE = (
    Derived(
        "migrations", Kind.TABLE, "The number of the schema, and when the store was made.", "nothing", "", Lease.SCHEMA
    ),
    Derived(
        "leases/*",
        Kind.FILES,
        "Who writes what, now.",
        "running processes",
        "the next writer",
        backed_up=False,
    ),
    Derived(
        "aside/**",
        Kind.FILES,
        "Tables that were found damaged or that nothing named, until their retention ends.",
        "the tables that they were",
        "nothing needs to: a person may look at them",
        Lease.INDEX,
        (Text.DOCUMENTS, *LOGGED),
        backed_up=False,
        erased=Erasure.WHOLE,
    ),
)
"""What the store itself keeps."""
