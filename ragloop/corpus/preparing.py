"""Read, parse and chunk the documents of a plan, some of them ahead of need; touches no table."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath

from ragloop.corpus.chunking import Chunk, CountTokens, chunk
from ragloop.corpus.document import ParsedDocument
from ragloop.corpus.local import Read, Source
from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.planning import LedgerRow, Listed, is_described
from ragloop.errors import DocumentError, NotFoundError

READ_AHEAD = 8
"""Documents read and parsed while others are encoded."""


@dataclass(frozen=True)
class Prepared:
    """A document that was read: `chunks` is None where its bytes are the ledger's, `reason` says why it failed."""

    listed: Listed
    read: Read | None
    revision: str | None
    title: str | None = None
    chunks: Sequence[Chunk] | None = None
    reason: str | None = None


class Preparation:
    """Prepares the documents of one source, whose ledger tells which bytes need no parsing."""

    def __init__(
        self,
        source: Source,
        ledger: Mapping[str, LedgerRow],
        count_tokens: CountTokens,
        *,
        chunk_tokens: int,
        max_bytes: int,
    ) -> None:
        self._source, self._ledger, self._count_tokens = source, ledger, count_tokens
        self._chunk_tokens, self._max_bytes = chunk_tokens, max_bytes

    def documents(self, listing: Iterable[Listed]) -> Iterator[Prepared]:
        """Prepared documents in order, some of them read ahead in a thread of their own while others are encoded.

        What vanished since it was listed is left out; the next listing deletes it, or finds it under its new name.
        """
        waiting: deque[Future[Prepared | None]] = deque()
        with ThreadPoolExecutor(1, "prepare") as reader:
            try:
                for listed in listing:
                    waiting.append(reader.submit(self._prepared, listed))
                    if len(waiting) > READ_AHEAD and (ready := waiting.popleft().result()):
                        yield ready
                while waiting:
                    if ready := waiting.popleft().result():
                        yield ready
            finally:
                reader.shutdown(cancel_futures=True)

    def _prepared(self, listed: Listed) -> Prepared | None:
        read, revision = None, None
        try:
            read = self._source.read(listed, self._max_bytes)
            revision = hashlib.sha256(read.data).hexdigest()
            row = self._ledger.get(listed.key)
            if row is not None and row.revision == revision and is_described(row, listed, self._source.labels):
                return Prepared(listed, read, revision)
            parsed = _parse(read.data, listed.key)
            chunks = chunk(parsed, self._count_tokens, self._chunk_tokens)
            return Prepared(listed, read, revision, parsed.title, chunks)
        except NotFoundError:
            return None
        except DocumentError as error:
            return Prepared(listed, read, revision, reason=str(error))


def _parse(data: bytes, key: str) -> ParsedDocument:
    kind = media_type(key)
    if kind is None:
        suffix = PurePosixPath(key).suffix or "no suffix"
        raise DocumentError(f"found {suffix}, expected a supported format; leave it out with sources.exclude")
    try:
        return parse(data, kind, PurePosixPath(key).name)
    except (ValueError, LookupError, ArithmeticError, RuntimeError, AttributeError, TypeError, MemoryError) as error:
        # A parser that fails on one document, for whatever reason, must not stop the others.
        raise DocumentError(
            f"the parser failed with {type(error).__name__}: {error}; simplify or leave it out"
        ) from error
