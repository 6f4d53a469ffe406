"""Whether anybody still waits for what a generator writes. Whoever asked for it says so, and a slow generator looks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_asked: ContextVar[Callable[[], bool] | None] = ContextVar("ragloop_wanted", default=None)


@contextmanager
def wanted_while(holds: Callable[[], bool]) -> Iterator[None]:
    """Let what is written inside end early once `holds()` is false: nobody gets to see it."""
    token = _asked.set(holds)
    try:
        yield
    finally:
        _asked.reset(token)


def is_wanted() -> bool:
    """Return whether what is being written is wanted."""
    holds = _asked.get()
    return holds is None or holds()
