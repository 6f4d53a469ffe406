"""What something costs in CPU time, which a busy machine leaves as it is, and a slow one does not."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

STEPS = 500_000
STEPS_TAKE_S = 0.015
"""CPU seconds that the steps take on the machine for which the limits are written."""


@cache
def slowness() -> float:
    """Return by how much this machine is slower than the one for which limits are written, never below 1."""
    times = []
    for _ in range(5):
        began = time.thread_time()
        sum(number % 7 for number in range(STEPS))
        times.append(time.thread_time() - began)
    return max(1.0, min(times) / STEPS_TAKE_S)


@contextmanager
def cpu_seconds_below(limit: float, clock: Callable[[], float] = time.thread_time) -> Iterator[None]:
    """Fail when the body takes `limit` seconds of CPU time or more, by default of this thread alone.

    A slower machine is allowed as much more as it is slower. The servers of other tests run in threads of this process,
    and one pass of the collector over all that a long run has imported costs half a second: neither is the body's.
    """
    allowed = limit * slowness()
    gc.disable()
    started = clock()
    try:
        yield
    finally:
        spent = clock() - started
        gc.enable()
    assert spent < allowed, f"{spent:.2f} s of CPU, {allowed:.2f} s allowed"
