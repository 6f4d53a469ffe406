"""Addresses in S3."""

from dataclasses import dataclass

from ragloop.errors import UsageError


@dataclass(frozen=True)
class S3Address:
    """A prefix of a bucket. It is empty or ends with a slash: s3://bucket/ab is no part of s3://bucket/a."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, uri: str, what: str) -> "S3Address":
        """Parse s3://bucket or s3://bucket/prefix. Raises UsageError, which says for `what` the address was given."""
        scheme, _, rest = uri.partition("://")
        bucket, _, prefix = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise UsageError(f"found {uri} for {what}; expected s3://bucket or s3://bucket/prefix")
        return cls(bucket, prefix if prefix.endswith("/") else f"{prefix}/" if prefix else "")

    def trimmed(self) -> "S3Address":
        """Return the address with one slash at the end of its prefix and none before it."""
        prefix = self.prefix.strip("/")
        return S3Address(self.bucket, f"{prefix}/" if prefix else "")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"
