"""Requests on disk until what they say is in the log.

    home/traces/ID/lock       held by the process that keeps the requests of this folder
    home/traces/ID/ID         a request: its headers as one line of JSON, then its body
    home/traces/ID/ID.torn    what was found in place of one and cannot be read

A process takes over the requests of those that have ended.
"""

import json
import logging
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from uuid import uuid4

from ragloop import locks
from ragloop.durable import sync_to_disk, whole_file
from ragloop.errors import full_disk_is_an_error
from ragloop.store import make_room
from ragloop.traffic.intake.requests import Request

log = logging.getLogger(__name__)
FOLDER = "traces"
_LOCK = "lock"
_TORN = ".torn"


class Spool:
    """The requests that one process keeps. Threads may share it."""

    def __init__(self, home: Path) -> None:
        """Make the folder of this process, and lock it until the process ends or `close`."""
        self._top = make_room(home, FOLDER)
        self._held = ExitStack()
        self._folder = self._made()

    def _made(self) -> Path:
        while True:
            folder = make_room(self._top, _id())
            lock = self._held.enter_context(open(folder / _LOCK, "a", opener=locks.private))  # noqa: SIM115
            # Between its making and its lock, another process may have taken the folder for one that was left.
            if locks.take(lock.fileno(), 0) and (folder / _LOCK).exists():
                sync_to_disk(self._top)
                return folder

    def keep(self, request: Request) -> str:
        """Put a request on disk; return its name. Raises StorageFullError."""
        name = _id()
        head = json.dumps({"content_type": request.content_type, "encoding": request.encoding})
        with full_disk_is_an_error(self._folder), whole_file(self._folder / name) as part:
            part.touch(0o600)
            part.write_bytes(head.encode() + b"\n" + request.body)
        return name

    def drop(self, names: Iterable[str]) -> None:
        """Remove requests."""
        for name in names:
            (self._folder / name).unlink(missing_ok=True)

    def take_over(self) -> Iterator[tuple[str, Request]]:
        """Take over the requests of processes that have ended; yield each with its name."""
        for folder in sorted(self._top.iterdir()):
            if folder == self._folder:
                continue
            try:
                lock = open(folder / _LOCK, "a", opener=locks.private)  # noqa: SIM115 - closed below
            except (FileNotFoundError, NotADirectoryError):
                continue
            with lock:
                yield from self._taken(folder, lock)

    def _taken(self, folder: Path, lock: IO[str]) -> Iterator[tuple[str, Request]]:
        if not locks.take(lock.fileno(), 0):
            return
        for file in sorted(folder.iterdir()):
            if file.name == _LOCK or file.suffix == ".part":
                continue
            kept = file.rename(self._folder / file.name)
            if file.suffix != _TORN and (request := _read(kept)) is not None:
                yield file.name, request
        sync_to_disk(self._folder)
        shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove the folder where nothing waits in it, and leave it to the next process where something does."""
        if not any(one.name != _LOCK for one in self._folder.iterdir()):
            shutil.rmtree(self._folder, ignore_errors=True)
        self._held.close()


def _read(file: Path) -> Request | None:
    """Read a request; what is none, cut off by a disk that lost it, gets another name and stops no other."""
    head, _, body = file.read_bytes().partition(b"\n")
    try:
        return Request(body, **json.loads(head))
    except (ValueError, TypeError) as error:
        aside = file.rename(file.with_name(file.name + _TORN))
        log.warning("found no request of traces in %s: %s", aside, type(error).__name__)
        return None


def _id() -> str:
    return uuid4().hex[:16]
