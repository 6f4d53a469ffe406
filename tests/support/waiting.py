"""Waiting for what another process does."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(find: Callable[[], Found], what: str = "what is waited for", timeout_s: float = 150) -> Found:
    """Return what `find` finds, as soon as that is true; fail where it is not within the time."""
    deadline = time.monotonic() + timeout_s
    while not (found := find()):
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s: {what}"
        time.sleep(0.2)
    return found
