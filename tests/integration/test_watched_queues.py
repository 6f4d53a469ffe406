"""When a queue that is watched is rung for."""

from typing import TYPE_CHECKING

from ragloop.app import App
from ragloop.config import Settings
from ragloop.corpus.changes.drain import Watched
from ragloop.orchestrator.doorbell import WatchedQueue
from tests.notified_queue import NotifiedQueue, notification

if TYPE_CHECKING:
    from tests.s3_server import Bucket


def test_a_queue_is_rung_for_ever_less_often_while_a_run_is_at_it(bucket: "Bucket") -> None:
    notified = NotifiedQueue(bucket, notify=False)
    look = WatchedQueue(App(Settings()), Watched(notified.queue(), []))
    assert look.waits() is None
    first = look.again_s
    notified.send(notification(bucket.name, "a.md"))
    assert pauses(look, 2) == [first, first]
    held = notified.queue().receive()
    notified.send(notification(bucket.name, "b.md"))
    assert pauses(look, 4) == [2 * first, 4 * first, 4 * first, 4 * first]
    assert not look.settled
    notified.queue().delete(held)
    assert pauses(look, 1) == [first]
    notified.queue().delete(notified.queue().receive())
    assert look.waits() is None
    assert look.settled


def pauses(look: WatchedQueue, rings: int) -> list[float]:
    """How long each of so many rings lets the next one wait; one message waits."""
    found = []
    for _ in range(rings):
        assert look.waits() == {"waiting": 1, "folder": None}
        look.rang()
        found.append(look.again_s)
    return found
