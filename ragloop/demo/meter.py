"""Seconds and CPU of each step, over this process and all that it started."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PARENT, _USER, _LAST = 1, 11, 15
"""Fields of /proc/PID/stat after the command's name: the parent, and user to cumulated system time (proc(5))."""


@dataclass
class Step:
    """One step of the story: what came out, and what it cost in seconds of wall clock and of CPU."""

    name: str
    figures: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0


class Meter:
    """The steps so far; `started` is the moment from which all is counted."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.steps: list[Step] = []

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return round(time.perf_counter() - self.started, 1)

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, Any]]:
        """Measure a step; what the block puts into the yielded mapping are its figures."""
        one = Step(name)
        began, cpu = time.perf_counter(), cpu_seconds()
        yield one.figures
        one.seconds = round(time.perf_counter() - began, 1)
        one.cpu_seconds = round(max(0.0, cpu_seconds() - cpu), 1)
        self.steps.append(one)


def cpu_seconds() -> float:
    """Measure the CPU seconds of this process, of its children that have ended, and where /proc is, of all its living
    descendants."""
    own = os.times()
    return own.user + own.system + own.children_user + own.children_system + _descendants()


def _descendants() -> float:
    """Add up the seconds of every living descendant with the ended children that it has waited for."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        process = int(file.parent.name)
        parents[process] = int(fields[_PARENT])
        ticks[process] = sum(map(int, fields[_USER:_LAST]))
    return sum(ticks[one] for one in ticks if _is_below(one, os.getpid(), parents)) / os.sysconf("SC_CLK_TCK")


def _is_below(process: int, ancestor: int, parents: dict[int, int]) -> bool:
    while (process := parents.get(process, 0)) > 1:
        if process == ancestor:
            return True
    return False
