"""What errors of AWS mean: which may pass, and what they say."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from ragloop.errors import NotFoundError, RagloopError, UnavailableError

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

_LATER = (
    "ExpiredToken",
    "ExpiredTokenException",
    "OperationAborted",
    "PreconditionFailed",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeTooSkewed",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TokenRefreshRequired",
)
"""Error codes that another try may not meet."""


@contextmanager
def aws_errors(
    refused: Callable[["ClientError"], RagloopError], unanswered: Callable[["BotoCoreError"], RagloopError]
) -> Iterator[None]:
    """Raise what a failed request of the block means: `refused` for an answer, `unanswered` where none came."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise refused(error) from error
    except BotoCoreError as error:
        raise unanswered(error) from error


def bucket_errors(bucket: str, what: str) -> AbstractContextManager[None]:
    """Raise what a failed request about `what`, which ragloop keeps in a bucket, means.

    NotFoundError where the bucket or the object is not there, else UnavailableError: what may not be read is not gone.
    """
    return aws_errors(partial(_refused, bucket, what), partial(_unanswered, what))


def _refused(bucket: str, what: str, error: "ClientError") -> RagloopError:
    if is_transient(error):
        return UnavailableError(f"S3 cannot serve {what} now: {said(error)}; try again")
    if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
        return NotFoundError(f"found no such object in {what}: {said(error)}")
    if status(error) == 404:
        return NotFoundError(f"found no bucket {bucket} for {what}; make it, or correct the address")
    # Keys expire and rights are granted again: a backup would be called damaged for a key that has expired.
    return UnavailableError(f"cannot use {what}: {said(error)}; expected credentials that may read and write there")


def _unanswered(what: str, error: "BotoCoreError") -> RagloopError:
    return UnavailableError(f"no answer from S3 for {what}: {one_line(error)}; try again")


def status(error: "ClientError") -> int:
    """Return the HTTP status of an answer."""
    code: int = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code


def is_transient(error: "ClientError") -> bool:
    """Return whether another try may not meet the error."""
    return status(error) >= 500 or status(error) == 429 or error.response["Error"]["Code"] in _LATER


def said(error: "ClientError") -> str:
    """Return code and message of an answer, on one line."""
    answer = error.response["Error"]
    return " ".join(f"{answer.get('Code', status(error))} {answer.get('Message', '')}".split())


def one_line(error: Exception) -> str:
    """Return the message of an error on one line."""
    return " ".join(str(error).split()).rstrip(".")
