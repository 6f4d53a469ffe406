"""Read, parse and chunk the documents of a plan, some of them ahead of need; touches no table."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from ragloop.corpus.chunking.above import CountTokens
from ragloop.corpus.index.ledger import LedgerRow
from ragloop.corpus.isolation.process import Cut, DocumentParser
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.sources.source import Listed, Source
from ragloop.corpus.sources.whole import Whole, read_whole
from ragloop.corpus.sync.preparing.prepared import Prepared
from ragloop.errors import DocumentError, NotFoundError, PassingDocumentError
from ragloop.models.language_identification import language_of
from ragloop.wording import few

READ_AHEAD = 8
"""Documents read and parsed while others are encoded."""
MOST_SENTENCES = 50
MOST_OF_SENTENCE = 500
"""Most sentences, and characters of each, that are kept of what was not read of a document."""
AHEAD_BYTES = 64 * 2**20
"""Of so many bytes together, or one: what is read ahead is held in memory."""


class Preparation:
    """Prepares the documents of one source, whose ledger tells which bytes need no parsing. Reading, parsing and
    chunking are apart: `limits` hold for parsing and chunking, which may run in a process of their own.

    Pickled, it goes to another process without the ledger, which hears of the rows that it needs (`group`).
    """

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

    def __reduce__(self) -> tuple[Any, ...]:
        how: dict[str, Any] = {
            "chunk_tokens": self._chunk_tokens,
            "max_bytes": self._max_bytes,
            "limits": self._parser.limits,
        }
        return partial(Preparation, self._source, {}, self._count_tokens, **how), ()

    def documents(self, listing: Iterable[Listed]) -> Iterator[Prepared]:
        """Yield prepared documents in order, some of them read and parsed ahead in threads while others are embedded.

        What vanished since it was listed is left out; the next listing deletes it, or finds it under its new name.
        """
        waiting: deque[tuple[int, Future[Prepared | None]]] = deque()
        ahead = 0
        with (
            self._parser,
            ThreadPoolExecutor(self._source.readers, "read") as reader,
            ThreadPoolExecutor(1) as preparer,
        ):
            try:
                for listed in listing:
                    while waiting and (len(waiting) > READ_AHEAD or ahead + listed.size > AHEAD_BYTES):
                        size, preparing = waiting.popleft()
                        ahead -= size
                        if ready := preparing.result():
                            yield ready
                    reading = reader.submit(self._read, listed)
                    row = self._ledger.get(listed.key)
                    waiting.append((listed.size, preparer.submit(self._prepared, listed, row, reading)))
                    ahead += listed.size
                for _, preparing in waiting:
                    if ready := preparing.result():
                        yield ready
            finally:
                # The preparing thread may be waiting for what is read, or for a parser that hangs.
                preparer.shutdown(wait=False, cancel_futures=True)
                reader.shutdown(cancel_futures=True)
                self._parser.abandon()

    def row(self, listed: Listed) -> LedgerRow | None:
        """Return what the ledger says of a document."""
        return self._ledger.get(listed.key)

    def group(self, documents: Sequence[tuple[Listed, LedgerRow | None]]) -> list[Prepared | None]:
        """Prepare these documents, each with its ledger row, in order; None for one that is not there.

        They are parsed in the calling thread: a parser's process ends with the thread that started it.
        """
        with ThreadPoolExecutor(self._source.readers, "read") as reader:
            readings = [reader.submit(self._read, listed) for listed, _ in documents]
            return [self._prepared(*document, reading) for document, reading in zip(documents, readings, strict=True)]

    def _read(self, listed: Listed) -> Whole:
        return read_whole(self._source, listed, self._max_bytes, self._parser.limits)

    def _prepared(self, listed: Listed, row: LedgerRow | None, reading: Future[Whole]) -> Prepared | None:
        try:
            whole = reading.result()
        except NotFoundError:
            return None
        except DocumentError as error:
            return Prepared(listed, None, None, reason=str(error), stopped=isinstance(error, PassingDocumentError))
        prepared = Prepared(listed, replace(whole.read, data=b""), whole.revision, bytes_read=len(whole.data))
        if row is not None and row.revision == whole.revision and row.is_described_as(listed.uri, self._source.labels):
            return prepared
        try:
            cut = self._cut(whole, listed.key)
        except DocumentError as error:
            return replace(prepared, reason=str(error), stopped=isinstance(error, PassingDocumentError))
        left_out = tuple(one[:MOST_OF_SENTENCE] for one in few(cut.left_out, MOST_SENTENCES))
        read_as = {name: getattr(cut, name) for name in ("title", "chunks", "encoding", "recognised")}
        told = language_of(cut.prose)
        return replace(prepared, left_out=left_out, language=told and told.language, **read_as)

    def _cut(self, whole: Whole, key: str) -> Cut:
        kind = whole.media_type(key)
        return self._parser.chunks(whole.data, kind, PurePosixPath(key).name, self._count_tokens, self._chunk_tokens)
