"""What a message of a bucket's queue says: which objects may have changed. Pure.

A message is a hint and nothing more: S3 delivers it once or more, in any order, and says nothing of what follows
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html). So neither the kind of the
event nor its time is taken from it; the object itself is looked at.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus


@dataclass(frozen=True)
class ObjectChange:
    """An object that was written or deleted, under its whole key."""

    bucket: str
    key: str


class MessageError(ValueError):
    """A message that is none of S3's; it goes to the dead-letter queue with this reason."""


def changed_objects(body: str) -> list[ObjectChange]:
    """Return the objects that a message names; none for the event that S3 sends to try a queue.

    Taken are notifications of S3, the same through SNS, and events of EventBridge. Raises MessageError.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"is not JSON: {error}") from error
    if isinstance(message, dict) and message.get("Type") == "Notification":
        return changed_objects(str(message.get("Message")))
    if isinstance(message, dict) and message.get("Event") == "s3:TestEvent":
        return []
    try:
        return list(dict.fromkeys(_objects(message)))
    except (AttributeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise MessageError(f"is not an S3 notification: {type(error).__name__} {error}") from error


def _objects(message: Mapping[str, Any]) -> Iterator[ObjectChange]:
    if message.get("source") == "aws.s3":
        detail = message["detail"]
        # EventBridge leaves the key as it is; a notification encodes it as a form does.
        yield _change(detail["bucket"]["name"], detail["object"]["key"])
        return
    for record in message["Records"]:
        s3 = record["s3"]
        yield _change(s3["bucket"]["name"], unquote_plus(s3["object"]["key"], errors="strict"))


def _change(bucket: str, key: str) -> ObjectChange:
    if not (isinstance(bucket, str) and isinstance(key, str) and bucket and key):
        raise MessageError("names no object")
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise MessageError(f"names an object by a key that is no UTF-8: {error.reason}") from error
    return ObjectChange(bucket, key)
