"""A store in a bucket: its objects. The bucket must honour conditional writes, as S3 does."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import lancedb

from ragloop.store.aws.address import S3Address
from ragloop.store.aws.client import new_client
from ragloop.store.aws.errors import bucket_errors
from ragloop.store.aws.objects import age_of, remove_objects
from ragloop.store.clock import Clock, utc_now
from ragloop.store.failures import explained
from ragloop.store.files import RESTORING, BucketFiles
from ragloop.store.names import table_file
from ragloop.store.places.bucket_leases import LEASE_S, BucketLeases
from ragloop.store.places.place import Leases

ANSWER_S = LEASE_S / 3
"""An answer of S3 is waited for so long: a renewal that hangs is given up in time for another try."""
_OWN_CREDENTIALS = ("env", "shared-credentials-file", "config-file", "explicit")
"""Where boto3 found keys that do not expire; those of a role are left to LanceDB to find and to renew."""


class BucketPlace:
    """The database under a prefix of a bucket, and beside it the leases and what was set aside."""

    def __init__(
        self,
        uri: str,
        now: Clock = utc_now,
        *,
        client: Any = None,
        lease_s: float = LEASE_S,
        renew_s: float | None = None,
    ) -> None:
        """`uri` is s3://bucket or s3://bucket/prefix; `client` a boto3 client, by default one by the AWS settings.

        A lease lasts `lease_s`; it is renewed every `renew_s`, by default three times while it lasts.
        """
        self._address = S3Address.parse(uri, "the store").trimmed()
        self._client = client or new_client(f"store {self}", read_timeout_s=ANSWER_S)
        objects = _Objects(self._client, self._address, self.errors)
        self.database = BucketFiles(f"{self}store", self._client)
        self.tables = BucketTables(objects)
        self.aside = BucketAside(objects)
        every_s = lease_s / 3 if renew_s is None else renew_s
        self.leases: Leases = BucketLeases(
            self._client, self._address, now, self.errors, lease_s=lease_s, renew_s=every_s
        )

    def __str__(self) -> str:
        return str(self._address)

    def connect(self, *, follows: bool = True) -> lancedb.DBConnection:
        """Connect to the database; a table of a connection that does not follow stays as it was when it was opened."""
        with self.errors():
            return lancedb.connect(
                f"{self}store",
                storage_options=self._options(),
                read_consistency_interval=timedelta(0) if follows else None,
            )

    def _options(self) -> dict[str, str]:
        endpoint, region = self._client.meta.endpoint_url, self._client.meta.region_name
        options = {"aws_endpoint": endpoint, "aws_region": region, "allow_http": "true"}
        if ".amazonaws.com" in endpoint:
            options = {"aws_region": region}
        signer = self._client._request_signer._credentials  # the client shows its keys nowhere else
        if signer is not None and signer.method in _OWN_CREDENTIALS:
            keys = signer.get_frozen_credentials()
            options |= {"aws_access_key_id": keys.access_key, "aws_secret_access_key": keys.secret_key}
            options |= {"aws_session_token": keys.token} if keys.token else {}
        return options

    def exists(self) -> bool:
        """Return whether there is a database."""
        return self.tables.has("migrations")

    def restoring(self) -> str:
        """Return the note of a restore that has not ended, or an empty string.

        Raises NotFoundError when the bucket is not there.
        """
        with self.errors():
            if RESTORING not in self.database.list(RESTORING):
                return ""
            return b"".join(self.database.read(RESTORING)).decode()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise what an error of the database, or of S3, means here."""
        with bucket_errors(self._address.bucket, f"the store {self}"), explained(str(self), self._open):
            yield

    def _open(self, name: str) -> None:
        """Begin to read the objects of the database whose names begin so."""
        for found in self.database.list(name):
            for _ in self.database.read(found):
                break


class _Objects:
    """The objects of a place, whatever their names are."""

    def __init__(self, client: Any, address: S3Address, errors: Callable[[], AbstractContextManager[None]]) -> None:
        self._client, self._bucket, self._top, self.errors = client, address.bucket, address.prefix, errors

    def pages(self, below: str, **how: str) -> Iterator[dict[str, Any]]:
        """Yield what S3 answers to a listing of a part of the place."""
        asked = {"Bucket": self._bucket, "Prefix": self._top + below, **how}
        yield from self._client.get_paginator("list_objects_v2").paginate(**asked)

    def any(self, below: str) -> bool:
        """Return whether there is an object in a part of the place."""
        answer = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._top + below, MaxKeys=1)
        return bool(answer.get("KeyCount"))

    def remove(self, below: str) -> None:
        """Remove the objects of a part of the place."""
        for page in self.pages(below):
            remove_objects(self._client, self._bucket, [one["Key"] for one in page.get("Contents", ())])

    def move(self, below: str, target: str) -> None:
        """Move the objects of a part of the place to another part."""
        for page in self.pages(below):
            for one in page.get("Contents", ()):
                key = self._top + target + one["Key"].removeprefix(self._top + below)
                self._client.copy({"Bucket": self._bucket, "Key": one["Key"]}, self._bucket, key)
        self.remove(below)

    def ages(self, below: str) -> dict[str, float]:
        """Return the seconds since each object of a part of the place was written, by its name in that part."""
        return {
            one["Key"].removeprefix(self._top + below): age_of(one, page)
            for page in self.pages(below)
            for one in page.get("Contents", ())
        }


class BucketTables:
    """The tables of a database as prefixes in a bucket."""

    def __init__(self, objects: _Objects) -> None:
        self._objects = objects

    def names(self, prefix: str) -> list[str]:
        """List the tables whose names begin so, those included whose creation was killed."""
        with self._objects.errors():
            found = [
                one["Prefix"]
                for page in self._objects.pages(f"store/{prefix}", Delimiter="/")
                for one in page.get("CommonPrefixes", ())
            ]
        return sorted(one.rstrip("/").rpartition("/")[2].removesuffix(".lance") for one in found)

    def has(self, table: str) -> bool:
        """Return whether the table has a version."""
        with self._objects.errors():
            return self._objects.any(f"{_table(table)}_versions/")

    def remove(self, table: str) -> None:
        """Remove the objects of a table, whether they can be read or not."""
        with self._objects.errors():
            self._objects.remove(_table(table))

    def flush(self, table: str, since: float) -> None:
        """Do nothing: S3 answers when an object is durable."""


class BucketAside:
    """The tables that were moved out of a database."""

    def __init__(self, objects: _Objects) -> None:
        self._objects = objects

    def take(self, table: str) -> None:
        """Move the objects of a table here, whether they can be read or not."""
        with self._objects.errors():
            self._objects.move(_table(table), f"aside/{table}-{uuid.uuid4().hex[:8]}/")

    def ages(self) -> dict[str, float]:
        """Return the seconds since each table was set aside, by the name that it has here."""
        with self._objects.errors():
            found = self._objects.ages("aside/")
        youngest: dict[str, float] = {}
        for file, age in found.items():
            name = file.partition("/")[0]
            youngest[name] = min(age, youngest.get(name, age))
        return youngest

    def remove(self, name: str) -> None:
        """Remove what has this name here."""
        with self._objects.errors():
            self._objects.remove(f"aside/{name}/")


def _table(name: str) -> str:
    return f"store/{table_file(name, 'the bucket of the store')}/"
