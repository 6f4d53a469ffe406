"""Read, parse and chunk the documents of a plan, some of them ahead of need; touches no table."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath

from ragloop.corpus.chunking import Chunk, CountTokens, chunk
from ragloop.corpus.parsing import media_type
from ragloop.corpus.parsing.isolation import DocumentParser
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.planning import LedgerRow, Listed, is_described
from ragloop.corpus.source import Read, Source
from ragloop.errors import DocumentError, NotFoundError, ParserStoppedError, RagloopError

READ_AHEAD = 8
"""Documents read and parsed while others are encoded."""


@dataclass(frozen=True)
class Prepared:
    """A document that was read: `chunks` is None where its bytes are the ledger's, `reason` says why it failed.

    `stopped`: its parser was killed or crashed, so that another try may end otherwise.
    """

    listed: Listed
    read: Read | None
    revision: str | None
    title: str | None = None
    chunks: Sequence[Chunk] | None = None
    reason: str | None = None
    stopped: bool = False


class Preparation:
    """Prepares the documents of one source, whose ledger tells which bytes need no parsing. Reading, parsing and
    chunking are apart: `limits` hold for parsing, which may run in a process of its own."""

    def __init__(
        self,
        source: Source,
        ledger: Mapping[str, LedgerRow],
        count_tokens: CountTokens,
        *,
        chunk_tokens: int,
        max_bytes: int,
        limits: ParseLimits | None = None,
    ) -> None:
        self._source, self._ledger, self._count_tokens = source, ledger, count_tokens
        self._chunk_tokens, self._max_bytes = chunk_tokens, max_bytes
        self._parser = DocumentParser(limits)

    def documents(self, listing: Iterable[Listed]) -> Iterator[Prepared]:
        """Prepared documents in order, some of them read and parsed ahead in threads while others are encoded.

        What vanished since it was listed is left out; the next listing deletes it, or finds it under its new name.
        """
        waiting: deque[Future[Prepared | None]] = deque()
        with (
            self._parser,
            ThreadPoolExecutor(self._source.readers, "read") as reader,
            ThreadPoolExecutor(1) as preparer,
        ):
            try:
                for listed in listing:
                    reading = reader.submit(self._source.read, listed, self._max_bytes)
                    waiting.append(preparer.submit(self._prepared, listed, reading))
                    if len(waiting) > READ_AHEAD and (ready := waiting.popleft().result()):
                        yield ready
                while waiting:
                    if ready := waiting.popleft().result():
                        yield ready
            finally:
                # The preparing thread may be waiting for what is read, or for a parser that hangs.
                preparer.shutdown(wait=False, cancel_futures=True)
                reader.shutdown(cancel_futures=True)
                self._parser.abandon()

    def _prepared(self, listed: Listed, reading: Future[Read]) -> Prepared | None:
        read, revision = None, None
        try:
            try:
                read = reading.result()
            except NotFoundError:
                return None
            revision = hashlib.sha256(read.data).hexdigest()
            row = self._ledger.get(listed.key)
            if row is not None and row.revision == revision and is_described(row, listed, self._source.labels):
                return Prepared(listed, read, revision)
            title, chunks = self._described(read.data, listed.key)
            return Prepared(listed, read, revision, title, chunks)
        except DocumentError as error:
            return Prepared(listed, read, revision, reason=str(error), stopped=isinstance(error, ParserStoppedError))

    def _described(self, data: bytes, key: str) -> tuple[str, Sequence[Chunk]]:
        """Title and chunks. Whatever one document makes a parser, the tokenizer or the chunker do must not stop others.

        An error that ragloop raises on purpose is none of the document's, unless it is a DocumentError.
        """
        kind, step = _kind(key), "parser"
        try:
            parsed = self._parser.parse(data, kind, PurePosixPath(key).name)
            step = "chunker"
            return parsed.title, chunk(parsed, self._count_tokens, self._chunk_tokens)
        except RagloopError:
            raise
        except Exception as error:  # tokenizers raises no narrower class
            raise DocumentError(
                f"the {step} failed with {type(error).__name__}: {error}; simplify or leave it out"
            ) from error


def _kind(key: str) -> str:
    kind = media_type(key)
    if kind is None:
        suffix = PurePosixPath(key).suffix or "no suffix"
        raise DocumentError(f"found {suffix}, expected a supported format; leave it out with sources.exclude")
    return kind
