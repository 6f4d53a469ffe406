"""Objects of a bucket: how they are read and removed, and how old they are by the clock of S3."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ragloop.errors import UnavailableError

BODY_ATTEMPTS = 3
"""Botocore tries a request again, but not a body that breaks off."""
_AT_ONCE = 1000
"""Keys in one request, the most that S3 takes."""


def broke_off(error: Exception) -> bool:
    """Return whether the body of an answer ended before its time."""
    from botocore import exceptions

    kinds = (exceptions.IncompleteReadError, exceptions.ResponseStreamingError, exceptions.ReadTimeoutError)
    return isinstance(error, kinds)


def whole_object(client: Any, asked: Mapping[str, str]) -> tuple[Mapping[str, Any], bytes]:
    """Return the answer to a request for a small object, and its body; a body that breaks off is asked for again."""
    from botocore.exceptions import BotoCoreError

    for attempt in range(1, BODY_ATTEMPTS + 1):
        answer = client.get_object(**asked)
        try:
            return answer, answer["Body"].read()
        except BotoCoreError as error:
            if attempt == BODY_ATTEMPTS or not broke_off(error):
                raise
    raise AssertionError("the last attempt returns or raises")


def parts_of(client: Any, asked: Mapping[str, str], part_bytes: int) -> Iterator[bytes]:
    """Yield an object in parts; where its body breaks off, the rest is asked for, of the same version."""
    from botocore.exceptions import BotoCoreError

    answer, done, attempts = client.get_object(**asked), 0, 1
    while True:
        try:
            for part in answer["Body"].iter_chunks(part_bytes):
                done, attempts = done + len(part), 1
                yield part
            return
        except BotoCoreError as error:
            if attempts == BODY_ATTEMPTS or not broke_off(error):
                raise
            answer = client.get_object(**asked, IfMatch=answer["ETag"], Range=f"bytes={done}-")
            if "ContentRange" not in answer:  # a server that knows no ranges began anew
                raise
            attempts += 1


def age_of(found: Mapping[str, Any], answer: Mapping[str, Any]) -> float:
    """Return the seconds from the last change of an object to the answer that speaks of it."""
    now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    changed: datetime = found["LastModified"]
    return (now - changed).total_seconds()


def remove_objects(client: Any, bucket: str, keys: Sequence[str]) -> None:
    """Remove objects. Raises UnavailableError, which names an object that S3 did not remove."""
    for first in range(0, len(keys), _AT_ONCE):
        asked = [{"Key": key} for key in keys[first : first + _AT_ONCE]]
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": asked, "Quiet": True})
        for refused in answer.get("Errors", ()):
            raise UnavailableError(f"cannot remove s3://{bucket}/{refused['Key']}: {refused.get('Message')}")
