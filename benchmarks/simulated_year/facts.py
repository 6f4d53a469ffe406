"""The truth of each week: what pages of endoflife.date say of release cycles, and the pages as people see them. Pure.

A page keeps its release cycles as front matter, and the site shows them as a table above the prose. `shown` writes that
table in Markdown, one row per cycle, so that what is indexed is what a reader of the site has before them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml

KINDS = ("latest", "eol", "released")
_FIELDS = {"latest": "latest", "eol": "eol", "released": "releaseDate"}
_HEAD = ("Release", "Released", "End of life", "Latest", "Latest released")
_COLUMNS = ("releaseDate", "eol", "latest", "latestReleaseDate")
ASKED_CYCLES = 5
"""Newest release cycles of a product that people ask about."""


@dataclass(frozen=True)
class Fact:
    """What may be asked: one field of one release cycle of a product."""

    page: str
    product: str
    cycle: str
    kind: str

    @property
    def name(self) -> str:
        """The release cycle as people name it."""
        return f"{self.product} {self.cycle}"


@dataclass(frozen=True)
class Page:
    """A page: its product, its release cycles as the front matter has them, and the prose below."""

    product: str
    cycles: Sequence[Mapping[str, Any]]
    prose: str


def page_of(text: str) -> Page:
    """Read a page. Raises ValueError where it has no front matter with release cycles."""
    front, mark, prose = text.removeprefix("---\n").partition("\n---\n")
    held = yaml.load(front, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if mark else None
    if not isinstance(held, dict) or not isinstance(held.get("releases"), list):
        raise ValueError("found no front matter with releases; expected a page of endoflife.date")
    return Page(str(held["title"]), held["releases"], prose)


def shown(page: Page) -> str:
    """Write a page as the site shows it: the table of its release cycles, then the prose."""
    cycles = (
        (f"{page.product} {one['releaseCycle']}", *(_cell(one.get(name)) for name in _COLUMNS)) for one in page.cycles
    )
    rows = [_HEAD, ("---",) * len(_HEAD), *cycles]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"# {page.product}\n\n## Releases\n\n{table}\n\n{page.prose.strip()}\n"


def truth_of(name: str, page: Page) -> dict[Fact, str]:
    """Return the value of each fact of the newest release cycles of a page, in the order of the page.

    A field that is empty, or only says yes or no, is nothing to ask about.
    """
    found = {}
    for one in page.cycles[:ASKED_CYCLES]:
        for kind in KINDS:
            value = one.get(_FIELDS[kind])
            if value is not None and not isinstance(value, bool):
                found[Fact(name, page.product, str(one["releaseCycle"]), kind)] = _cell(value)
    return found


def changed(before: Mapping[Fact, str], now: Mapping[Fact, str]) -> set[Fact]:
    """Return the facts that had another value before."""
    return {fact for fact, value in now.items() if before.get(fact, value) != value}


def chosen(pages: Mapping[str, str], count: int, names: Iterable[str]) -> list[str]:
    """Return the first pages in the order of `names` that have at least three release cycles with facts."""
    found = []
    for name in names:
        try:
            truth = truth_of(name, page_of(pages[name]))
        except ValueError:
            continue
        if len({fact.cycle for fact in truth}) >= 3:
            found.append(name)
        if len(found) == count:
            break
    return found


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else " ".join(str(value).split()).replace("|", "/")
