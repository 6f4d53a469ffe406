"""A bucket as a source: list the objects under a prefix, read one object.

A stamp is the ETag and the size, whether or not the bucket keeps versions: S3 changes the ETag with the bytes, also
within one second, and leaves it when equal bytes are written again. The VersionId would say no more of the bytes, and
only a listing of all versions ever kept has it. Some servers that speak S3's protocol have no ETag, or the same one for
every object; there a stamp is the time and the size, and the time is of whole seconds.
"""

import zlib
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ragloop.config.settings import EXCLUDED
from ragloop.corpus.sources.listing import Listed, Listing, Passed
from ragloop.corpus.sources.patterns import Patterns
from ragloop.corpus.sources.s3_listing import ParallelListing, parse_quickly
from ragloop.corpus.sources.source import Read, Way
from ragloop.errors import DocumentError, NotFoundError, RagloopError, UnavailableError
from ragloop.store.aws.address import S3Address
from ragloop.store.aws.client import CONNECTIONS, new_client
from ragloop.store.aws.errors import aws_errors, is_transient, one_line, said, status
from ragloop.store.aws.objects import BODY_ATTEMPTS, broke_off

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

THREADS = CONNECTIONS
"""For listing as for reading: parsing the answers keeps one core busy from there on."""
SETTLES_US = 2_000_000
"""How long a time of whole seconds must have been known; see Source.settles_us."""
_BY_TIME = "@"
"""Begins a stamp that is made of a time."""
_CREDENTIALS = ("InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch")
"""Error codes that speak of who asks, never of what is asked for."""


class S3Bucket:
    """The objects of a bucket under a prefix, which ends with "/" as a folder does; listed in any order.

    A key is what follows the prefix, as it stands: "a//b.md" and "a/b.md" are two documents. An object whose key ends
    with "/" marks a folder and is left out.
    """

    readers = THREADS

    def __init__(
        self,
        name: str,
        uri: str,
        include: Sequence[str] = (),
        exclude: Sequence[str] = EXCLUDED,
        labels: Sequence[str] = (),
        *,
        leave_out: Sequence[str] = (),
        left_to: Sequence[Patterns] = (),
        client: Any = None,
    ) -> None:
        """`uri` is s3://bucket or s3://bucket/prefix; `client` a boto3 client, by default one by the AWS settings.

        `leave_out` are addresses inside it that no pattern can take.
        """
        self.name, self.uri = name, uri
        self.labels = tuple(labels)
        self._address = S3Address.parse(uri, f"source {name}")
        self._bucket, self._prefix = self._address.bucket, self._address.prefix
        others = [S3Address.parse(one, f"a part of source {name}") for one in leave_out]
        inside = [one for one in others if one != self._address and str(one).startswith(str(self._address))]
        self._leave_out = tuple(one.prefix for one in inside)
        self._patterns = Patterns(include, exclude, left_to)
        self._given_client = client

    def __getstate__(self) -> dict[str, Any]:
        return {**{name: value for name, value in vars(self).items() if name != "_client"}, "_given_client": None}

    @cached_property
    def _client(self) -> Any:
        client = self._given_client or new_client(f"source {self.name}")
        parse_quickly(client)
        return client

    @property
    def way(self) -> Way:
        """The address as it is named, and the place that it is."""
        return Way(self.uri, str(self._address))

    def list(self) -> Listing:
        """List every object that the patterns take. Raises NotFoundError when the bucket cannot be listed."""
        return Listing(self.name, self._documents())

    @property
    def may_be_empty(self) -> bool:
        """An empty bucket is one that waits for its documents; a prefix is only there with an object under it."""
        return not (self._prefix or self._patterns.include)

    def empty(self) -> str:
        """Name the prefix, or the object that was taken for one."""
        from botocore.exceptions import ClientError

        named = self._prefix.removesuffix("/")
        with self._listing_errors():
            try:
                self._client.head_object(Bucket=self._bucket, Key=named or "/")
            except ClientError as error:
                if is_transient(error):
                    raise
                return f"no document under {self._address}; correct its uri or its patterns"
        folder, _, name = named.rpartition("/")
        above = f"s3://{self._bucket}/{folder}".rstrip("/")
        return (
            f"s3://{self._bucket}/{named} is an object, expected a prefix: set its uri to {above} and "
            f'include = ["/{name}"]'
        )

    def _documents(self) -> Iterator[Listed | Passed]:
        # A directory bucket lists in no order, so that its keys cannot be parted into ranges.
        threads = 1 if self._bucket.endswith("--x-s3") else THREADS
        with self._listing_errors(), closing(self._objects(threads)) as objects:
            for found in objects:
                key = self.key_of(self._bucket, found["Key"])
                if key is None:
                    yield from self._passed(found["Key"])
                else:
                    uri = f"s3://{self._bucket}/{found['Key']}"
                    stamp = _stamp(found.get("ETag"), found["Size"], found["LastModified"])
                    yield Listed(key, uri, stamp, found["Size"], found["LastModified"], found["Key"])

    def _passed(self, key: str) -> Iterator[Passed]:
        """Tell of an object that the patterns do not take, unless it marks a folder or is another source's."""
        relative = key.removeprefix(self._prefix)
        if not key.endswith("/") and not key.startswith(self._leave_out) and (why := self._patterns.why_not(relative)):
            yield Passed(relative, why)

    def _objects(self, threads: int) -> Generator[dict[str, Any], None, None]:
        yield from ParallelListing(self._client, self._bucket, self._prefix, threads)

    def key_of(self, bucket: str, key: str) -> str | None:
        """Return the key of a document in this source; None for an object that is none of its documents."""
        if bucket != self._bucket or not key.startswith(self._prefix) or key.endswith("/"):
            return None
        if key.startswith(self._leave_out):
            return None
        relative = key.removeprefix(self._prefix)
        return relative if self._patterns.reaches(relative) else None

    def look(self, keys: Sequence[str]) -> Sequence[Listed]:
        """List the documents that are there, with one request each; one that S3 refuses to show has no stamp.

        Raises NotFoundError when the bucket is not there or refuses everything, so that nothing is taken for gone then.
        """
        with ThreadPoolExecutor(THREADS, "look") as pool:
            found = [listed for listed in pool.map(self._look, keys) if listed is not None]
        if len(found) < len(keys) or not any(one.stamp for one in found):
            with self._listing_errors():
                self._client.head_bucket(Bucket=self._bucket)
        return found

    def find(self, key: str, uri: str) -> Listed | None:
        """List one object."""
        return next(iter(self.look([key])), None)

    def beside(self, key: str) -> Listed | None:
        """List an object that a document shows."""
        is_ours = not (self._prefix + key).startswith(self._leave_out) and self._patterns.may_show(key)
        return self._look(key) if is_ours else None

    def _look(self, key: str) -> Listed | None:
        from botocore.exceptions import ClientError

        whole = self._prefix + key
        uri = f"s3://{self._bucket}/{whole}"
        with self._listing_errors():
            try:
                found = self._client.head_object(Bucket=self._bucket, Key=whole)
            except ClientError as error:
                if is_transient(error):
                    raise
                return None if status(error) == 404 else Listed(key, uri, "", 0, None, whole)
        stamp = _stamp(found.get("ETag"), found["ContentLength"], found["LastModified"])
        return Listed(key, uri, stamp, found["ContentLength"], found["LastModified"], whole)

    def read(self, listed: Listed, max_bytes: int) -> Read:
        """Read an object by one request, on the condition that it is still the revision that was listed.

        A newer revision is read by a second request; the stamp is that of the bytes.
        """
        _must_fit(listed.size, max_bytes)
        for attempt in range(1, BODY_ATTEMPTS + 1):
            with self._reading_errors(last=attempt == BODY_ATTEMPTS):
                return self._read(listed, max_bytes)
        raise AssertionError("the last attempt returns or raises")

    def _read(self, listed: Listed, max_bytes: int) -> Read:
        answer = self._get(listed)
        with closing(answer["Body"]) as body:
            _must_fit(answer["ContentLength"], max_bytes)
            data = body.read()
        stamp = _stamp(answer.get("ETag"), len(data), answer["LastModified"])
        return Read(_decoded(data, answer.get("ContentEncoding", ""), max_bytes), stamp, answer["LastModified"])

    def _get(self, listed: Listed) -> dict[str, Any]:
        from botocore.exceptions import ClientError

        asked = {"Bucket": self._bucket, "Key": listed.locator}
        condition = {"IfMatch": f'"{etag}"'} if (etag := _etag(listed)) else {}
        try:
            answer: dict[str, Any] = self._client.get_object(**asked, **condition)
        except ClientError as error:
            if status(error) != 412:
                raise
            answer = self._client.get_object(**asked)
        return answer

    def trace(self, stamp: str) -> str:
        """Return the ETag, which a copy keeps unless a key of KMS or the size of parts changes it."""
        return "" if stamp.startswith(_BY_TIME) else stamp

    def settles_us(self, stamp: str, at_us: int) -> int:
        """Return no time for an ETag, which changes with the bytes; a server's clock may be wrong by any time."""
        return SETTLES_US if stamp.startswith(_BY_TIME) else 0

    def _listing_errors(self) -> AbstractContextManager[None]:
        return aws_errors(self._cannot_list, self._no_answer)

    def _cannot_list(self, error: "ClientError") -> RagloopError:
        if is_transient(error):
            return UnavailableError(f"cannot list {self._address} (source {self.name}) now: {said(error)}; try again")
        if status(error) == 404:
            return NotFoundError(
                f"found no bucket {self._bucket} (source {self.name}); nothing was deleted: correct its uri"
            )
        return NotFoundError(
            f"cannot list {self._address} (source {self.name}): {said(error)}; nothing was deleted: "
            "expected credentials that allow s3:ListBucket"
        )

    def _no_answer(self, error: "BotoCoreError") -> RagloopError:
        """Make the error for a request that S3 never answered."""
        from botocore import exceptions

        kinds = (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.ParamValidationError)
        if isinstance(error, kinds):
            return NotFoundError(
                f"cannot ask for {self._address} (source {self.name}): {one_line(error)}; nothing was deleted: "
                "name a bucket, and credentials by the environment, a profile or a role"
            )
        return UnavailableError(
            f"no answer from S3 for {self._address} (source {self.name}): {one_line(error)}; nothing was deleted: "
            "try again"
        )

    @contextmanager
    def _reading_errors(self, *, last: bool) -> Iterator[None]:
        """Raise what a failed read means for its document or the whole run; pass over a body that broke off."""
        from botocore import exceptions

        try:
            yield
        except exceptions.ClientError as error:
            raise self._cannot_read(error) from error
        except exceptions.FlexibleChecksumError as error:
            if last:
                raise DocumentError(f"differs from its checksum: {one_line(error)}; write it again") from error
        except exceptions.BotoCoreError as error:
            if last or not broke_off(error):
                raise UnavailableError(
                    f"no answer from S3 for an object of {self._address} (source {self.name}): {one_line(error)}; "
                    "what was committed stays: run the same command again"
                ) from error

    def _cannot_read(self, error: "ClientError") -> RagloopError:
        code = error.response["Error"]["Code"]
        if code == "InvalidObjectState":
            return DocumentError("is archived; restore it and run `ragloop sync --retry-quarantined`")
        if is_transient(error) or code == "NoSuchBucket" or code in _CREDENTIALS:
            return UnavailableError(
                f"cannot read from {self._address} (source {self.name}) now: {said(error)}; what was committed stays: "
                "run the same command again"
            )
        if status(error) == 404:
            return NotFoundError(f"an object of {self._address} is gone since it was listed")
        return DocumentError(
            f"cannot be read: {said(error)}; allow s3:GetObject, and kms:Decrypt where it is encrypted with a key of "
            "yours, and run `ragloop sync --retry-quarantined`"
        )


def _stamp(etag: str | None, size: int, modified: datetime) -> str:
    """Make a stamp of the ETag, which some stores quote or mark as weak in listings, others in answers.

    Take the time where there is no ETag, or one of zeros alone, as MinIO has for files that were written beside it.
    """
    strong = (etag or "").removeprefix("W/").strip('"')
    if strong.partition("-")[0].strip("0"):
        return f"{strong}:{size}"
    return f"{_BY_TIME}{int(modified.timestamp())}:{size}"


def _etag(listed: Listed) -> str:
    return "" if listed.stamp.startswith(_BY_TIME) else listed.stamp.rpartition(":")[0]


def _must_fit(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise DocumentError(
            f"found {size:,} bytes, expected at most {max_bytes:,}; raise sync.max_document_mb to take it"
        )


def _decoded(data: bytes, encoding: str, max_bytes: int) -> bytes:
    """Return the document in a body: objects kept for a web site may be stored compressed (RFC 9110, section 8.4.1)."""
    if "gzip" not in encoding.lower().split(",")[0]:
        return data
    try:
        unpacked = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, max_bytes + 1)
    except zlib.error as error:
        raise DocumentError(
            f"has Content-Encoding gzip but is not gzip data: {error}; correct its Content-Encoding and run "
            "`ragloop sync --retry-quarantined`"
        ) from error
    _must_fit(len(unpacked), max_bytes)
    return unpacked
