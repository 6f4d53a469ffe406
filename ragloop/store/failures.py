"""What an error of LanceDB means: files that are damaged, something that passes, or a defect.

LanceDB says it as text. Damage is what was read and is not as it was written; what the system refuses (permissions, a
failing disk, a mount that is away, too many open files), a request that failed and a commit that met another are not.
"""

import errno
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pyarrow as pa

from ragloop.errors import RagloopError, StoreBusyError, StoreDamagedError, UnavailableError, full_disk_is_an_error

REQUEST_FAILED: Final = ("Error performing ", "RetryError", "Generic S3 error", 'store: "S3"')
"""LanceDB reports a failed request to S3 as text inside a RuntimeError, ValueError or OSError. The last two are all
that is said of an answer that breaks off half-way; an object that is not there is said otherwise."""
_SYSTEM = re.compile(r"\(os error (\d+)\)")
_MET = ("ommit conflict", "ncompatible transaction", "oo many concurrent writers", "was preempted by")
_PASSES = ("imed out", "Resources exhausted")
_DAMAGED = (
    "does not appear to be a Lance file",
    "Version 0 no longer exists",
    "No field named",
    "does not exist in table schema",
    "not found in target schema",
)
"""Messages of a ValueError. A file of zeros is no file of Lance; a manifest of zeros is version 0, without columns."""
_FILE = re.compile(r"(?<![\w-])([\w-]++\.lance/(?:data|_versions|_indices|_deletions)/[\w./-]++)")
"""A file of a table, by its name in the database. A message may quote any text, so each run of letters is read once."""
_OF_LANCE = re.compile(
    r"lance error: |LanceError\(\w++\): |Generic (?!S3)[\w/]++ error: |(?:Wrapped error|A prerequisite task failed): "
    r"|Invalid input, | \(invalid magic: [^)]*+\)"
)
"""Where inside LanceDB an error came up, which tells a reader nothing of the store."""
_PLACE_IN_CODE = ".rs:"
log = logging.getLogger(__name__)

Opens = Callable[[str], None]
"""Opens a file of the database, or every file of a folder of it; raises OSError or UnavailableError where it cannot."""


@contextmanager
def explained(place: str, opens: Opens) -> Iterator[None]:
    """Raise what an error of the database in `place` means: StoreDamagedError, UnavailableError or StorageFullError."""
    try:
        with full_disk_is_an_error(place):
            yield
    except (OSError, RuntimeError, ValueError) as error:
        meant = meaning(error, place, opens)
        if meant is None:
            raise
        log.debug("LanceDB said of %s: %s", place, error)
        raise meant from error


def meaning(error: Exception, place: str, opens: Opens) -> RagloopError | None:
    """Return the error of ragloop's tree that stands for this one; None where it is not about files of the database."""
    message = " ".join(str(error).split())
    shown = readable(message)
    if _is_of_the_system(error, message):
        return _away(place, shown)
    if any(mark in message for mark in REQUEST_FAILED):
        return UnavailableError(
            f"a request to the store {place} failed: {shown[:200]}; what was committed stays: try again"
        )
    if not _is_damage(error, message):
        return None
    if any(mark in message for mark in _MET):
        return StoreBusyError(
            f"another process wrote to the store in {place} meanwhile, and nothing was written by this one: "
            f"{shown[:200]}; run the same command again"
        )
    if any(mark in message for mark in _PASSES):
        return _away(place, shown)
    # What lies behind "not found" may be another file, which LanceDB could not open and does not name.
    if refused := _refused(message, opens):
        return _away(place, refused)
    return damaged(shown[:200])


def readable(message: str) -> str:
    """Return a message of LanceDB without the lines of its source and the layers that the error passed through."""
    words = " ".join(word for word in _OF_LANCE.sub("", message).split() if _PLACE_IN_CODE not in word)
    kept = words.rstrip(", ")
    return kept.replace("Not found: Not found: ", "Not found: ") or "LanceDB gives no reason"


def damaged(found: str) -> StoreDamagedError:
    """Make the error for damage of the database."""
    return StoreDamagedError(
        f"the store cannot be read: {found}; `ragloop doctor` says what is damaged, with --repair it repairs it"
    )


def must_have_columns(table: str, schema: pa.Schema) -> None:
    """Raise StoreDamagedError for a table without columns: LanceDB takes a manifest of zeros for an empty one."""
    if not schema.names:
        raise damaged(f"the newest manifest of the table {table} names no columns")


def _away(place: str, found: str) -> UnavailableError:
    return UnavailableError(
        f"the store in {place} cannot be used now: {found[:300]}; nothing is known to be damaged: look at the disk, "
        "its mount and its permissions, and run the same command again"
    )


def _is_of_the_system(error: Exception, message: str) -> bool:
    """Return whether the system refused, by errno or by LanceDB's message; a missing file is not refused."""
    codes = {int(one) for one in _SYSTEM.findall(message)}
    if isinstance(error, OSError) and error.errno is not None:
        codes.add(error.errno)
    return bool(codes - {errno.ENOENT})


def _is_damage(error: Exception, message: str) -> bool:
    if isinstance(error, RuntimeError):
        return message.startswith("lance error")
    return isinstance(error, ValueError) and any(mark in message for mark in _DAMAGED)


def _refused(message: str, opens: Opens) -> str:
    """Return why a file that the message names, or another of its index, cannot be opened; empty where all can be."""
    for name in dict.fromkeys(_FILE.findall(message)):
        try:
            opens(name.rpartition("/")[0] if "/_indices/" in name else name)
        except FileNotFoundError:
            continue
        except (OSError, UnavailableError) as error:
            return str(error)
    return ""
