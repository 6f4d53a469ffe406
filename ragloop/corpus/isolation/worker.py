"""The process that parses, and cuts long texts into chunks, until its parent closes the pipe or ends.

python -m ragloop.corpus.isolation.worker PARENT_PID MEMORY_BYTES
"""

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from typing import IO, Any

from ragloop.corpus.chunking.chunker import chunk
from ragloop.corpus.isolation.messages import packed, packed_chunks, receive, send
from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.limits import ParseLimits
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
        _Work(requests, replies, message[0]).answer(message[1])


class _Work:
    def __init__(self, requests: IO[bytes], replies: IO[bytes], request: dict[str, Any]) -> None:
        self._requests, self._replies, self._request = requests, replies, request
        self._step = "parser"

    def answer(self, data: bytes) -> None:
        """Reply to one request."""
        try:
            reply = self._read(data)
        except DocumentError as error:
            reply = {"refused": str(error)}, b""
        except MemoryError:
            send(self._replies, {"exhausted": True})
            sys.exit(1)  # what is left of the memory is in pieces
        except Exception as error:  # noqa: BLE001 - a parser may raise anything; the parent quarantines the document
            reply = {"failed": f"{self._step} failed with {type(error).__name__}: {error}"}, b""
        send(self._replies, *reply)

    def _read(self, data: bytes) -> tuple[dict[str, Any], bytes]:
        """The document, or its chunks where it has more text than the parent cuts."""
        request = self._request
        document = parse(data, request["media_type"], request["name"], ParseLimits(**request["limits"]))
        if request["chunk_tokens"] is None or len(document.text) <= request["short"]:
            return packed(document)
        self._step = "chunker"
        return packed_chunks(document, chunk(document, self._count_tokens, request["chunk_tokens"]))

    def _count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Ask the parent, whose tokenizer may be any."""
        send(self._replies, {"count": len(texts)}, json.dumps(list(texts)).encode())
        answered = receive(self._requests)
        if answered is None:
            sys.exit(1)  # the parent gave up
        counts: list[int] = answered[0]["counts"]
        return counts


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
