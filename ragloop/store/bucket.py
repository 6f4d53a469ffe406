"""A store in a bucket: its objects, and leases that are objects written on condition.

A lease holds a fencing number, and changes with every renewal. Whether it is old is told by the clock of S3 alone:
the Date of its answer minus the lease's Last-Modified. Before each commit the holder renews its lease on the condition
that nobody else wrote it, so that a writer that was away for longer than LEASE_S finds out before it writes. One that
stands still between that check and its commit is refused by LanceDB: who takes over fences the tables (Store.lease).
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import lancedb

from ragloop.errors import ConfigError, NotFoundError, RagloopError, StoreBusyError, UnavailableError
from ragloop.store.failures import explained
from ragloop.store.files import RESTORING, BucketFiles
from ragloop.store.holder import holder, name_of
from ragloop.store.names import table_file
from ragloop.store.s3_client import is_transient, new_client, one_line, said, status

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

LEASE_S = 30.0
"""A lease that was not renewed for so long may be taken over: a killed writer keeps the next one waiting no longer."""
ANSWER_S = LEASE_S / 3
"""An answer of S3 is waited for so long: a renewal that hangs is given up in time for another try."""
_OWN_CREDENTIALS = ("env", "shared-credentials-file", "config-file")
"""Where boto3 found keys that do not expire; those of a role are left to LanceDB to find and to renew."""


class BucketPlace:
    """The database under a prefix and the leases beside it. The bucket must honour conditional writes, as S3 does."""

    leases_expire = True

    def __init__(self, uri: str, *, client: Any = None, lease_s: float = LEASE_S) -> None:
        """`uri` is s3://bucket or s3://bucket/prefix; `client` a boto3 client, by default one by the AWS settings."""
        self._bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not self._bucket:
            raise ConfigError(f"the store is {uri}; expected s3://bucket or s3://bucket/prefix")
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self._given_client, self._lease_s = client, lease_s

    @property
    def renewing_every(self) -> float:
        """Seconds between renewals while nothing is committed."""
        return self._lease_s / 3

    def __str__(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}"

    @cached_property
    def _client(self) -> Any:
        return self._given_client or new_client(f"store {self}", read_timeout_s=ANSWER_S)

    def connect(self, *, follows: bool = True) -> lancedb.DBConnection:
        """The database; a table of a connection that does not follow stays as it was when it was opened."""
        with self.errors():
            return lancedb.connect(
                f"s3://{self._bucket}/{self._prefix}store",
                storage_options=self._options(),
                read_consistency_interval=timedelta(0) if follows else None,
            )

    def _options(self) -> dict[str, str]:
        endpoint, region = self._client.meta.endpoint_url, self._client.meta.region_name
        options = {"aws_endpoint": endpoint, "aws_region": region, "allow_http": "true"}
        if ".amazonaws.com" in endpoint:
            options = {"aws_region": region}
        signer = self._client._request_signer._credentials  # the client does not tell its keys elsewhere
        if signer is not None and signer.method in (*_OWN_CREDENTIALS, "explicit"):
            keys = signer.get_frozen_credentials()
            options |= {"aws_access_key_id": keys.access_key, "aws_secret_access_key": keys.secret_key}
            options |= {"aws_session_token": keys.token} if keys.token else {}
        return options

    def exists(self) -> bool:
        return self.has("migrations")

    @cached_property
    def database(self) -> BucketFiles:
        """The files of the database."""
        return BucketFiles(f"{self}store", self._client)

    def restoring(self) -> str:
        """What a restore that has not ended has noted, or an empty string. Raises NotFoundError without a bucket."""
        with self.errors():
            key = f"{self._prefix}store/{RESTORING}"
            if not self._client.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1).get("KeyCount"):
                return ""
            noted: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return noted.decode()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Says what an error of the database, or of S3, means here."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            with explained(str(self), self._open):
                yield
        except ClientError as error:
            raise self._refused(error) from error
        except BotoCoreError as error:
            raise UnavailableError(f"no answer from S3 for the store {self}: {one_line(error)}; try again") from error

    def _open(self, name: str) -> None:
        """Begin to read the objects of the database whose names begin so."""
        for found in self.database.list(name):
            for _ in self.database.read(found):
                break

    def _refused(self, error: "ClientError") -> RagloopError:
        if is_transient(error):
            return UnavailableError(f"S3 cannot serve the store {self} now: {said(error)}; try again")
        if status(error) == 404:
            return NotFoundError(f"found no bucket {self._bucket} for the store {self}; make it, or correct `store`")
        # Keys expire and rights are mended: what is refused now is not lost.
        return UnavailableError(
            f"cannot use the store {self}: {said(error)}; expected credentials that may read and write there"
        )

    def ages(self, table: str) -> list[float]:
        """Seconds since each version of a table was written, by the clock of S3."""
        ages: list[float] = []
        for page in self._pages(f"{self._table(table)}_versions/"):
            now = _date(page)
            ages += [(now - one["LastModified"]).total_seconds() for one in page.get("Contents", ())]
        return ages

    def has(self, table: str) -> bool:
        """Whether the table has a version."""
        with self.errors():
            prefix = f"{self._table(table)}_versions/"
            return bool(self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, MaxKeys=1).get("KeyCount"))

    def tables(self, prefix: str) -> list[str]:
        """Names of the tables that begin so, those included whose creation was killed."""
        found = [
            one["Prefix"]
            for page in self._pages(f"{self._prefix}store/{prefix}", Delimiter="/")
            for one in page.get("CommonPrefixes", ())
        ]
        return sorted(one.rstrip("/").rpartition("/")[2].removesuffix(".lance") for one in found)

    def files(self, table: str) -> dict[str, float]:
        """Seconds since each object of a table was written, by its key under that of the table."""
        found, top = {}, self._table(table)
        with self.errors():
            for page in self._pages(top):
                now = _date(page)
                for one in page.get("Contents", ()):
                    found[one["Key"].removeprefix(top)] = (now - one["LastModified"]).total_seconds()
        return found

    def read(self, table: str, file: str) -> bytes:
        """The bytes of an object of a table."""
        with self.errors():
            data: bytes = self._client.get_object(Bucket=self._bucket, Key=self._table(table) + file)["Body"].read()
        return data

    def remove(self, table: str) -> None:
        """Remove the objects of a table, whether they can be read or not."""
        self._remove(self._table(table))

    def _remove(self, prefix: str) -> None:
        with self.errors():
            for page in self._pages(prefix):
                keys = [{"Key": one["Key"]} for one in page.get("Contents", ())]
                if keys:
                    self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})

    def set_aside(self, table: str) -> None:
        """Move the objects of a table beside the database, whether they can be read or not."""
        top, aside = self._table(table), f"{self._prefix}aside/{table}-{uuid.uuid4().hex[:8]}/"
        with self.errors():
            for page in self._pages(top):
                for one in page.get("Contents", ()):
                    source = {"Bucket": self._bucket, "Key": one["Key"]}
                    self._client.copy(source, self._bucket, aside + one["Key"].removeprefix(top))
            self.remove(table)

    def aside(self) -> dict[str, float]:
        """Seconds since tables were set aside, by the names that they got there."""
        ages: dict[str, float] = {}
        with self.errors():
            for page in self._pages(f"{self._prefix}aside/"):
                now = _date(page)
                for one in page.get("Contents", ()):
                    name = one["Key"].removeprefix(f"{self._prefix}aside/").partition("/")[0]
                    age = (now - one["LastModified"]).total_seconds()
                    ages[name] = min(age, ages.get(name, age))
        return ages

    def remove_aside(self, name: str) -> None:
        """Remove a table that was set aside under this name."""
        self._remove(f"{self._prefix}aside/{name}/")

    def flush(self, table: str, since: float) -> None:
        """Nothing to do: S3 answers when an object is durable."""

    def _table(self, name: str) -> str:
        return f"{self._prefix}store/{table_file(name, self)}/"

    def _pages(self, prefix: str, **how: str) -> Iterator[dict[str, Any]]:
        with self.errors():
            yield from self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix, **how)

    @contextmanager
    def lease(
        self, what: str, wait_s: float, taken_over: Callable[[], None] = lambda: None
    ) -> Iterator[Callable[[], None]]:
        """Hold the right to write `what`; yields a check that renews it, and raises StoreBusyError when it was lost.

        `taken_over` is called first where the holder before was silent for too long. Raises StoreBusyError, which names
        the holder.
        """
        lease = _Lease(self, what, f"{self._prefix}leases/{what}.json", self._lease_s)
        lease.take(wait_s)
        try:
            with _renewing(lease, self.renewing_every):
                if lease.taken_over:
                    taken_over()
                yield lease.renew
        finally:
            lease.release()


@dataclass(frozen=True)
class _Found:
    """A lease as it stands in the bucket; `age_s` is by the clock of S3."""

    etag: str
    body: dict[str, Any]
    age_s: float


class _Lease:
    """One lease object. Every write of it is conditional, and carries a nonce of this holder."""

    def __init__(self, place: BucketPlace, what: str, key: str, lease_s: float) -> None:
        self._place, self._what, self._lease_s = place, what, lease_s
        self._client, self._address = place._client, {"Bucket": place._bucket, "Key": key}
        self._nonce = uuid.uuid4().hex
        self._fence, self._etag, self._lost = 0, "", False
        self.taken_over = False
        self._lock = threading.Lock()

    def take(self, wait_s: float) -> None:
        """Write the lease where there is none, or where its holder let go of it or was silent for too long."""
        end = time.monotonic() + wait_s
        with self._place.errors():
            while True:
                found = self._found()
                free = found is None or found.body.get("released") or found.age_s > self._lease_s
                if free and self._written(found):
                    self.taken_over = found is not None and not found.body.get("released")
                    return
                if found is not None and not free and time.monotonic() >= end:
                    by = name_of(json.dumps(found.body.get("holder")))
                    raise StoreBusyError(f"{self._what} is being written by {by}; try again when it has ended")
                time.sleep(0.2 if not free else 0)

    def renew(self) -> None:
        """Write the lease again if it is still ours. Raises StoreBusyError when it is not, for ever after."""
        with self._lock, self._place.errors():
            if self._lost or not self._put(IfMatch=self._etag):
                self._lost = True
                raise StoreBusyError(
                    f"another process took over the lease to write {self._what}, since this one was silent for more "
                    f"than {self._lease_s:.0f} s; nothing was lost: run the same command again"
                )

    def release(self) -> None:
        """Let the next one have it; a lease that cannot be released now is old soon."""
        with self._lock:
            if not self._lost:
                self._lost = True
                try:
                    with self._place.errors():
                        self._put(released=True, IfMatch=self._etag)
                except UnavailableError:
                    return

    def _written(self, found: _Found | None) -> bool:
        self._fence = 1 + (int(found.body.get("fence", 0)) if found else 0)
        return self._put(IfMatch=found.etag) if found else self._put(IfNoneMatch="*")

    def _put(self, *, released: bool = False, **condition: str) -> bool:
        """Whether the lease was written.

        What refuses may be an earlier write of this holder, which was applied though an error came back: of this call,
        then it is written, or of one before, then it is written on top of that.
        """
        from botocore.exceptions import ClientError

        body = {"holder": json.loads(holder()), "fence": self._fence, "nonce": self._nonce, "released": released}
        body["renewed"] = uuid.uuid4().hex  # so that the ETag, which is that of the bytes, tells renewals apart
        try:
            answer = self._client.put_object(**self._address, Body=json.dumps(body).encode(), **condition)
        except ClientError as error:
            if status(error) not in (404, 409, 412):
                raise
            found = self._found()
            if found is None or found.body.get("nonce") != self._nonce:
                return False
            self._etag = found.etag
            return found.body["renewed"] == body["renewed"] or self._put(released=released, IfMatch=found.etag)
        self._etag = answer["ETag"]
        return True

    def _found(self) -> _Found | None:
        from botocore.exceptions import ClientError

        try:
            answer = self._client.get_object(**self._address)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        age = (_date(answer) - answer["LastModified"]).total_seconds()
        return _Found(answer["ETag"], _parsed(answer["Body"].read()), age)


@contextmanager
def _renewing(lease: _Lease, every_s: float) -> Iterator[None]:
    """Renew in a thread while the block runs: encoding a batch may take longer than a lease lasts."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(every_s):
            try:
                lease.renew()
            except StoreBusyError:
                return  # the check before the next commit says so
            except RagloopError:
                continue  # a later renewal may succeed in time

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _parsed(body: bytes) -> dict[str, Any]:
    """A lease that something else wrote, or wrote in half, has no holder."""
    try:
        lease = json.loads(body)
    except ValueError:
        return {}
    return lease if isinstance(lease, dict) else {}


def _date(answer: dict[str, Any]) -> Any:
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
