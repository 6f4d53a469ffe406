"""When a queue that is watched is rung for."""

from typing import TYPE_CHECKING

from ragloop.app import App
from ragloop.cli.watch import _Queue
from ragloop.config import Settings
from ragloop.corpus.changes import Watched
from tests.notified_queue import NotifiedQueue, notification

if TYPE_CHECKING:
    from tests.s3_server import Bucket


def test_a_queue_is_rung_for_ever_less_often_until_it_has_come_to_rest(bucket: "Bucket") -> None:
    notified = NotifiedQueue(bucket, notify=False)
    look = _Queue(App(Settings()), Watched(notified.queue(), []))
    assert look.waits() is None
    assert look.settled
    first = look.again_s
    notified.send(notification(bucket.name, "a.md"))
    pauses = []
    for _ in range(4):
        assert look.waits() == {"waiting": 1, "folder": None}
        look.rang()
        pauses.append(look.again_s)
    assert pauses == [first, 2 * first, 4 * first, 4 * first]
    held = notified.queue().receive()
    assert look.waits() is None
    assert not look.settled, "a run is at it: what comes meanwhile is its own"
    notified.queue().delete(held)
    assert look.waits() is None
    assert (look.settled, look.again_s) == (True, first)
