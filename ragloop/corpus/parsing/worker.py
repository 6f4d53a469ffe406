"""The process that parses, one document after the other, until its parent closes the pipe or ends.

python -m ragloop.corpus.parsing.worker PARENT_PID MEMORY_BYTES
"""

import ctypes
import os
import resource
import signal
import sys
from typing import IO, Any

from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.messages import packed, receive, send
from ragloop.errors import DocumentError

_PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    """Answer requests from standard input; what a library prints goes to standard error."""
    parent, memory_bytes = int(sys.argv[1]), int(sys.argv[2])
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _end_with(parent)
    _limit_memory(memory_bytes)
    send(replies, {"ready": True})
    while (message := receive(requests)) is not None:
        _answer(replies, *message)


def _answer(replies: IO[bytes], request: dict[str, Any], data: bytes) -> None:
    try:
        reply = packed(parse(data, request["media_type"], request["name"], ParseLimits(**request["limits"])))
    except DocumentError as error:
        reply = {"refused": str(error)}, b""
    except MemoryError:
        send(replies, {"exhausted": True})
        sys.exit(1)  # what is left of the memory is in pieces
    except Exception as error:  # noqa: BLE001 - a parser may raise anything; the parent quarantines the document
        reply = {"failed": f"{type(error).__name__}: {error}"}, b""
    send(replies, *reply)


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, be it in the middle of a document."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def _limit_memory(most: int) -> None:
    """Limit private memory: unlike RLIMIT_AS it leaves out what is only reserved or mapped from libraries."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


if __name__ == "__main__":
    main()
