"""A bound on what a call may cost, that neither other threads of the process nor its age can move."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def cpu_seconds_below(limit: float, clock: Callable[[], float] = time.thread_time) -> Iterator[None]:
    """Fail when the body takes `limit` seconds of CPU time or more, by default of this thread alone.

    The servers of other tests run in threads of this process, and one pass of the collector over all that a long run
    has imported costs half a second: neither is the body's.
    """
    gc.collect()
    gc.disable()
    started = clock()
    try:
        yield
    finally:
        spent = clock() - started
        gc.enable()
    assert spent < limit, f"{spent:.2f} s of CPU, {limit} s allowed"
