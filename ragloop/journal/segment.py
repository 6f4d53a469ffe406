"""The file that entries are appended to, with one fsync for all that wait for it."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

from ragloop import locks
from ragloop.durable import sync_to_disk
from ragloop.errors import StorageFullError, StoreBusyError, full_disk_is_an_error
from ragloop.store import make_room

Appended = tuple[bytes, "Future[None]"]
"""Lines that wait to be written, and what tells that they are on disk or why not."""


class Segment:
    """The lines of `home/journal`. Threads of one process share the fsyncs of an object of this class."""

    def __init__(self, home: Path, wait_s: float, fsync: Callable[[int], None] = os.fsync) -> None:
        """Wait so long, `wait_s`, for other processes at each append; `fsync` forces a file to disk."""
        self.folder = home / "journal"
        self._home, self._wait_s, self._fsync = home, wait_s, fsync
        self._current = self.folder / "current.jsonl"
        self._aside = self.folder / "unreadable.lines"
        self._waiting: list[Appended] = []
        self._changed, self._writing = threading.Condition(), False

    def append(self, lines: bytes) -> None:
        """Put lines on disk, all or none: the first thread that comes writes for all that wait meanwhile.

        Raises StorageFullError, and StoreBusyError, which names who keeps the log locked.
        """
        written: Future[None] = Future()
        mine: list[Appended] = []
        with self._changed:
            self._waiting.append((lines, written))
            self._changed.wait_for(lambda: written.done() or not self._writing)
            if not written.done():
                self._writing = True
                mine, self._waiting = self._waiting, []
        if mine:
            try:
                self._write(mine)
            finally:
                with self._changed:
                    self._writing = False
                    self._changed.notify_all()
        written.result()

    def _write(self, waiting: Sequence[Appended]) -> None:
        """Write what waits with one fsync; on a full disk each on its own, so that a large one fails no small one."""
        try:
            self._commit(b"".join(lines for lines, _ in waiting))
        except StorageFullError as error:
            if len(waiting) == 1:
                _refuse(waiting, error)
            else:
                for one in waiting:
                    self._write([one])
        except (OSError, StoreBusyError) as error:
            _refuse(waiting, error)
        except BaseException as error:
            _refuse(waiting, error)
            raise
        else:
            for _, written in waiting:
                written.set_result(None)

    def _commit(self, lines: bytes) -> None:
        with full_disk_is_an_error(self.folder), self._locked() as file:
            end = _mend_tail(file)
            try:
                _write_all(file.fileno(), lines)
                self._fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), end)
                raise

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """Lock the current file. A fold may rename it between open and lock, so its identity is checked after."""
        make_room(self._home, self.folder.name)
        while True:
            with open(self._current, "ab+", buffering=0, opener=locks.private) as file:
                locks.must_take(file, f"the log {self._current}", self._wait_s)
                if _is_at(self._current, file):
                    if os.fstat(file.fileno()).st_size == 0:
                        sync_to_disk(self.folder)
                    yield file
                    return

    def is_empty(self) -> bool:
        """Return whether there is no file to fold."""
        return not self.folder.is_dir() or not any(self.folder.glob("*.jsonl"))

    def size(self) -> int:
        """Return how many bytes wait to be folded."""
        sizes = 0
        for file in self.folder.glob("*.jsonl"):
            with suppress(FileNotFoundError):
                sizes += file.stat().st_size
        return sizes

    def unfolded(self) -> Iterator[bytes]:
        """Yield the lines that wait to be folded, the newest file last; some may be in the tables by now.

        What is read from the tables after that misses nothing: a line leaves the files when it is in a table.
        """
        for data in self._contents():
            yield from data.split(b"\n")

    def _contents(self) -> Iterator[bytes]:
        # The current file is read first: sealed meanwhile, it is read twice rather than not at all.
        newest = b""
        with suppress(FileNotFoundError):
            newest = self._current.read_bytes()
        for file in self._sealed():
            with suppress(FileNotFoundError):
                yield file.read_bytes()
        yield newest

    def _sealed(self) -> list[Path]:
        return sorted(self.folder.glob("sealed-*.jsonl"))

    def seal(self) -> list[Path]:
        """Let later lines begin a new file, and return the files to fold, the newest last."""
        if self._current.exists():
            # Of what a killed fold left, the later line of an id must be folded later, too.
            number = len(self._sealed())
            with self._locked():
                self._current.rename(self.folder / f"sealed-{number:06}{uuid4().hex}.jsonl")
        return self._sealed()

    def set_aside(self, lines: Sequence[bytes]) -> None:
        """Keep lines that are no entries, torn by a kill or written by something else; they stop no others."""
        if not lines:
            return
        with full_disk_is_an_error(self.folder), open(self._aside, "ab", opener=locks.private) as file:
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())

    def unreadable(self) -> int:
        """Return how many different lines were set aside."""
        return len(set(self._aside.read_bytes().splitlines())) if self._aside.exists() else 0


def _refuse(waiting: Sequence[Appended], error: BaseException) -> None:
    for _, written in waiting:
        written.set_exception(error)


def _is_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def _mend_tail(file: IO[bytes]) -> int:
    """End a line that a killed writer left torn, so that the next entry starts a line of its own. Returns the size."""
    size = os.fstat(file.fileno()).st_size
    if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
        file.write(b"\n")
        size += 1
    return size


def _write_all(descriptor: int, data: bytes) -> None:
    """Write all of it: a nearly full disk takes a part and says so only at the next call."""
    while data:
        data = data[os.write(descriptor, data) :]
