"""Markdown of reports: tables, lists and blocks in which names of documents stand as they are."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from ragloop.printable import literal, printable

_UNBROKEN = "%d\N{NO-BREAK SPACE}%b\N{NO-BREAK SPACE}%Y\N{NO-BREAK SPACE}%H:%M"
"""A time in a column: hyphens and spaces of another form would break it over three lines beside a long text."""


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; numbers are rounded, and text is shown as it stands."""
    head, *body = [[_cell(value) for value in line] for line in (columns, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *body))


class Raw(str):
    """Markdown that stands in a cell as it is, such as a link."""

    __slots__ = ()


def number(value: float) -> str:
    """Return a figure as people read it: whole from a hundred on, three digits below, with separators."""
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    """Return a duration as people say it."""
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def moment(at: datetime | str) -> str:
    """Return a time to the minute; reports are in UTC."""
    return f"{datetime.fromisoformat(at) if isinstance(at, str) else at:%Y-%m-%d %H:%M}"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, Raw):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, datetime):
        return f"{value:{_UNBROKEN}}"
    return literal(str(value))


def link(text: str, address: str) -> Raw:
    """Return a link; the text is shown as it stands, and the address holds no parenthesis."""
    return Raw(f"[{literal(text)}]({address})")


def bullets(lines: Iterable[str]) -> str:
    """Return a list; the lines may name documents, and are shown as they stand."""
    return "\n".join(f"- {literal(line)}" for line in lines)


def code_block(lines: Iterable[str]) -> str:
    """Return the lines as they stand, whatever characters they hold."""
    return "\n".join("    " + " ".join(printable(line).splitlines()) for line in lines)


def paragraphs(*parts: str) -> str:
    """Join those of the parts that are not empty, one below the other."""
    return "\n\n".join(part for part in parts if part)
