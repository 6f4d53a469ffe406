"""What expires unless it is renewed: leases in a bucket, and messages that are hidden from other readers."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ragloop.errors import RagloopError


@contextmanager
def renewed(renew: Callable[[], object], every_s: float) -> Iterator[None]:
    """Call `renew` from a thread every so many seconds while the block runs, however long that takes.

    A renewal that fails is tried again at the next turn. Where that is too late, the holder finds out by other means:
    the check before a commit, or a message that is received again.
    """
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(every_s):
            with suppress(RagloopError):
                renew()

    thread = threading.Thread(target=run, name="renew", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
