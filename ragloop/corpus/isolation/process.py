"""Parsing and chunking that cannot take the sync down: of short texts here, of all else in a worker that can be killed.

A parser of a binary format may run for ever, take all memory or crash. It then takes a process with it that holds
nothing: no lease, no table, no other document. A long text is cut into chunks there as well: what that takes grows with
the text. Short texts of the plain formats are parsed here, and short texts of any are cut here: both take time and
memory in proportion to a text that is short. docs/decisions/0002-formats.md has what a message costs.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import IO, Any, NamedTuple

from ragloop.corpus.chunking.above import CountTokens
from ragloop.corpus.chunking.chunker import Chunk, chunk
from ragloop.corpus.isolation.messages import receive, send, unpacked, unpacked_chunks
from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.prose import prose_sample
from ragloop.errors import DocumentError, ParserStoppedError, RagloopError, UnavailableError

SHORT_TEXT_BYTES = 256 * 1024
"""Longer texts are parsed, and those of more characters are cut into chunks, in the worker."""
SHORT_MARKDOWN_BYTES = 64 * 1024
"""The same of Markdown: each line below a quotation is read once per level that it may go on, of which there are 20."""
_SHORT = {
    "text/markdown": SHORT_MARKDOWN_BYTES,
    "text/mdx": SHORT_MARKDOWN_BYTES,
    "text/x-rst": SHORT_TEXT_BYTES,
    "text/plain": SHORT_TEXT_BYTES,
}
_START_SECONDS = 60.0


class Cut(NamedTuple):
    """A document as the index takes it: its title, its chunks, its encoding, in sentences what was not read, the
    images whose text is kept because of it, and a sample of its prose."""

    title: str
    chunks: Sequence[Chunk]
    encoding: str
    left_out: tuple[str, ...]
    recognised: tuple[str, ...]
    prose: str


class DocumentParser:
    """Parses documents one at a time within limits; the worker starts with the first document that needs it."""

    def __init__(self, limits: ParseLimits | None = None) -> None:
        self.limits = limits or ParseLimits()
        self._worker: _Worker | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> "DocumentParser":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def parse(self, data: bytes, media_type: str, name: str) -> ParsedDocument:
        """The document in `data`.

        Raises DocumentError where it cannot be read or exceeds a limit, ParserStoppedError where the worker had to be
        killed or crashed, UnavailableError where none can be started.
        """
        if _is_short(data, media_type):
            return _parsed(data, media_type, name, self.limits)
        return unpacked(*self._asked(data, media_type, name))

    def chunks(self, data: bytes, media_type: str, name: str, count_tokens: CountTokens, chunk_tokens: int) -> Cut:
        """Read the document in `data` and cut it into chunks; raises as `parse` does.

        An error that ragloop raises on purpose, such as a model that is away, is none of the document's.
        """
        if _is_short(data, media_type):
            document = _parsed(data, media_type, name, self.limits)
        else:
            header, payload = self._asked(data, media_type, name, count_tokens, chunk_tokens)
            if "chunks" in header:
                chunks = unpacked_chunks(header, payload)
                left_out, recognised = (tuple(header[name]) for name in ("left_out", "recognised"))
                return Cut(header["title"], chunks, header["encoding"], left_out, recognised, header["prose"])
            document = unpacked(header, payload)
        with _failing("chunker"):
            chunks = chunk(document, count_tokens, chunk_tokens)
        left_out, recognised = document.left_out, document.recognised
        return Cut(document.title, chunks, document.encoding, left_out, recognised, prose_sample(document))

    def _asked(
        self,
        data: bytes,
        media_type: str,
        name: str,
        count_tokens: CountTokens | None = None,
        chunk_tokens: int | None = None,
    ) -> tuple[dict[str, Any], bytes]:
        request = {
            "media_type": media_type,
            "name": name,
            "limits": asdict(self.limits),
            "chunk_tokens": chunk_tokens,
            "short": SHORT_TEXT_BYTES,
        }
        with self._lock:
            if self._worker is None or not self._worker.alive:
                self.close()
                self._worker = _Worker(self.limits.most_memory_bytes)
            return self._worker.ask(self.limits, request, data, count_tokens)

    @property
    def worker_pid(self) -> int | None:
        """The process that parses now; None while there is none."""
        return self._worker.pid if self._worker is not None and self._worker.alive else None

    def abandon(self) -> None:
        """Kill the worker; a document that another thread waits for then fails at once."""
        worker = self._worker
        if worker is not None:
            worker.kill()

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None


def _is_short(data: bytes, media_type: str) -> bool:
    return len(data) <= _SHORT.get(media_type, -1)


def _parsed(data: bytes, media_type: str, name: str, limits: ParseLimits) -> ParsedDocument:
    with _failing("parser"):
        return parse(data, media_type, name, limits)


@contextlib.contextmanager
def _failing(step: str) -> Iterator[None]:
    """Have whatever one document makes a parser, the tokenizer or the chunker raise stop no other."""
    try:
        yield
    except RagloopError:
        raise
    except Exception as error:  # tokenizers raises no narrower class
        raise DocumentError(
            f"the {step} failed with {type(error).__name__}: {error}; simplify or leave it out"
        ) from error


class _Worker:
    """A process that parses. It ends with `end`, or when nobody holds this object any more: one parser may serve many
    syncs of a cluster, and is then dropped by a cache."""

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self._scratch = tempfile.mkdtemp(prefix="ragloop-worker-")
        command = [sys.executable, "-m", "ragloop.corpus.isolation.worker", str(os.getpid()), str(memory_bytes)]
        # A session of its own: Ctrl-C is for the sync, which ends the worker and what it started. No descriptor but the
        # pipes is inherited. What a killed worker leaves lies in a folder that is removed with it.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,
            env={**os.environ, "TMPDIR": self._scratch},
        )
        self.end = weakref.finalize(self, _end, self._process, self._stderr, self._scratch, os.getpid())
        if self._receive(_START_SECONDS)[0] is None:
            last = self._last_words()
            self.end()
            raise UnavailableError(
                f"the parsing process did not start ({last}); expected `{' '.join(command[:3])}` to run: "
                "check the installation and sync again"
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(
        self, limits: ParseLimits, request: dict[str, Any], data: bytes, count_tokens: CountTokens | None
    ) -> tuple[dict[str, Any], bytes]:
        """The reply that is a document or its chunks."""
        try:
            message, expired = self._receive(limits.most_seconds, request, data, count_tokens)
        except Exception:
            self.end()  # it waits for what will not come
            raise
        if message is None or "exhausted" in message[0]:
            stopped = self._stopped(limits.most_seconds if expired else None, exhausted=message is not None)
            self.end()
            raise stopped
        header, payload = message
        if expired:
            self.end()
        if "refused" in header:
            raise DocumentError(header["refused"])
        if "failed" in header:
            raise DocumentError(f"the {header['failed']}; simplify or leave it out")
        return header, payload

    def _receive(
        self,
        seconds: float,
        request: dict[str, Any] | None = None,
        data: bytes = b"",
        count_tokens: CountTokens | None = None,
    ) -> tuple[tuple[dict[str, Any], bytes] | None, bool]:
        """Send a request, if there is one, and wait for the reply; whether the time ran out.

        A process that is killed closes its pipes: a timer ends a write that is not taken and a reply that never comes.
        """
        expired = threading.Event()
        timer = threading.Timer(seconds, self._expire, (expired,))
        timer.start()
        try:
            reply = self._exchange(request, data, count_tokens)
        except BrokenPipeError:
            reply = None
        finally:
            timer.cancel()
            timer.join()
        return reply, expired.is_set()

    def _expire(self, expired: threading.Event) -> None:
        expired.set()
        self.kill()

    def _exchange(
        self, request: dict[str, Any] | None, data: bytes, count_tokens: CountTokens | None
    ) -> tuple[dict[str, Any], bytes] | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if request is not None:
            send(self._process.stdin, request, data)
        while (message := receive(self._process.stdout)) is not None and "count" in message[0]:
            assert count_tokens is not None
            with _failing("chunker"):
                counts = count_tokens(json.loads(message[1]))
            send(self._process.stdin, {"counts": counts})
        return message

    def _stopped(self, expired_s: float | None, *, exhausted: bool) -> ParserStoppedError:
        most = self._memory_bytes // 2**20
        if expired_s is not None:
            return ParserStoppedError(
                f"the parser took longer than {expired_s:g} s and was stopped; expected less, "
                "cutting it into chunks included: "
                "raise sync.max_parse_seconds to give it more, or leave it out"
            )
        if exhausted:
            return ParserStoppedError(
                f"the parser needs more than {most:,} MiB of memory, expected less, cutting it into chunks included: "
                "raise sync.max_parse_mb to give it more, or leave it out"
            )
        code = self._process.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return ParserStoppedError(
            f"the parser {how} at this document, within {most:,} MiB of memory ({self._last_words()}); "
            "expected a document that it survives: raise sync.max_parse_mb, or leave it out"
        )

    def _last_words(self) -> str:
        self._stderr.seek(0)
        lines = self._stderr.read()[-10_000:].decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def kill(self) -> None:
        _kill(self._process)


def _end(process: "subprocess.Popen[bytes]", stderr: IO[bytes], scratch: str, owner: int) -> None:
    """End the process, close its pipes and remove what it left; a fork of its owner leaves all of it alone."""
    if os.getpid() != owner:
        return
    _kill(process)
    process.wait()
    shutil.rmtree(scratch, ignore_errors=True)
    for stream in (process.stdin, process.stdout, stderr):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):  # what it did not take
                stream.close()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a worker and what it started, such as LibreOffice."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # all of them have ended
        os.killpg(process.pid, signal.SIGKILL)
