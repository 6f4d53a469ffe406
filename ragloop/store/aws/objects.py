"""Objects of a bucket: how old they are by the clock of S3, and how they are removed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ragloop.errors import UnavailableError

_AT_ONCE = 1000
"""Keys in one request, the most that S3 takes."""


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
