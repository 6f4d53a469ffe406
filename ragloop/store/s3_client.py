"""How AWS is asked, and what its errors mean: clients by the AWS settings, for sources, queues and the store."""

from typing import TYPE_CHECKING, Any

from ragloop.errors import ConfigError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

CONNECTIONS = 8
"""Requests under way at once."""
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
_LATER = (
    "ExpiredToken",
    "ExpiredTokenException",
    "OperationAborted",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeTooSkewed",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TokenRefreshRequired",
)
"""Error codes that another try may not meet."""


def new_client(asking: str, service: str = "s3", *, read_timeout_s: float = READ_TIMEOUT_S) -> Any:
    """A client by the usual AWS means: environment, profile, role; AWS_ENDPOINT_URL_S3 names another endpoint.

    `asking` is told in errors. Raises ConfigError.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        retries={"mode": "standard"},
        max_pool_connections=CONNECTIONS,
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=read_timeout_s,
    )
    try:
        return boto3.session.Session().client(service, config=config)
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(
            f"cannot make a client of {service.upper()} ({asking}): {one_line(error)}; correct the AWS settings"
        ) from error


def status(error: "ClientError") -> int:
    """The HTTP status of an answer."""
    code: int = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code


def is_transient(error: "ClientError") -> bool:
    """Whether another try may not meet the error."""
    return status(error) >= 500 or status(error) == 429 or error.response["Error"]["Code"] in _LATER


def said(error: "ClientError") -> str:
    """Code and message of S3's answer, on one line."""
    said = error.response["Error"]
    return " ".join(f"{said.get('Code', status(error))} {said.get('Message', '')}".split())


def one_line(error: Exception) -> str:
    """The message of an error on one line."""
    return " ".join(str(error).split()).rstrip(".")
