"""Files by name in a folder or in a bucket: those of a database, and those of its backups.

A name is a path of plain parts (names.py), and leads through no link out of its folder; any other raises MismatchError,
since what is asked for may come from a manifest that somebody made. A file appears whole or not at all, and is durable
when `write` returns.
"""

import io
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ragloop.durable import sync_to_disk, whole_file
from ragloop.errors import (
    MismatchError,
    NotFoundError,
    UnavailableError,
    UsageError,
    full_disk_is_an_error,
)
from ragloop.store.aws.address import S3Address
from ragloop.store.aws.client import CONNECTIONS, new_client
from ragloop.store.aws.errors import bucket_errors
from ragloop.store.aws.objects import age_of, parts_of, remove_objects
from ragloop.store.names import inside, must_be_clean, why_unclean

RESTORING = "restoring.json"
"""Stands among the files of a database while a restore writes them: which backup, and from where."""
PART_BYTES = 2**20
"""A file is read in parts of this size."""
UPLOAD_BYTES = 16 * 2**20
"""A larger object is uploaded in parts of this size, of which two are in memory while one is sent. S3 takes 10,000."""


@dataclass(frozen=True)
class Found:
    """A file as it was listed: its size, and seconds since it was written by the clock of the place.

    `stamp` changes with the content of the file.
    """

    bytes: int
    age_s: float
    stamp: str = ""


class Files(Protocol):
    """Files of one place; `str` gives its address."""

    @property
    def at_once(self) -> int:
        """How many are worth reading or writing at once: one on a disk, several where each answer is waited for."""

    def list(self, prefix: str = "") -> dict[str, Found]:
        """List every file whose name begins so."""

    def read(self, name: str) -> Iterator[bytes]:
        """Read a file in parts. Raises NotFoundError when it is gone."""

    def write(self, name: str, parts: Iterable[bytes]) -> None:
        """Write a file, in place of one of this name. Where the parts raise, nothing is written."""

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, some of which may be gone."""


def open_files(uri: str) -> Files:
    """Open the files under a folder or s3://bucket/prefix, which need not be there yet. Raises UsageError."""
    if uri.startswith("s3://"):
        return BucketFiles(uri)
    if "://" in uri.removeprefix("file://"):
        raise UsageError(f"found {uri}; expected a folder or s3://bucket/prefix")
    return FolderFiles(Path(uri.removeprefix("file://")).expanduser())


class FolderFiles:
    """Files under `folder`, which is made by the first write."""

    at_once = 1

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    def list(self, prefix: str = "") -> dict[str, Found]:
        """List every regular file whose name begins so; one that is removed meanwhile is left out.

        Raises UnavailableError where a folder cannot be read: what is in it is not gone.
        """
        now, found = time.time(), {}
        top = self._top(prefix)
        with self._errors():
            for folder, _, files in os.walk(top, onerror=_unless_gone):
                for file in files:
                    path = Path(folder, file)
                    name = path.relative_to(self.folder).as_posix()
                    try:
                        about = path.stat()
                    except FileNotFoundError:
                        continue
                    if name.startswith(prefix) and stat.S_ISREG(about.st_mode):
                        stamp = f"{about.st_mtime_ns}-{about.st_ctime_ns}-{about.st_ino}"
                        found[name] = Found(about.st_size, now - about.st_mtime, stamp)
        return found

    def read(self, name: str) -> Iterator[bytes]:
        """Read a file in parts. Raises NotFoundError when it is gone, UnavailableError when it is refused."""
        path = self._held(name, through=name)
        with self._errors():
            try:
                # Opening a pipe would wait for somebody to write into it.
                if not stat.S_ISREG(path.stat().st_mode):
                    raise MismatchError(f"found {name} in {self}, expected a regular file; something else made it")
                with path.open("rb") as file:
                    while part := file.read(PART_BYTES):
                        yield part
            except (FileNotFoundError, NotADirectoryError):
                raise NotFoundError(f"found no file {name} in {self}") from None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = error.filename or self
            raise UnavailableError(f"cannot read {what} now: {error.strerror or error}; try again") from error

    def _top(self, prefix: str) -> Path:
        """Return the folder in which every file lies whose name begins so."""
        if not prefix:
            return self.folder
        found = self._held(prefix.removesuffix("/"), through=prefix.rpartition("/")[0])
        return found if prefix.endswith("/") else found.parent

    def _held(self, name: str, through: str) -> Path:
        """Return the path of a file. Raises MismatchError where `through`, a part of it, is a link out of here."""
        path = inside(self.folder, name)
        top, real = os.path.realpath(self.folder), os.path.realpath(self.folder / through)
        if real != top and not real.startswith(top.rstrip(os.sep) + os.sep):
            raise MismatchError(
                f"{name} leads out of {self} through a link; expected a file in it: move there what the link leads to, "
                "or mount it there"
            )
        return path

    def write(self, name: str, parts: Iterable[bytes]) -> None:
        """Write a file under another name, force it to disk and rename it. Raises StorageFullError, UsageError."""
        target = self._held(name, through=name.rpartition("/")[0])  # a link of this name is replaced
        with full_disk_is_an_error(self.folder):
            self._make(target.parent)
            with whole_file(target) as made, made.open("xb") as file:
                file.writelines(parts)

    def _make(self, folder: Path) -> None:
        if folder.is_dir():
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise UsageError(f"cannot write to {folder}: {error.strerror}; name another folder") from None
        for one in (folder, *folder.parents):
            sync_to_disk(one.parent)
            if one == self.folder or one.parent == one:
                break

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, and the folders that are then empty."""
        for name in names:
            path = self._held(name, through=name.rpartition("/")[0])
            path.unlink(missing_ok=True)
            while (path := path.parent) != self.folder:
                try:
                    path.rmdir()
                except OSError:  # not empty, or gone
                    break


class BucketFiles:
    """Objects under the prefix of `uri`, s3://bucket/prefix. `client`: a boto3 client, else one by the AWS settings."""

    at_once = CONNECTIONS

    def __init__(self, uri: str, client: Any = None) -> None:
        self._address = S3Address.parse(uri, "files").trimmed()
        self._bucket, self._prefix = self._address.bucket, self._address.prefix
        self._given_client = client

    def __str__(self) -> str:
        return str(self._address).rstrip("/")

    @cached_property
    def _client(self) -> Any:
        return self._given_client or new_client(f"files in {self}")

    def list(self, prefix: str = "") -> dict[str, Found]:
        """List every object whose name begins so."""
        if prefix:
            must_be_clean(prefix.removesuffix("/"), self)
        found = {}
        pages = {"Bucket": self._bucket, "Prefix": self._prefix + prefix}
        with self._errors():
            for page in self._client.get_paginator("list_objects_v2").paginate(**pages):
                for one in page.get("Contents", ()):
                    name = one["Key"].removeprefix(self._prefix)
                    if not why_unclean(name):  # no file of ragloop's: left alone
                        found[name] = Found(one["Size"], age_of(one, page), one["ETag"])
        return found

    def read(self, name: str) -> Iterator[bytes]:
        """Read an object in parts. Raises NotFoundError when it is gone."""
        must_be_clean(name, self)
        with self._errors():
            yield from parts_of(self._client, {"Bucket": self._bucket, "Key": self._prefix + name}, PART_BYTES)

    def write(self, name: str, parts: Iterable[bytes]) -> None:
        """Upload an object, in several parts where it is large; it appears when the last of them is there."""
        must_be_clean(name, self)
        body = io.BufferedReader(_Stream(iter(parts)), PART_BYTES)
        begins = body.read(UPLOAD_BYTES)
        with self._errors():
            if len(begins) < UPLOAD_BYTES:
                self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=begins)
            else:
                self._upload(name, io.BufferedReader(_Stream(chain([begins], iter(body.read1, b""))), PART_BYTES))

    def _upload(self, name: str, body: io.BufferedReader) -> None:
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(multipart_threshold=UPLOAD_BYTES, multipart_chunksize=UPLOAD_BYTES, use_threads=False)
        self._client.upload_fileobj(body, self._bucket, self._prefix + name, Config=config)

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects."""
        names = list(names)
        for name in names:
            must_be_clean(name, self)
        with self._errors():
            remove_objects(self._client, self._bucket, [self._prefix + name for name in names])

    def _errors(self) -> AbstractContextManager[None]:
        return bucket_errors(self._bucket, str(self))


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


class _Stream(io.RawIOBase):
    """Parts as a file that can be read once."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._left = parts, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._left = memoryview(part)
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count


_Item = TypeVar("_Item")
_Done = TypeVar("_Done")


def each(work: Callable[[_Item], _Done], items: Sequence[_Item], at_once: int) -> Iterator[_Done]:
    """Yield what `work` returns for each item, in their order; raise the first error once calls under way have ended.

    With one at a time, the next call begins when the result before it was taken.
    """
    if at_once == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(at_once, "files") as pool:
        begun = [pool.submit(work, one) for one in items]
        try:
            for one in begun:
                yield one.result()
        finally:
            for one in begun:
                one.cancel()
