"""Files that cannot be read for a while, though nothing is wrong with them: refused by the system, then back."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def denied(files: Iterable[Path]) -> Iterator[None]:
    """EACCES: nobody may open the files. Root may always, so that the block runs as another user where root runs it."""
    modes = {file: file.stat().st_mode for file in files}
    for file in modes:
        file.chmod(0)
    try:
        with as_nobody():
            yield
    finally:
        for file, mode in modes.items():
            if file.exists():
                file.chmod(mode)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Run the block as another user, where root runs it."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(0)


@contextmanager
def looped(files: Iterable[Path]) -> Iterator[None]:
    """ELOOP: a link to itself stands where each file was."""
    with tempfile.TemporaryDirectory() as top:
        hidden = {file: Path(top, str(number)) for number, file in enumerate(files)}
        for file, kept in hidden.items():
            file.replace(kept)
            file.symlink_to(file)
        try:
            yield
        finally:
            for file, kept in hidden.items():
                if file.parent.is_dir():
                    kept.replace(file)


@contextmanager
def home_of_nobody() -> Iterator[Path]:
    """A folder that another user may write in; those of pytest are closed to all but their owner."""
    with tempfile.TemporaryDirectory() as made:
        if os.geteuid() == 0:
            os.chown(made, NOBODY, NOBODY)
        yield Path(made)


def given_to_nobody(top: Path) -> None:
    """Let the user as whom `denied` runs its block own all below."""
    if os.geteuid() == 0:
        for folder, _, files in os.walk(top):
            for one in (Path(folder), *(Path(folder, file) for file in files)):
                os.chown(one, NOBODY, NOBODY, follow_symlinks=False)
