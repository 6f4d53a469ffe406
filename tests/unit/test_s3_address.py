"""Addresses in S3: a bucket and a prefix."""

import pytest

from ragloop.errors import UsageError
from ragloop.store.aws.address import S3Address


@pytest.mark.parametrize(
    ("uri", "bucket", "prefix", "trimmed"),
    [
        ("s3://b", "b", "", ""),
        ("s3://b/", "b", "", ""),
        ("s3://b/docs", "b", "docs/", "docs/"),
        ("s3://b/docs/", "b", "docs/", "docs/"),
        ("s3://b/docs/old", "b", "docs/old/", "docs/old/"),
        ("s3://b//docs//", "b", "/docs//", "docs/"),
    ],
)
def test_a_prefix_ends_with_a_slash_as_a_folder_does(uri: str, bucket: str, prefix: str, trimmed: str) -> None:
    found = S3Address.parse(uri, "a test")
    assert (found.bucket, found.prefix, found.trimmed().prefix) == (bucket, prefix, trimmed)
    assert S3Address.parse(str(found), "a test") == found


@pytest.mark.parametrize("uri", ["", "b", "s3:", "s3://", "s3:///docs", "S3://b", "gs://b/docs", "/s3://b"])
def test_any_other_address_is_refused_with_what_it_was_given_for(uri: str) -> None:
    with pytest.raises(UsageError, match="for the store; expected s3://bucket"):
        S3Address.parse(uri, "the store")
