"""A folder as a source: list it without reading, read one file."""

import errno
import os
import re
import stat
import urllib.parse
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ragloop.config.settings import EXCLUDED
from ragloop.corpus.sources.ignore_files import IgnoreFiles, around
from ragloop.corpus.sources.listing import Listed, Listing, Passed, Why
from ragloop.corpus.sources.patterns import Patterns
from ragloop.corpus.sources.source import Read, Way
from ragloop.errors import DocumentError, NotFoundError, PassingDocumentError

RACY_NS = 20_000_000
"""A file changed less than this before it is read may change again within one tick of the file system's clock, keeping
its stamp; such a stamp is not trusted (git calls the same case racily clean)."""
SECOND_NS = 1_000_000_000
DOUBTED_NS = 24 * 3_600 * SECOND_NS
"""A clock that tells whole seconds is mostly that of another machine, or of FAT, which notes the local time: it may be
wrong by hours, so that only a file that has been as it is for longer than this is taken for old at first sight."""
_EARLIEST = datetime(1, 1, 2, tzinfo=UTC).timestamp()
_LATEST = datetime(9999, 12, 30, tzinfo=UTC).timestamp()
"""A day off the ends of what a datetime holds, so that any time zone can show them."""
_PLAIN = re.compile("[A-Za-z0-9._~-]*")
_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""Nothing there, or a link that leads nowhere."""


class LocalFolder:
    """The files of a folder and its subfolders; links that lead out of it are left out. Listed in order of paths."""

    readers = 1

    def __init__(
        self,
        name: str,
        folder: Path,
        include: Sequence[str] = (),
        exclude: Sequence[str] = EXCLUDED,
        labels: Sequence[str] = (),
        *,
        gitignore: bool = True,
        leave_out: Sequence[Path] = (),
        left_to: Sequence[Patterns] = (),
        links: Sequence[str] | None = None,
    ) -> None:
        """`leave_out` are folders that no pattern can take, such as the one that holds the index itself.

        `links` on the way to the folder were there when it was listed before: where another one leads is elsewhere.
        """
        self.name = name
        self.labels = tuple(labels)
        self._given = folder.absolute()
        found = _links(self._given)
        self._links = tuple(found if links is None else links)
        self._folder = self._given if self._new_links() else folder.resolve()
        self.way = Way(os.fspath(self._given), os.fspath(self._folder), tuple(found))
        self._leave_out = tuple(os.fspath(one) for one in _strictly_inside(leave_out, self._folder))
        self._patterns = Patterns(include, exclude, left_to)
        self._gitignore = gitignore

    @property
    def folder(self) -> Path:
        """The path of the folder, without links."""
        return self._folder

    def may_hold(self, path: str) -> bool:
        """Return whether a change at this path may be one of a document, or of a folder with documents."""
        return self._owns(path) and self._patterns.leaves(self._relative(path))

    def holds_folder(self, path: str) -> bool:
        """Return whether a folder is the source's own, or one that it looks into."""
        if path == os.fspath(self._folder):
            return True
        return self._owns(path) and self._patterns.leaves(self._relative(path)) and not self._ignored(path)

    def _ignored(self, folder: str) -> bool:
        """Return whether a folder inside the source, or one above it there, is left out by a .gitignore."""
        files, place = self._ignore_files(), os.fspath(self._folder)
        if files is None:
            return False
        for part in self._relative(folder).split("/"):
            files, place = files.within(place), f"{place.rstrip('/')}/{part}"
            if files.ignores(place, folder=True):
                return True
        return False

    def _ignore_files(self) -> IgnoreFiles | None:
        """Return what the folders above say of what the source holds; None where no .gitignore is asked."""
        return around(os.fspath(self._folder)) if self._gitignore else None

    def _owns(self, path: str) -> bool:
        return _is_inside(path, self._folder) and not any(_is_inside(path, one) for one in self._leave_out)

    def _new_links(self) -> Sequence[str]:
        return [one for one in _links(self._given) if one not in self._links]

    def list(self) -> Listing:
        """List every file that the patterns take. Raises NotFoundError when the folder is gone, or is a link now."""
        return Listing(self.name, self._listing())

    @property
    def may_be_empty(self) -> bool:
        """An empty folder is one that waits for its documents."""
        return not self._patterns.include

    def empty(self) -> str:
        """Name the folder."""
        return f"no document in the folder {_printable(os.fspath(self._folder))}; correct its uri or its patterns"

    def _listing(self) -> Iterator[Listed | Passed]:
        self._refuse_links()
        if not self._folder.is_dir():
            raise NotFoundError(
                f"found no folder at {self._folder} (source {self.name}); nothing was deleted: "
                "mount it again or correct its uri"
            )
        found: Listed | Passed | None
        for entry, relative, uri, ignored in self._walk():
            if ignored:
                found = self._ignored_entry(entry, relative)
            elif not entry.is_dir(follow_symlinks=False) and self._patterns.takes(relative):
                found = self._listed(entry, _printable(relative), uri)
            else:
                found = self._passed(entry, relative)
            if found is not None:
                yield found

    def _passed(self, entry: "os.DirEntry[str]", relative: str) -> Passed | None:
        """Tell of what the patterns do not take; None for what is another source's."""
        folder = entry.is_dir(follow_symlinks=False)
        why = self._patterns.why_not(relative + "/" * folder)
        return Passed(_printable(relative) + "/" * folder, why) if why else None

    def _ignored_entry(self, entry: "os.DirEntry[str]", relative: str) -> Passed | None:
        """Tell of what a .gitignore leaves out, unless the patterns would not take it either."""
        folder = entry.is_dir(follow_symlinks=False)
        if folder or self._patterns.takes(relative):
            return Passed(_printable(relative) + "/" * folder, Why.IGNORED)
        return self._passed(entry, relative)

    def _refuse_links(self) -> None:
        if not (new := self._new_links()):
            return
        link, now = _printable(new[0]), _printable(os.path.realpath(self._given))
        confirm = (
            f"index {now} by its own name (`ragloop sync {now}`) and delete what was here (`ragloop sync {self.name} "
            "--confirm-deletes`)"
            if self.name == os.fspath(self._given)
            else f"set its uri to {now}"
        )
        raise NotFoundError(
            f"found a link at {link} that leads to {now}, expected the folder that source {self.name} was found in "
            f"before; nothing was read or deleted: put the folder back, or {confirm}"
        )

    def _relative(self, path: str) -> str:
        return path[len(os.fspath(self._folder).rstrip(os.sep)) + 1 :]

    def _walk(self) -> "Iterator[tuple[os.DirEntry[str], str, str, bool]]":
        """Yield every entry that is no folder or a folder that is not entered: with its path inside the source, its
        URI, and whether a .gitignore leaves it out.

        Iterative: folders may be nested deeper than Python's stack.
        """
        top = os.fspath(self._folder)
        listed, above = self._entries(top), self._ignore_files()
        files = above.within(top) if above is not None else None
        open_folders = [("", _uri(top.rstrip("/")), files, iter(listed))]
        while open_folders:
            inside, place, files, entries = open_folders[-1]
            if (entry := next(entries, None)) is None:
                open_folders.pop()
                continue
            relative, uri = inside + entry.name, f"{place}/{_quoted(entry.name)}"
            folder = entry.is_dir(follow_symlinks=False)
            if folder and entry.path in self._leave_out:
                continue
            enters = folder and self._patterns.enters(relative)
            # What the patterns leave out is told as theirs, and is not looked up in the files.
            ignored = files is not None and (enters or not folder) and files.ignores(entry.path, folder=folder)
            if not enters or ignored:
                yield entry, relative, uri, ignored
                continue
            listed = self._entries(entry.path)
            within = files.within(entry.path) if files is not None else None
            open_folders.append((relative + "/", uri, within, iter(listed)))

    def _entries(self, folder: str) -> "Sequence[os.DirEntry[str]]":
        """List a folder. One that cannot be listed says nothing of its documents, so the whole listing fails."""
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if isinstance(error, FileNotFoundError | NotADirectoryError) and folder != os.fspath(self._folder):
                return []
            raise NotFoundError(
                f"cannot list the folder {_printable(folder)} (source {self.name}): {error.strerror}; "
                "nothing was deleted: make it readable, or leave it out with sources.exclude"
            ) from error

    def _listed(self, entry: "os.DirEntry[str]", key: str, uri: str) -> Listed | Passed | None:
        """List a regular file inside the folder; anything else is passed over. None for what vanished meanwhile.

        A file whose status cannot be had is listed without a stamp: reading it says why.
        """
        path = entry.path
        try:
            found = entry.stat()
            if not stat.S_ISREG(found.st_mode) or (entry.is_symlink() and not self._holds(os.path.realpath(path))):
                return Passed(key, Why.SPECIAL)
        except OSError as error:
            if error.errno in _NO_FILE:
                return Passed(key, Why.SPECIAL) if entry.is_symlink() else None
            return Listed(key, uri, "", 0, None, path)
        return Listed(key, uri, stamp_of(found), found.st_size, changed_at(found), path)

    def find(self, key: str, uri: str) -> Listed | None:
        """List one file. Raises NotFoundError when the folder is a link now."""
        self._refuse_links()
        return self._found(key, uri, os.fsdecode(urllib.parse.unquote_to_bytes(uri.removeprefix("file://"))))

    def beside(self, key: str) -> Listed | None:
        """List a file that a document shows."""
        path = os.path.normpath(f"{os.fspath(self._folder)}/{key}")
        if "\0" in key or not self._owns(path) or not self._patterns.may_show(self._relative(path)):
            return None
        return self._found(key, _uri(path), path)

    def _found(self, key: str, uri: str, path: str) -> Listed | None:
        try:
            found = Path(path).stat()
        except OSError as error:
            return None if error.errno in _NO_FILE else Listed(key, uri, "", 0, None, path)
        return Listed(key, uri, stamp_of(found), found.st_size, changed_at(found), path)

    def _holds(self, real: str) -> bool:
        """Return whether a path without links leads to what this source may read."""
        return self._owns(real)

    def read(self, listed: Listed, max_bytes: int) -> Read:
        """Read a file. Its stamp is taken first: a change while it is read shows in a later one.

        What was listed may be something else by now, so what was opened is judged again; a pipe must not be waited for.
        """
        try:
            with open(listed.locator, "rb", opener=_open_at_once) as file:
                found = os.fstat(file.fileno())
                if not stat.S_ISREG(found.st_mode) or not self._holds(_real_path(file.fileno(), listed.locator)):
                    raise DocumentError(
                        "is no longer a regular file inside the source folder; sync again, or exclude it"
                    )
                data = b"" if found.st_size > max_bytes else file.read(max_bytes + 1)
                if (size := max(found.st_size, len(data))) > max_bytes:
                    raise DocumentError(
                        f"found {size:,} bytes, expected at most {max_bytes:,}; raise sync.max_document_mb to take it"
                    )
                return Read(data, stamp_of(found), changed_at(found))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFoundError(f"{_printable(listed.locator)} is gone since it was listed") from error
        except PermissionError as error:  # to allow it changes the stamp
            raise DocumentError(f"cannot be read: {error.strerror}; make it readable and sync again") from error
        except OSError as error:
            raise PassingDocumentError(f"cannot be read: {error.strerror}; it is tried again later") from error

    def trace(self, stamp: str) -> str:
        """Return size, mtime and inode, which a rename keeps; ctime it changes on most file systems."""
        size, mtime, _, inode = stamp.split(":") if stamp else [""] * 4
        return f"{size}:{mtime}:{inode}" if stamp else ""

    def settles_us(self, stamp: str, at_us: int) -> int:
        """Return the time to settle; a stamp without times is never trusted, and so has nothing to settle.

        One tick of the clock, as the time itself shows it, and somewhat more since kernels read it late.
        """
        if not stamp:
            return 0
        changed_ns = int(stamp.split(":")[2])
        tick_ns = _tick_ns(changed_ns)
        settled_ns = RACY_NS + tick_ns
        doubted_ns = settled_ns + (DOUBTED_NS if tick_ns >= SECOND_NS else 0)
        return 0 if at_us * 1_000 - changed_ns >= doubted_ns else settled_ns // 1_000


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for the other end of a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _real_path(descriptor: int, path: str) -> str:
    """Return where an open file stands, its links followed. Only Linux knows; elsewhere its path must do."""
    try:
        return os.fspath(Path(f"/proc/self/fd/{descriptor}").readlink())
    except OSError:
        return os.path.realpath(path)


def _is_inside(path: str, folder: Path | str) -> bool:
    return path.startswith(os.fspath(folder).rstrip(os.sep) + os.sep)


def stamp_of(found: os.stat_result) -> str:
    """Make a stamp of size, times in nanoseconds and inode: an edit that keeps size and mtime still moves ctime."""
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_ino}"


def _tick_ns(time_ns: int) -> int:
    """Return the coarsest tick that shows such a time: FAT counts by two seconds, others by powers of ten."""
    tick = 1
    while tick < SECOND_NS and time_ns % (10 * tick) == 0:
        tick *= 10
    return 2 * tick if tick == SECOND_NS else tick


def changed_at(found: os.stat_result) -> datetime:
    """Return when the file's bytes changed last; file systems store times that a datetime cannot hold."""
    return datetime.fromtimestamp(min(max(found.st_mtime, _EARLIEST), _LATEST), UTC)


def _strictly_inside(inner: Sequence[Path], outer: Path) -> Sequence[Path]:
    """Return the folders that are part of `outer`: leaving out the others would leave nothing, or change nothing."""
    resolved = [one.resolve() for one in inner]
    return [one for one in resolved if one != outer and one.is_relative_to(outer)]


def _links(folder: Path) -> Sequence[str]:
    """List the links among a folder and those above it, as its path names them."""
    return [os.fspath(one) for one in (*reversed(folder.parents), folder) if one.is_symlink()]


def _printable(relative: str) -> str:
    """Return the key of a file: its path, with bytes that are not UTF-8 as \\xNN, and therefore a backslash as two."""
    if relative.isascii() and "\\" not in relative:
        return relative
    return relative.replace("\\", "\\\\").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _uri(path: str) -> str:
    """Make a file URI (RFC 8089)."""
    return "file://" + "/".join(map(_quoted, path.split("/")))


def _quoted(name: str) -> str:
    """Percent-encode all bytes but ASCII letters, digits and "-._~"."""
    return name if _PLAIN.fullmatch(name) else urllib.parse.quote(os.fsencode(name))
