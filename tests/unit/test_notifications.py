"""What messages of a bucket's queue are read as."""

import json

import pytest

from ragloop.corpus.changes.notifications import MessageError, ObjectChange, changed_objects
from tests.support.notified_queue import notification


def test_a_notification_names_its_objects_each_once_with_their_keys_decoded() -> None:
    body = notification("b", "a+b.md", "%C3%A9t%C3%A9/%25.md", "a+b.md", event="ObjectRemoved:DeleteMarkerCreated")
    assert changed_objects(body) == [ObjectChange("b", "a b.md"), ObjectChange("b", "été/%.md")]


def test_an_event_of_eventbridge_names_its_object_as_it_is() -> None:
    detail = {"bucket": {"name": "b"}, "object": {"key": "a+b%20.md", "size": 3}}
    event = {"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    assert changed_objects(json.dumps(event)) == [ObjectChange("b", "a+b%20.md")]


def test_a_notification_through_sns_is_unwrapped() -> None:
    body = json.dumps({"Type": "Notification", "Message": notification("b", "a.md")})
    assert changed_objects(body) == [ObjectChange("b", "a.md")]


def test_the_s3_test_event_names_no_objects() -> None:
    assert changed_objects(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"})) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "is not JSON"),
        ("ring", "is not JSON"),
        ("[" * 200_000, "is not JSON"),
        ("[]", "is not an S3 notification"),
        ("{}", "is not an S3 notification"),
        ('{"Records": [{"s3": {}}]}', "is not an S3 notification"),
        ('{"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": ""}}}]}', "names no object"),
        ('{"Records": [{"s3": {"bucket": {"name": 3}, "object": {"key": "a.md"}}}]}', "names no object"),
        ('{"Type": "Notification"}', "is no"),
        ('{"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": "\\ud800.md"}}}]}', "no UTF-8"),
        ('{"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": "%ff.md"}}}]}', "is no"),
    ],
)
def test_garbage_is_refused_with_a_reason(body: str, reason: str) -> None:
    with pytest.raises(MessageError, match=reason):
        changed_objects(body)
