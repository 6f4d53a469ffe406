"""Who may speak to the Prefect server of a home: the string that it asks for, and where it listens while it runs.

Both lie in HOME/prefect, for the owner alone. `claim` is locked by the process that runs the server and names its
address, so that the string is never sent to whatever else listens there later.
"""

import base64
import fcntl
import os
import secrets
import stat
import time
from pathlib import Path
from typing import IO

from ragloop import locks
from ragloop.durable import whole_file
from ragloop.errors import UsageError

_BYTES = 32
_CLAIM_TRIES = 10
"""A look at the claim holds it for a moment."""


def folder_of(home: Path) -> Path:
    """Return the folder that keeps the state of Prefect under a home."""
    return home / "prefect"


def string_file(home: Path) -> Path:
    """Return the file that holds the authentication string of a home."""
    return folder_of(home) / "auth-string"


def basic(auth: str) -> str:
    """Return the header Authorization for an authentication string."""
    return f"Basic {base64.b64encode(auth.encode()).decode()}" if auth else ""


def kept_string(home: Path) -> str:
    """Return the authentication string of a home; empty where there is none, or where others may have read it."""
    try:
        with string_file(home).open(encoding="utf-8") as file:
            of = os.fstat(file.fileno())
            private = of.st_uid == os.getuid() and not stat.S_IMODE(of.st_mode) & 0o077
            return file.read().strip() if private else ""
    except OSError:
        return ""


def new_string() -> str:
    """Return a string that nobody guesses, in the form of user and password that Prefect documents."""
    return f"ragloop:{secrets.token_urlsafe(_BYTES)}"


def keep_string(home: Path, auth: str) -> None:
    """Write the authentication string of a home, for its owner alone and in one step."""
    with whole_file(string_file(home)) as made, open(made, "x", opener=locks.private, encoding="utf-8") as file:
        file.write(f"{auth}\n")


# --- the claim -------------------------------------------------------------------------------------------------------


def claim(home: Path, api_url: str) -> IO[str]:
    """Return the claim on a home's server, held until it is closed. Raises UsageError where another process has it.

    Two servers on one database would each take the runs of the other for dead.
    """
    folder = folder_of(home)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    file = (folder / "claim").open("a", encoding="utf-8")
    for _ in range(_CLAIM_TRIES):
        if _locked(file, fcntl.LOCK_EX):
            file.truncate(0)
            file.write(api_url)
            file.flush()
            return file
        time.sleep(0.1)
    file.close()
    raise UsageError(
        f"another `ragloop up` or demo runs a Prefect server on {folder}; end it, or name another --home"
    ) from None


def running_url(home: Path) -> str | None:
    """Return the address of the API that `ragloop up` or a demo serves for a home; None where none runs."""
    try:
        with (folder_of(home) / "claim").open(encoding="utf-8") as file:
            return None if _locked(file, fcntl.LOCK_SH) else file.read().strip() or None
    except OSError:
        return None


def _locked(file: IO[str], kind: int) -> bool:
    """Return whether the lock was free, and is now held until the file is closed."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
