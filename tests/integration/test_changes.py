"""From an upload to a commit: queues of buckets, drained into the index that answers. S3 and SQS by moto."""

import random
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ragloop.app import App
from ragloop.config import Settings
from ragloop.corpus.changes.drain import Watched, receive
from ragloop.corpus.changes.sqs import HIDDEN_S, VISIBILITY_S, ChangeQueue, Message
from ragloop.corpus.index import inventory
from ragloop.corpus.sources.s3 import S3Bucket
from ragloop.corpus.sync.decided_deletes import decide
from ragloop.erasure.asked import Asked
from ragloop.errors import NotFoundError, StoreBusyError, UnavailableError
from ragloop.orchestrator.watching.doorbell import WatchedQueue
from ragloop.store import Store
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.indexed_folder import contents, document
from tests.support.notified_queue import NotifiedQueue, notification
from tests.support.s3_server import refusing

if TYPE_CHECKING:
    from tests.support.s3_server import Bucket


@pytest.fixture
def bucket(bucket: "Bucket", monkeypatch: pytest.MonkeyPatch) -> "Bucket":
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", bucket.server.endpoint)
    return bucket


@pytest.fixture
def queue(bucket: "Bucket") -> NotifiedQueue:
    return NotifiedQueue(bucket)


@pytest.fixture
def opened(bucket: "Bucket", queue: NotifiedQueue, tmp_path: Path) -> Callable[..., App]:
    """An app of the bucket, which is synced once; each call is a new one, as a new process would make it."""
    for number in range(12):
        bucket.write(f"docs/{number:02}.md", document(f"old {number}"))

    def open_(home: str = "home", **source: Any) -> App:
        given = {"name": "handbook", "uri": bucket.uri("docs"), "queue": queue.url, **source}
        return App(Settings(home=tmp_path / home, sources=[given]), embedder=ConstantEmbedder())

    open_().corpus.sync()
    drain(open_())
    return open_


def drain(app: App) -> Any:
    return app.corpus.changes.drain(app.corpus.watched(), wait_s=0)


def is_from_scratch(opened: Callable[..., App], home: str = "scratch") -> bool:
    scratch = opened(home)
    scratch.corpus.sync()
    return contents(opened()) == contents(scratch)


def test_uploads_and_deletes_reach_the_index_and_their_messages_are_gone(
    bucket: "Bucket", queue: NotifiedQueue, opened: Callable[..., App]
) -> None:
    bucket.write("docs/new.md", document("new"))
    bucket.write("docs/00.md", document("edited"))
    bucket.write("docs/été ü+%.md", document("odd"))
    bucket.remove("docs/01.md")
    bucket.write("elsewhere/x.md", "beside the prefix")
    bucket.server.asked.clear()
    drained = drain(opened())
    report = drained.report
    assert (report.added, report.updated, report.deleted, report.failed) == (2, 1, 1, 0)
    assert (drained.messages, drained.objects, drained.foreign, drained.refused) == (5, 5, 1, 0)
    assert bucket.server.asked["LIST"] == 0
    assert bucket.server.asked["GET"] == 3
    assert queue.queue().backlog().waiting == queue.queue().backlog().held == 0
    assert is_from_scratch(opened)


def test_an_upload_of_what_was_erased_does_not_come_back(
    bucket: "Bucket", queue: NotifiedQueue, opened: Callable[..., App]
) -> None:
    text = document("old 0")
    assert opened().erasing.run(Asked(("00.md",), source="handbook")).is_done
    bucket.write("docs/00.md", document("another text"))
    bucket.write("docs/copy.md", text)
    bucket.write("docs/new.md", document("new"))
    report = drain(opened()).report
    assert (report.added, report.updated, report.suppressed) == (1, 0, 2)
    assert queue.queue().backlog().waiting == queue.queue().backlog().held == 0
    assert {row["key"] for row in contents(opened()).values()}.isdisjoint({"00.md", "copy.md"})


def test_an_object_reported_for_two_sources_belongs_to_the_innermost_prefix(
    bucket: "Bucket", queue: NotifiedQueue, tmp_path: Path
) -> None:
    names = {"all": "docs", "hr": "docs/hr"}
    sources = [{"name": name, "uri": bucket.uri(prefix), "queue": queue.url} for name, prefix in names.items()]
    app = App(Settings(home=tmp_path / "home", sources=sources), embedder=ConstantEmbedder())
    bucket.write("docs/a.md", document("alpha"))
    app.corpus.sync()
    bucket.write("docs/hr/b.md", document("beta"))
    assert drain(app).report.added == 1
    rows = {(row["source"], row["key"]) for row in contents(app).values()}
    assert rows == {("all", "a.md"), ("hr", "b.md")}


def test_a_burst_on_one_object_is_one_read_and_one_commit(bucket: "Bucket", opened: Callable[..., App]) -> None:
    for number in range(7):
        bucket.write("docs/00.md", document(f"edit {number}"))
    bucket.server.asked.clear()
    drained = drain(opened())
    assert (drained.messages, drained.objects, drained.report.updated, drained.report.commits) == (7, 1, 1, 1)
    assert (bucket.server.asked["HEAD"], bucket.server.asked["GET"]) == (1, 1)
    assert opened().answering.search("edit 6 6-0", 3).passages[0].text.startswith("Paragraph")


def test_a_rename_within_a_batch_embeds_nothing(bucket: "Bucket", opened: Callable[..., App]) -> None:
    whole = bucket.client.get_object(Bucket=bucket.name, Key="docs/00.md")["Body"].read()
    bucket.write("docs/renamed.md", whole)
    bucket.remove("docs/00.md")
    report = drain(opened()).report
    assert (report.renamed, report.added, report.deleted, report.chunks_embedded) == (1, 0, 0, 0)


def test_the_last_good_revision_follows_an_object_that_is_renamed_in_two_batches(
    bucket: "Bucket", opened: Callable[..., App]
) -> None:
    bucket.write("docs/00.md", b"\x00\x01\x02" * 200)
    assert drain(opened()).report.failed == 1
    for change in (lambda: bucket.write("docs/new.md", b"\x00\x01\x02" * 200), lambda: bucket.remove("docs/00.md")):
        change()
        assert drain(opened()).report.chunks_embedded == 0
    kept = {row["key"] for row in contents(opened()).values() if "of old 0 " in (row.get("text") or "")}
    assert kept == {"new.md"}


def test_what_was_delivered_twice_changes_nothing_the_second_time(
    bucket: "Bucket", queue: NotifiedQueue, opened: Callable[..., App]
) -> None:
    for _ in range(2):
        queue.send(notification(bucket.name, "docs/00.md", "docs/never-there.md"))
    drained = drain(opened())
    assert (drained.messages, drained.objects, drained.report.unchanged, drained.report.commits) == (2, 2, 1, 0)


@pytest.mark.parametrize(
    "event",
    [
        "ObjectRemoved:DeleteMarkerCreated",
        pytest.param("LifecycleExpiration:DeleteMarkerCreated", marks=pytest.mark.long),
    ],
)
def test_a_delete_marker_is_a_delete_and_its_removal_brings_the_document_back(
    bucket: "Bucket", queue: NotifiedQueue, opened: Callable[..., App], event: str
) -> None:
    bucket.keep_versions()
    bucket.write("docs/00.md", document("edited"))
    marker = bucket.client.delete_object(Bucket=bucket.name, Key="docs/00.md")["VersionId"]
    queue.send(notification(bucket.name, "docs/00.md", event=event))  # moto tells of no delete marker
    assert drain(opened()).report.deleted == 1
    bucket.client.delete_object(Bucket=bucket.name, Key="docs/00.md", VersionId=marker)
    queue.send(notification(bucket.name, "docs/00.md", event="ObjectRemoved:Delete"))
    assert drain(opened()).report.added == 1
    assert is_from_scratch(opened)


def test_an_upload_in_parts_is_one_document(bucket: "Bucket", opened: Callable[..., App]) -> None:
    upload = {"Bucket": bucket.name, "Key": "docs/parts.md"}
    upload["UploadId"] = bucket.client.create_multipart_upload(**upload)["UploadId"]
    etag = bucket.client.upload_part(**upload, PartNumber=1, Body=document("parts").encode())["ETag"]
    parts = [{"PartNumber": 1, "ETag": etag}]
    bucket.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    drained = drain(opened())
    assert (drained.messages, drained.objects, drained.report.added) == (2, 1, 1), "moto tells of it twice"
    assert drain(opened()).report.commits == 0


def test_an_object_that_vanishes_between_its_message_and_the_look_is_no_error(
    bucket: "Bucket", queue: NotifiedQueue, opened: Callable[..., App]
) -> None:
    bucket.write("docs/brief.md", document("brief"))
    bucket.remove("docs/brief.md")
    drained = drain(opened())
    assert (drained.complete, drained.report.added, drained.report.deleted, drained.report.failed) == (True, 0, 0, 0)


def test_garbage_goes_to_the_dead_letter_queue_with_its_reason_and_stops_nothing(
    bucket: "Bucket", queue: NotifiedQueue, opened: Callable[..., App]
) -> None:
    queue.send("ring ring")
    bucket.write("docs/new.md", document("new"))
    drained = drain(opened())
    assert (drained.refused, drained.report.added, drained.complete) == (1, 1, False)
    assert "dead-letter queue" in drained.report.problems[0]
    ((body, reason),) = queue.dead()
    assert body == "ring ring"
    assert reason.startswith("is not JSON")


def test_garbage_without_a_dead_letter_queue_is_hidden(queue: NotifiedQueue, opened: Callable[..., App]) -> None:
    url = queue.client.create_queue(QueueName=queue.url.rpartition("/")[2] + "-alone")["QueueUrl"]
    alone = ChangeQueue(url, client=queue.client)
    queue.client.send_message(QueueUrl=url, MessageBody="ring ring")
    drained = opened().corpus.changes.drain([Watched(alone, [])], wait_s=0)
    assert "hidden for eleven hours" in drained.report.problems[0]
    assert alone.backlog().held == 1
    # SQS counts its twelve hours from the receipt, and leaves a message that would exceed them as it is.
    assert HIDDEN_S + 10 * VISIBILITY_S <= 12 * 60 * 60


def test_a_queue_full_of_garbage_is_taken_in_batches(queue: NotifiedQueue) -> None:
    for _ in range(12):
        queue.send("ring ring")
    assert len(receive(queue.queue(), 1, 0).held) == 10


def test_of_a_slow_queue_no_more_is_taken_than_stays_hidden_until_it_is_held(queue: NotifiedQueue) -> None:
    for _ in range(30):
        queue.send("ring ring")
    batch = receive(SlowQueue(queue.url, client=queue.client, visibility_s=1), 500, 0)
    assert 10 <= len(batch.held) <= 20


class SlowQueue(ChangeQueue):
    def receive(self, wait_s: int = 0) -> list[Message]:
        time.sleep(0.2)
        return super().receive(wait_s)


def test_a_document_that_cannot_be_read_leaves_the_changes_in_part(
    bucket: "Bucket", opened: Callable[..., App]
) -> None:
    bucket.write("docs/new.md", document("new"))
    bucket.write("docs/broken.pdf", "no PDF")
    drained = drain(opened())
    assert (drained.report.added, drained.report.failed, drained.complete) == (1, 1, False)


def test_messages_stay_when_the_commit_cannot_be_made(
    bucket: "Bucket", queue: NotifiedQueue, opened: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragloop.corpus.changes.drain.DRAIN_WAIT_S", 0.1)
    bucket.write("docs/new.md", document("new"))
    app = opened()
    with Store.open(app.settings.home).lease("index"):
        drained = drain(app)
    assert (drained.messages, drained.complete) == (0, True), "nothing failed"
    assert drained.busy.startswith("index is being written by")
    backlog = queue.queue().backlog()
    assert (backlog.waiting, backlog.held) == (1, 0), "a message received in vain gets closer to the dead-letter queue"


def test_a_watcher_that_could_not_commit_receives_nothing_more_until_it_can(
    bucket: "Bucket", queue: NotifiedQueue, opened: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragloop.corpus.changes.drain.LEASE_WAIT_S", 0.1)
    app = opened()
    look = WatchedQueue(app, Watched(queue.queue(visibility_s=1), app.corpus.watched()[0].sources))
    bucket.write("docs/new.md", document("new"))
    with Store.open(app.settings.home).lease("index"):
        with pytest.raises(StoreBusyError):
            look.apply(0)
        time.sleep(1.5)
        with pytest.raises(StoreBusyError):
            look.apply(0)
        backlog = queue.queue().backlog()
        assert (backlog.waiting, backlog.held) == (1, 0)
    report, messages = look.apply(0) or (None, 0)
    assert report is not None
    assert (report.added, messages) == (1, 1)


def test_an_index_that_does_not_exist_keeps_the_messages(bucket: "Bucket", opened: Callable[..., App]) -> None:
    app = opened("other")
    Store.open(app.settings.home, create=True)
    bucket.write("docs/new.md", document("new"))
    with pytest.raises(NotFoundError, match="`ragloop sync` makes one: the messages stay"):
        drain(app)


def test_more_deletes_than_are_plausible_are_left_to_a_sync_that_asks(
    bucket: "Bucket", opened: Callable[..., App]
) -> None:
    for number in range(12):
        bucket.remove(f"docs/{number:02}.md")
    report = drain(opened()).report
    assert (report.deleted, report.withheld_deletes, report.complete) == (0, 12, False)
    assert opened().corpus.sync().withheld_deletes == 12


def test_a_document_whose_delete_was_refused_stays_and_the_report_says_who_refused(
    bucket: "Bucket", queue: NotifiedQueue, opened: Callable[..., App]
) -> None:
    refused = frozenset({("handbook", "03.md")})
    decide(opened().store, refused, approved=False, by="Ada", reason="a prefix is renamed", days=3)
    for name in ("03", "04"):
        bucket.remove(f"docs/{name}.md")
    drained = drain(opened())
    assert ([one.key for one in drained.report.refused], drained.report.deleted, drained.complete) == (
        ["03.md"],
        1,
        True,
    )
    (told,) = drained.report.notices
    assert told.endswith(": refused by Ada (a prefix is renamed)")
    assert "03.md" in inventory.keys(opened().index).values()
    assert queue.queue().backlog().waiting == 0


def test_a_bucket_that_is_gone_deletes_nothing(
    bucket: "Bucket", queue: NotifiedQueue, opened: Callable[..., App]
) -> None:
    for one in bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]:
        bucket.client.delete_object(Bucket=bucket.name, Key=one["Key"])
    bucket.client.delete_bucket(Bucket=bucket.name)
    with pytest.raises(NotFoundError, match="nothing was deleted"):
        drain(opened())
    assert len(contents(opened())) > 12


def test_a_queue_that_is_not_there_is_one_line(opened: Callable[..., App], queue: NotifiedQueue) -> None:
    with pytest.raises((NotFoundError, UnavailableError), match="cannot use the queue"):
        drain(opened(queue=queue.url + "-gone"))


@pytest.mark.parametrize("refused", [False, True])
def test_a_bucket_that_fails_keeps_its_messages_and_stops_no_other_source_of_the_queue(
    bucket: "Bucket", queue: NotifiedQueue, opened: Callable[..., App], refused: bool
) -> None:
    lost, app = f"{bucket.name}-lost", opened()
    changes = queue.queue(visibility_s=1)
    watched = Watched(changes, [S3Bucket("lost", f"s3://{lost}/x"), *app.corpus.watched()[0].sources])
    for keys in (["x/a.md"], ["x/b.md", "x/a.md"]):
        queue.send(notification(lost, *keys))
    bucket.write("docs/new.md", document("new"))
    if refused:  # both objects, and the bucket
        bucket.server.before["HEAD"] = deque([refusing("403 Forbidden", "AccessDenied")] * 3)
    drained = app.corpus.changes.drain([watched], wait_s=0)
    assert (drained.report.added, drained.messages, drained.objects, drained.kept) == (1, 1, 1, 2)
    (problem,) = drained.report.problems
    assert ("s3:ListBucket" if refused else "found no bucket") in problem
    assert problem.endswith("its messages stay in the queue")
    backlog = changes.backlog()
    assert backlog.waiting + backlog.held == 2
    bucket.client.create_bucket(Bucket=lost)
    bucket.client.put_object(Bucket=lost, Key="x/a.md", Body=document("found").encode())
    time.sleep(1.1)
    assert app.corpus.changes.drain([watched], wait_s=0).report.added == 1
    backlog = changes.backlog()
    assert backlog.waiting + backlog.held == 0


def test_where_every_source_of_a_queue_is_away_the_drain_ends_to_be_tried_again(
    bucket: "Bucket", queue: NotifiedQueue, opened: Callable[..., App]
) -> None:
    app = opened()
    beside = S3Bucket("beside", f"s3://{bucket.name}/beside")
    for key in ("docs/new.md", "beside/new.md"):
        bucket.write(key, document("new"))
    bucket.server.before["HEAD"] = deque([refusing("503 Service Unavailable", "SlowDown")] * 100)
    with pytest.raises(UnavailableError):
        app.corpus.changes.drain([Watched(queue.queue(), [*app.corpus.watched()[0].sources, beside])], wait_s=0)
    bucket.server.before["HEAD"].clear()
    backlog = queue.queue().backlog()
    assert backlog.waiting + backlog.held == 2


def failing(queue: NotifiedQueue, request: str, times: int) -> list[int]:
    """Let SQS answer so many of these requests with a failure of the first entry; counts entries of all requests."""
    asked: list[int] = []

    def with_a_wrong_receipt(params: dict[str, Any], **_: Any) -> dict[str, Any]:
        asked.append(len(params["Entries"]))
        first, *rest = params["Entries"]
        return {**params, "Entries": [{**first, "ReceiptHandle": "wrong"}, *rest]} if len(asked) <= times else params

    queue.client.meta.events.register(f"provide-client-params.sqs.{request}", with_a_wrong_receipt)
    return asked


def twelve(queue: NotifiedQueue, changes: ChangeQueue) -> list[Message]:
    for number in range(12):
        queue.send(f"{number}")
    return [message for _ in range(2) for message in changes.receive()]


@pytest.mark.parametrize(("times", "left", "asked"), [(0, 0, [10, 2]), (1, 0, [10, 2, 1]), (3, 1, [10, 2, 2])])
def test_what_sqs_did_not_delete_is_asked_for_once_more(
    bucket: "Bucket", times: int, left: int, asked: list[int]
) -> None:
    queue = NotifiedQueue(bucket, notify=False)
    changes = queue.queue()
    messages = twelve(queue, changes)
    counted = failing(queue, "DeleteMessageBatch", times)
    assert (changes.delete(messages), counted) == (left, asked)
    assert changes.backlog().held == left


def test_what_sqs_did_not_hide_is_asked_for_once_more_and_counted(bucket: "Bucket") -> None:
    queue = NotifiedQueue(bucket, notify=False)
    changes = queue.queue(visibility_s=1)
    messages = twelve(queue, changes)
    counted = failing(queue, "ChangeMessageVisibilityBatch", 3)
    assert (changes.hide(messages, 60), counted) == (1, [10, 2, 2])
    time.sleep(1.1)
    assert changes.backlog().waiting == 1


def test_a_drain_tells_of_messages_that_were_not_deleted_and_of_garbage_that_was_not_hidden(
    bucket: "Bucket", queue: NotifiedQueue, opened: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.write("docs/new.md", document("new"))
    failing(queue, "DeleteMessageBatch", 2)
    app = opened()
    watched = Watched(queue.queue(), app.corpus.watched()[0].sources)
    drained = app.corpus.changes.drain([watched], wait_s=0)
    assert (drained.report.added, drained.messages, drained.undeleted, drained.complete) == (1, 1, 1, True)
    monkeypatch.setattr(ChangeQueue, "_dead_letters", None)
    failing(queue, "ChangeMessageVisibilityBatch", 2)
    queue.send("ring ring")
    (problem,) = app.corpus.changes.drain([watched], wait_s=0).report.problems
    assert "it comes again soon, for SQS did not hide it" in problem


def test_a_message_is_kept_hidden_while_its_change_is_applied(bucket: "Bucket", queue: NotifiedQueue) -> None:
    changes = queue.queue(visibility_s=1)
    queue.send(notification(bucket.name, "docs/00.md"))
    messages = changes.receive()
    with changes.held(messages):
        time.sleep(2.2)
        assert changes.receive() == []
    time.sleep(1.1)
    assert len(changes.receive()) == len(messages) > 0


def test_a_queue_that_is_not_there_does_not_stop_the_others(
    bucket: "Bucket", queue: NotifiedQueue, opened: Callable[..., App]
) -> None:
    bucket.write("docs/new.md", document("new"))
    app = opened()
    drained = app.corpus.changes.drain([Watched(ChangeQueue(queue.url + "-gone"), []), *app.corpus.watched()], wait_s=0)
    assert (drained.report.added, drained.complete) == (1, False)
    assert "cannot use the queue" in drained.report.problems[0]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_any_order_with_duplicates_and_losses_and_then_a_sync_is_a_build_from_scratch(
    bucket: "Bucket", queue: NotifiedQueue, opened: Callable[..., App], seed: int
) -> None:
    rng = random.Random(seed)
    bucket.client.put_bucket_notification_configuration(Bucket=bucket.name, NotificationConfiguration={})
    keys = [f"docs/{number:02}.md" for number in range(20)]
    messages = []
    for number in range(40):
        key = rng.choice(keys)
        if rng.random() < 0.2:
            bucket.remove(key)
        else:
            bucket.write(key, document(f"version {number}", paragraphs=1))
        messages += [notification(bucket.name, key)] * rng.choice([0, 1, 1, 2])
        if rng.random() < 0.2:
            rng.shuffle(messages)
            for _ in range(min(len(messages), rng.randint(1, 5))):
                queue.send(messages.pop())
            drain(opened())
    for message in messages:
        queue.send(message)
    drain(opened())
    opened().corpus.sync(confirm_deletes=True)
    assert is_from_scratch(opened)
