"""Leases that are objects in a bucket, written on condition.

A lease holds a fencing number, and changes with every renewal. Its age is measured by the clock of S3 alone:
the Date of its answer minus the lease's Last-Modified. Before each commit the holder renews its lease on the condition
that nobody else wrote it, so that a writer that was away for longer than LEASE_S finds out before it writes. One that
stands still between that check and its commit is refused by LanceDB: who takes over fences the tables (Tables.fence).
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ragloop.errors import StoreBusyError, UnavailableError
from ragloop.store.aws.address import S3Address
from ragloop.store.aws.errors import status
from ragloop.store.aws.objects import age_of, whole_object
from ragloop.store.aws.renewing import renewed
from ragloop.store.clock import Clock
from ragloop.store.places.holder import holder, name_of
from ragloop.store.places.place import Check

LEASE_S = 30.0
"""A lease that was not renewed for so long may be taken over: a killed writer keeps the next one waiting no longer."""


class BucketLeases:
    """The leases under a prefix."""

    expire = True

    def __init__(
        self,
        client: Any,
        address: S3Address,
        now: Clock,
        errors: Callable[[], AbstractContextManager[None]],
        *,
        lease_s: float,
        renew_s: float,
    ) -> None:
        self._client, self._address, self._now, self._errors = client, address, now, errors
        self._lease_s, self._renew_s = lease_s, renew_s

    @contextmanager
    def hold(self, what: str, wait_s: float, taken_over: Callable[[], None] = lambda: None) -> Iterator[Check]:
        """Hold the right to write `what`; the check renews it. Raises StoreBusyError, which names the holder.

        `taken_over` is called first where the holder before was silent for too long.
        """
        key = {"Bucket": self._address.bucket, "Key": f"{self._address.prefix}leases/{what}.json"}
        lease = _Lease(what, _LeaseObject(self._client, key, holder(self._now())), self._lease_s, self._errors)
        lease.take(wait_s)
        try:
            with renewed(lease.renew, self._renew_s):
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
    """A lease that this process asks for, holds, or has lost."""

    def __init__(
        self, what: str, written: "_LeaseObject", lease_s: float, errors: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._what, self._object, self._lease_s, self._errors = what, written, lease_s, errors
        self._lost = self.taken_over = False
        self._lock = threading.Lock()

    def take(self, wait_s: float) -> None:
        """Write the lease where there is none, or where its holder released it or was silent for too long."""
        end = time.monotonic() + wait_s
        with self._errors():
            while True:
                found = self._object.found()
                free = found is None or found.body.get("released") or found.age_s > self._lease_s
                if free and self._object.take(found):
                    self.taken_over = found is not None and not found.body.get("released")
                    return
                if found is not None and not free and time.monotonic() >= end:
                    by = name_of(json.dumps(found.body.get("holder")))
                    raise StoreBusyError(f"{self._what} is being written by {by}; try again when it has ended")
                time.sleep(0.2 if not free else 0)

    def renew(self) -> None:
        """Write the lease again. Raises StoreBusyError when another process took it over, and from then on."""
        with self._lock, self._errors():
            if self._lost or not self._object.write():
                self._lost = True
                raise StoreBusyError(
                    f"another process took over the lease to write {self._what}, since this one was silent for more "
                    f"than {self._lease_s:.0f} s; nothing was lost: run the same command again"
                )

    def release(self) -> None:
        """Let the next process have the lease; one that cannot be released now expires soon."""
        with self._lock:
            if not self._lost:
                self._lost = True
                with suppress(UnavailableError), self._errors():
                    self._object.write(released=True)


class _LeaseObject:
    """The object of a lease. Every write of it is conditional, and carries a nonce of this holder."""

    def __init__(self, client: Any, key: Mapping[str, str], by: str) -> None:
        self._client, self._key, self._by = client, key, json.loads(by)
        self._nonce = uuid.uuid4().hex
        self._fence, self._etag = 0, ""

    def found(self) -> _Found | None:
        """Read the lease as it stands."""
        from botocore.exceptions import ClientError

        try:
            answer, body = whole_object(self._client, self._key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        return _Found(answer["ETag"], _parsed(body), age_of(answer, answer))

    def take(self, found: _Found | None) -> bool:
        """Write the lease with the next fencing number, in place of what was found; return whether it was written."""
        self._fence = 1 + (int(found.body.get("fence", 0)) if found else 0)
        return self._put({"IfMatch": found.etag} if found else {"IfNoneMatch": "*"}, released=False)

    def write(self, *, released: bool = False) -> bool:
        """Write the lease if nobody else wrote it meanwhile; return whether it was written."""
        return self._put({"IfMatch": self._etag}, released=released)

    def _put(self, condition: Mapping[str, str], *, released: bool) -> bool:
        """Write on a condition.

        What refuses may be an earlier write of this holder, which was applied though an error came back: of this call,
        then it is written, or of one before, then it is written on top of that.
        """
        from botocore.exceptions import ClientError

        body = {"holder": self._by, "fence": self._fence, "nonce": self._nonce, "released": released}
        body["renewed"] = uuid.uuid4().hex  # so that the ETag, a hash of the bytes, changes
        try:
            answer = self._client.put_object(**self._key, Body=json.dumps(body).encode(), **condition)
        except ClientError as error:
            if status(error) not in (404, 409, 412):
                raise
            found = self.found()
            if found is None or found.body.get("nonce") != self._nonce:
                return False
            self._etag = found.etag
            return found.body["renewed"] == body["renewed"] or self.write(released=released)
        self._etag = answer["ETag"]
        return True


def _parsed(body: bytes) -> dict[str, Any]:
    """Parse a lease; one that something else wrote, or wrote in half, has no holder."""
    try:
        lease = json.loads(body)
    except ValueError:
        return {}
    return lease if isinstance(lease, dict) else {}
