"""When a queue that is watched is rung for."""

from typing import TYPE_CHECKING

from ragloop.app import App
from ragloop.config import Settings
from ragloop.corpus.changes.drain import Watched
from ragloop.orchestrator.watching.bell import AGAIN_S, Bell, Look
from ragloop.orchestrator.watching.doorbell import WatchedQueue
from tests.support.notified_queue import NotifiedQueue, notification

if TYPE_CHECKING:
    from tests.support.s3_server import Bucket


def test_a_queue_is_rung_for_ever_less_often_while_a_run_is_at_it(bucket: "Bucket") -> None:
    notified = NotifiedQueue(bucket, notify=False)
    watched = WatchedQueue(App(Settings()), Watched(notified.queue(), []))
    assert watched.look()[0] == Look.at_queue(0, 0)
    notified.send(notification(bucket.name, "a.md"))
    assert watched.look() == (Look.at_queue(1, 0), {"waiting": 1, "folder": None})
    bell, pauses = _rung(watched, watched.bell, 2)
    assert pauses == [AGAIN_S, AGAIN_S]
    held = notified.queue().receive()
    notified.send(notification(bucket.name, "b.md"))
    bell, pauses = _rung(watched, bell, 4)
    assert pauses == [2 * AGAIN_S, 4 * AGAIN_S, 4 * AGAIN_S, 4 * AGAIN_S]
    notified.queue().delete(held)
    bell, pauses = _rung(watched, bell, 1)
    assert pauses == [AGAIN_S]
    notified.queue().delete(notified.queue().receive())
    assert watched.look()[0] == Look.at_queue(0, 0)


def _rung(watched: WatchedQueue, bell: Bell, rings: int) -> tuple[Bell, list[float]]:
    """The bell after so many rings, and how long each of them lets the next one wait; one message waits."""
    pauses = []
    for _ in range(rings):
        found, told = watched.look()
        assert told["waiting"] == 1
        bell = bell.seen(found).rung(0)
        pauses.append(bell.again_s)
    return bell, pauses
