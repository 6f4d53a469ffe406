"""What every system is given: the chunks of a document, one embedding function, a clock, and kills.

Runs in the environment of each peer, so it needs numpy only. A script beside it is called as
SCRIPT sync|rows --documents FOLDER --chunks FOLDER --state FOLDER [--kill-after SECONDS]; `sync` brings the index to
the state of the folder and prints what that took, `rows` prints what the index holds. Both print one JSON object.
"""

import argparse
import hashlib
import json
import os
import resource
import signal
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

DIMENSION = 384
_TABLE = np.random.default_rng(7).standard_normal((4096, DIMENSION)).astype(np.float32)
_TABLE /= np.linalg.norm(_TABLE, axis=1, keepdims=True)

embedded = 0
"""Strings that were embedded in this process."""
indexes_s = 0.0
"""CPU that this process spent on indexes, where the system makes any."""


def embed(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors chosen by a hash of the text, shape (len(texts), DIMENSION): the cost of a string is constant."""
    global embedded
    embedded += len(texts)
    return _TABLE[[zlib.crc32(text.encode()) % len(_TABLE) for text in texts]]


def chunks_of(data: bytes, chunks: Path) -> list[dict[str, str]]:
    """The chunks that ragloop makes of these bytes: text, embedded, heading."""
    return json.loads((chunks / hashlib.sha256(data).hexdigest()).read_bytes())


def documents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every document with its key, by key."""
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        yield str(path.relative_to(folder)), path.read_bytes()


def cpu_s() -> float:
    """User and system time of this process and of the children that it waited for."""
    both = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(one.ru_utime + one.ru_stime for one in both)


Rows = list[tuple[str, str]]
"""(key of the document, text of the chunk) of every row, repeated as often as the index has it."""


def main(
    packages: Sequence[str],
    sync: Callable[[Path, Path, Path], None],
    rows: Callable[[Path], Rows],
    commits: Callable[[Path], int],
) -> None:
    """`sync` takes documents, chunks and state; `commits` counts the versions that the index has had."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("sync", "rows", "versions"))
    for folder in ("--documents", "--chunks", "--state"):
        parser.add_argument(folder, type=Path)
    parser.add_argument("--kill-after", type=float, default=0.0)
    given = parser.parse_args()
    if given.what == "versions":
        answer = {name: version(name) for name in packages}
    elif given.what == "rows":
        answer = {"rows": rows(given.state)}
    else:
        before, began, started = commits(given.state), time.perf_counter(), cpu_s()
        if given.kill_after:
            threading.Timer(given.kill_after, os.kill, (os.getpid(), signal.SIGKILL)).start()
        sync(given.documents, given.chunks, given.state)
        answer = {"cpu_s": cpu_s() - started, "seconds": time.perf_counter() - began, "embedded": embedded}
        answer["indexes_s"] = indexes_s
        answer["commits"] = commits(given.state) - before
    print(json.dumps(answer), flush=True)
    os._exit(0)  # a runtime that lingers is none of the sync


def lance_versions(table_folder: Path) -> int:
    """Versions that a LanceDB table has had; the newest manifest carries the number of the last one."""
    import lancedb

    if not table_folder.is_dir():
        return 0
    table = lancedb.connect(table_folder.parent).open_table(table_folder.stem)
    return int(table.version)
