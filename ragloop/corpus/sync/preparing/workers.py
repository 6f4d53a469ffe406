"""Spread the preparing of documents and the embedding of texts over workers, in this process or in others.

Planning and committing stay with the process that holds the lease.
"""

import pickle
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import ParamSpec, Protocol, TypeVar

import numpy as np

from ragloop.corpus.sources.source import Listed
from ragloop.corpus.sync.preparing.preparation import AHEAD_BYTES, Preparation
from ragloop.corpus.sync.preparing.prepared import Prepared
from ragloop.corpus.sync.preparing.tasks import (
    OURS,
    OpensEmbedder,
    Refused,
    SentEmbedder,
    embed_part,
    open_sent,
    prepare_group,
)
from ragloop.errors import UnavailableError
from ragloop.models import Embedder, Vectors

P = ParamSpec("P")
T = TypeVar("T")
Group = list[Listed]

GROUP_DOCUMENTS = 16
GROUP_BYTES = 4 * 2**20
"""Most documents and bytes in one task."""
GROUPS_AHEAD = 2
"""Groups under way for each worker."""
PARTS_PER_WORKER = 4
"""Tasks per worker that the strings of a batch are parted into, so that none waits long for the slowest."""
LEAST_STRINGS = 8
"""Fewer strings are not worth a task of their own."""
NO_WORKER_S = 60.0
"""A cluster without a worker is waited for so long."""
_LOOK_S = 5.0


class Executor(Protocol):
    """Where tasks are done."""

    def workers(self) -> int:
        """Count the tasks that are done at once now."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> Future[T]:
        """Begin a task."""

    def errors(self) -> AbstractContextManager[None]:
        """Raise what an error of the cluster means here."""


class Here:
    """This process, with its threads."""

    def documents(self, preparation: Preparation, listing: Iterable[Listed]) -> Iterator[Prepared]:
        return preparation.documents(listing)

    def embedder(self, here: Embedder, _: OpensEmbedder) -> Embedder:
        return here


class Workers:
    """Workers in other processes."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def documents(self, preparation: Preparation, listing: Iterable[Listed]) -> Iterator[Prepared]:
        """Prepare documents in order, some of them ahead; see Preparation.documents.

        What a worker does not find is looked for here: it may see less of a folder than the process that listed it.
        """
        sent, waiting = pickle.dumps(preparation), deque[tuple[Group, Future[list[Prepared | None] | Refused]]]()
        ahead = 0
        most = GROUPS_AHEAD * max(1, self._executor.workers())
        try:
            for group in _groups(listing):
                rows = [(listed, preparation.row(listed)) for listed in group]
                with self._executor.errors():
                    waiting.append((group, self._executor.submit(prepare_group, OURS, sent, rows)))
                ahead += sum(listed.size for listed in group)
                while len(waiting) > most or (len(waiting) > 1 and ahead > AHEAD_BYTES):
                    ahead -= sum(listed.size for listed in waiting[0][0])
                    yield from self._found(preparation, *waiting.popleft())
            while waiting:
                yield from self._found(preparation, *waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()

    def _found(
        self, preparation: Preparation, group: Group, future: Future[list[Prepared | None] | Refused]
    ) -> Iterator[Prepared]:
        done: list[Prepared | None] = self._result(future)
        for listed, prepared in zip(group, done, strict=True):
            if prepared is not None:
                yield prepared
            else:
                yield from preparation.documents([listed])

    def embedder(self, here: Embedder, opens: OpensEmbedder) -> Embedder:
        """Return the embedder `here`, its strings embedded by workers, which open it by `opens`."""
        return SpreadEmbedder(here, opens, self)

    def embedded(self, embedder: SentEmbedder, texts: Sequence[str]) -> list[Vectors]:
        """Embed texts in order; the vectors come in several arrays."""
        size = max(LEAST_STRINGS, -(-len(texts) // (PARTS_PER_WORKER * max(1, self._executor.workers()))))
        parts = [list(texts[first : first + size]) for first in range(0, len(texts), size)]
        with self._executor.errors():
            futures = [self._executor.submit(embed_part, OURS, embedder, part) for part in parts]
        try:
            return [self._result(future) for future in futures]
        finally:
            for future in futures:
                future.cancel()

    def _result(self, future: Future[T | Refused]) -> T:
        """Return what a task returned. Raises what it refused with, UnavailableError where the workers are gone."""
        seen = time.monotonic()
        while True:
            with self._executor.errors():
                try:
                    done = future.result(_LOOK_S)
                except TimeoutError:
                    if future.done():
                        raise
                else:
                    return _accepted(done)
                if self._executor.workers():
                    seen = time.monotonic()
            if time.monotonic() - seen > NO_WORKER_S:
                raise UnavailableError(
                    f"found no worker for {NO_WORKER_S:.0f} s; expected one: start workers, or set "
                    "sync.task_runner to threads. What was committed stays"
                )


def _accepted(done: T | Refused) -> T:
    if isinstance(done, Refused):
        raise done.kind(done.message)
    return done


def _groups(listing: Iterable[Listed]) -> Iterator[Group]:
    """Yield the documents of one task each, as they are asked for."""
    group: Group = []
    size = 0
    for listed in listing:
        group.append(listed)
        size += listed.size
        if len(group) >= GROUP_DOCUMENTS or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


class SpreadEmbedder:
    """An embedder whose texts workers embed. Pickled, with its `count_tokens`, it arrives as the one opened there."""

    def __init__(self, here: Embedder, opens: OpensEmbedder, workers: Workers) -> None:
        self._here, self._workers = here, workers
        self._sent = SentEmbedder(pickle.dumps(opens), here.fingerprint)
        self.fingerprint, self.dimension, self.max_tokens = here.fingerprint, here.dimension, here.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count tokens here: it takes less time than to send the texts."""
        return self._here.count_tokens(texts)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts by the workers."""
        parts = self._workers.embedded(self._sent, texts)
        return np.concatenate([np.empty((0, self.dimension), np.float32), *parts])

    def __reduce__(self) -> tuple[Callable[[SentEmbedder], Embedder], tuple[SentEmbedder]]:
        return open_sent, (self._sent,)
