"""Clients by the AWS settings."""

from typing import Any

from ragloop.errors import ConfigError
from ragloop.store.aws.errors import one_line

CONNECTIONS = 8
"""Requests under way at once."""
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60


def new_client(what: str, service: str = "s3", *, read_timeout_s: float = READ_TIMEOUT_S) -> Any:
    """Make a client by the usual AWS means: environment, profile, role; AWS_ENDPOINT_URL_S3 names another endpoint.

    Raises ConfigError, which names `what` it is for.
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
            f"cannot make a client of {service.upper()} ({what}): {one_line(error)}; correct the AWS settings"
        ) from error
