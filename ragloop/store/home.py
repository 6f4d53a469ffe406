"""Keep a home to its owner: it holds questions, answers and the texts of documents.

A home that ragloop makes is open to its owner alone, and so is everything below it, whatever its own rights are. One
that could be read by others is closed, unless the folder holds other things than ragloop's: then its rights stay as
somebody set them, and the folders of ragloop in it are closed. A folder of another owner is left to that one.
"""

import logging
import os
import stat
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

OURS: Final = frozenset({"store", "artifacts", "journal", "leases", "aside", "recognised", "prefect"})
"""What ragloop makes in a home."""
_OWNER: Final = 0o700
_OTHERS: Final = 0o077


def make_home(home: Path) -> None:
    """Make the folder where it is missing, and close it. Raises OSError."""
    home.mkdir(mode=_OWNER, parents=True, exist_ok=True)
    close_home(home)


def make_room(home: Path, name: str) -> Path:
    """Make and return a folder of a home, which its owner alone can open. Raises OSError."""
    room = home / name
    home.mkdir(mode=_OWNER, parents=True, exist_ok=True)
    room.mkdir(mode=_OWNER, exist_ok=True)
    return room


def close_home(home: Path) -> None:
    """Take from other users what they could read of a home, and log that it was so."""
    if not home.is_dir():
        return
    rooms = sorted(home.iterdir())
    shared = any(one.name not in OURS for one in rooms)
    open_ = [one for one in (rooms if shared else [home]) if (one.name in OURS or one is home) and _is_open(one)]
    for one in open_:
        try:
            one.chmod(stat.S_IMODE(one.stat().st_mode) & ~_OTHERS)
        except OSError as error:  # a file system without rights, or one that is read only
            log.warning("%s can be read by other users: %s; close it", one, error.strerror)
        else:
            log.warning("%s could be read by other users, and is its owner's alone now", one)


def _is_open(folder: Path) -> bool:
    """Return whether others than the owner, which this process is, have rights to a folder."""
    found = folder.stat()
    return found.st_uid == os.geteuid() and bool(stat.S_IMODE(found.st_mode) & _OTHERS)
