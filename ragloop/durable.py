"""Files that appear whole or not at all, and that a power failure does not take back."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Yield a path beside `target` for the block to write to; force that file to disk and rename it to `target`.

    A block that raises leaves `target` as it was.
    """
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield part
        sync_to_disk(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    sync_to_disk(target.parent)


def sync_to_disk(path: Path) -> None:
    """Force a file or a folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
