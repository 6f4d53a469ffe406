"""Print what commands report: one JSON object or a table on stdout, everything else on stderr."""

import io
import json
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from ragloop.printable import json_escaped, printable

_quiet = {"on": False}


class _Listened(io.FileIO):
    """A stream whose reader may close it (`ragloop log tail | head`), which is not an error of the command.

    Any other error is raised once, for main to report: at exit Python tries to write the rest again.
    """

    _failed = False

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            failed_before, self._failed = self._failed, True
            if isinstance(error, BrokenPipeError) or failed_before:
                return memoryview(data).nbytes
            raise


def open_streams() -> None:
    """Make stdout and stderr accept any text, even if they are closed, have no reader or know few characters."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - open to the end
        elif stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            stream.flush()
            binary = io.BufferedWriter(_Listened(stream.fileno(), "w", closefd=False))
            lines = stream.line_buffering or stream.write_through
            text = io.TextIOWrapper(binary, stream.encoding, "backslashreplace", line_buffering=lines)
            setattr(sys, name, text)


def be_quiet(on: bool) -> None:
    """Let `say` and progress write nothing; reports and errors are written all the same."""
    _quiet["on"] = on


def is_quiet() -> bool:
    """Return whether only reports and errors are wanted."""
    return _quiet["on"]


def say(line: str) -> None:
    """Print a line on stderr, for the person at the terminal."""
    if not _quiet["on"]:
        _write_aside(line)


def _write_aside(line: str) -> None:
    sys.stderr.write(printable(line) + "\n")
    sys.stderr.flush()


def write(text: str) -> None:
    """Print text on stdout."""
    sys.stdout.write(printable(text) + "\n")
    sys.stdout.flush()


def fail(message: str, code: int) -> NoReturn:
    """Print an error in one line and exit with its code."""
    _write_aside(f"ragloop: {message}")
    raise SystemExit(code)


def print_json(report: object) -> None:
    """Print one JSON object on stdout, escaping characters that a terminal acts on or cannot show."""
    few = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    sys.stdout.write(json_escaped(json.dumps(report, default=_encode, ensure_ascii=few)) + "\n")
    sys.stdout.flush()


def _encode(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Path():
            return str(value)
        case frozenset() | tuple() | set():
            return sorted(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def print_table(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, aside: bool = False) -> None:
    """Print rows as a table, numbers to the right, text never as markup. With `aside` it goes to stderr.

    A column without any value is left out. Where the terminal is too narrow, each row becomes a card. Without a row
    that is said.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=aside)
    if not rows:
        console.print(Text(f"{printable(title)}: none"))
        return
    used = [name for name in columns if any(row.get(name) not in (None, "", [], ()) for row in rows)]
    if _needed(rows, used) > console.width:
        _print_cards(title, rows, used, console.width, aside=aside)
        return
    table = Table(title=Text(printable(title)), title_justify="left")
    for name in used:
        numbers = all(isinstance(row.get(name), int | float) or row.get(name) is None for row in rows)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(row.get(name))) for name in used))
    console.print(table)


_FOLDED = 24
"""A column of text that is narrower than this cannot be read; a longer text is folded in one of this width."""


def _needed(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> int:
    """Count the characters that a table needs to be read: each column as wide as its longest value, or folded."""
    widths = [max(len(name), *(len(shown(row.get(name))) for row in rows)) for name in columns]
    return sum(min(width, _FOLDED) + 3 for width in widths) + 1


def _print_cards(
    title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], width: int, *, aside: bool
) -> None:
    """Print each row as lines of name and value, wrapped; what a row does not have is left out."""
    label = max(map(len, columns), default=0) + 2
    lines = [title]
    for row in rows:
        lines.append("")
        for name in columns:
            if row.get(name) in (None, "", [], ()):
                continue
            text = textwrap.wrap(shown(row[name]), max(20, width - label)) or [""]
            lines.append(f"{name:<{label}}{text[0]}")
            lines += [" " * label + more for more in text[1:]]
    (_write_aside if aside else write)("\n".join(lines))


def print_facts(title: str, facts: Mapping[str, Any]) -> None:
    """Print names, in words, and values, one a line; long values are wrapped beside their name."""
    from rich.console import Console

    named = {name.replace("_", " "): value for name, value in facts.items()}
    _print_cards(title, [named], list(named), Console().width, aside=False)


def shown(value: Any) -> str:
    """Format a value for people."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
        case datetime():
            return ago(value)
        case Mapping():
            return ", ".join(f"{name} {shown(one)}" for name, one in value.items())
        case list() | tuple():
            return ", ".join(shown(one) for one in value)
    return printable(str(value))


_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def duration(seconds: float) -> str:
    """Write a time in its two largest units: 5 min 33 s, 2 d 4 h; below ten seconds in tenths."""
    if seconds < 10:
        return f"{max(0.0, seconds):.2g} s"
    left, parts = round(seconds), list[str]()
    for name, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}")
        if len(parts) == 2 or (parts and not count):
            break
    return " ".join(parts)


def ago(at: datetime, now: datetime | None = None) -> str:
    """Write how long ago a moment is, in its largest unit: `3 min ago`, `just now`."""
    seconds = ((now or datetime.now(at.tzinfo)) - at).total_seconds()
    if seconds < 10:
        return "just now"
    name, size = next((name, size) for name, size in _UNITS if seconds >= size)
    return f"{int(seconds // size)} {name} ago"
