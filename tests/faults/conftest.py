"""A disk that runs full."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class SmallDisk:
    """A file system of eight megabytes, mounted at `place`."""

    place: Path

    def fill(self, leave: int = 0) -> None:
        """Take all but so many bytes, to the page."""
        free = os.statvfs(self.place)
        ballast = b"x" * max(0, free.f_bavail * free.f_frsize - leave)
        with (self.place / "ballast").open("ab", buffering=0) as file, suppress(OSError):
            while ballast := ballast[file.write(ballast) :]:
                pass

    def make_room(self) -> None:
        (self.place / "ballast").unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], capture_output=True)
    if made.returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield SmallDisk(place)
    subprocess.run(["umount", "--lazy", str(place)], check=True)
