"""What ragloop keeps, and what each thing rests on: nothing derived outlives its source.

Each room describes what it keeps in a tuple `DERIVED`; `ragloop.app.catalogue` collects them. Maintenance and restore
take the leases from it, docs/storage.md is generated from it, and a test looks for files that no entry claims.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


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


LOGGED = (Text.QUESTIONS, Text.ANSWERS)


@dataclass(frozen=True)
class Derived:
    """One kind of thing that is kept.

    `name` is that of a table, the beginning of its name for TABLES, and for FILES the path under the home, in which ID
    stands for a name of sixteen hexadecimal digits and * for any name. `lease` is held by whoever writes it.
    `made_anew` says what brings it back when it is lost, and is empty where only a backup does.
    """

    name: str
    kind: Kind
    what: str
    rests_on: str
    made_anew: str
    lease: str = ""
    text: Sequence[Text] = ()
    backed_up: bool = True

    def __post_init__(self) -> None:
        if not self.made_anew and not self.backed_up:
            raise ValueError(f"{self.name} can be lost: nothing makes it anew, and no backup holds it")

    def claims_table(self, table: str) -> bool:
        """Return whether a table is of this kind."""
        return table == self.name if self.kind is Kind.TABLE else self.kind is Kind.TABLES and _is_of(self.name, table)

    def claims_file(self, path: str) -> bool:
        """Return whether a file under the home, outside the database, is of this kind."""
        if self.kind is not Kind.FILES:
            return False
        return re.fullmatch("/".join(map(_part, self.name.split("/"))), path) is not None


def _part(name: str) -> str:
    """A part of a path as a regular expression."""
    if name == "**":
        return ".+"
    return re.sub(r"\bID\b", "[0-9a-f]{16}", re.escape(name).replace(r"\*", "[^/]+"))


def _is_of(prefix: str, table: str) -> bool:
    return re.fullmatch(re.escape(prefix) + "[0-9a-f]{16}(_[0-9]+)?", table) is not None


def claiming_table(derived: Iterable[Derived], table: str) -> list[Derived]:
    """Return the entries that claim a table; exactly one, where the catalogue is complete."""
    return [one for one in derived if one.claims_table(table)]


def claiming_file(derived: Iterable[Derived], path: str) -> list[Derived]:
    """Return the entries that claim a file under the home."""
    return [one for one in derived if one.claims_file(path)]


def lease_of(derived: Iterable[Derived], table: str) -> str:
    """Return the lease under which a table is written, or an empty string for a table that no entry claims."""
    return next((one.lease for one in claiming_table(derived, table)), "")


STORE = (
    Derived(
        "migrations", Kind.TABLE, "The number of the schema, and when the store was made.", "nothing", "", "schema"
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
        "index",
        (Text.DOCUMENTS, *LOGGED),
        backed_up=False,
    ),
)
"""What the store itself keeps."""
