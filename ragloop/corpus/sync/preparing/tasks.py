"""The tasks of a worker: prepare a group of documents, embed some texts.

What goes out is how to do it and what to do it with, never what it takes to get in: a source goes without credentials,
which a worker has by the usual means, an embedder as how to open it and what fingerprint it must have. Every task can
be done twice, so a worker that dies costs its tasks and no more.
"""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, TypeVar, cast

from ragloop.corpus.index.generations.generation import CHUNKER, PARSER
from ragloop.corpus.index.ledger import LedgerRow
from ragloop.corpus.sources.source import Listed
from ragloop.corpus.sync.preparing.preparation import Preparation
from ragloop.corpus.sync.preparing.prepared import Prepared
from ragloop.errors import MismatchError, RagloopError
from ragloop.models import Embedder, Vectors

if TYPE_CHECKING:
    from ragloop.models.embedding.runtimes import Backend

T = TypeVar("T")
OpensEmbedder = Callable[[], Embedder]
"""Opens an embedder, here or in a worker: it can be pickled."""
_OPENING = RLock()
"""Threads of one worker open a thing once."""


@dataclass(frozen=True)
class Versions:
    """The parser and the chunker that a process has."""

    parser: str
    chunker: str


OURS = Versions(PARSER, CHUNKER)


@dataclass(frozen=True)
class Refused:
    """An error that ragloop raises on purpose, on its way to another process: its cause may not be picklable."""

    kind: type[RagloopError]
    message: str


@dataclass(frozen=True)
class SentEmbedder:
    """An embedder on its way to a worker: what opens it, pickled, and the fingerprint that it must have there."""

    opens: bytes
    fingerprint: str


def prepare_group(
    sync: Versions, preparation: bytes, documents: Sequence[tuple[Listed, LedgerRow | None]]
) -> list[Prepared | None] | Refused:
    """Prepare documents, each with its ledger row, by a pickled Preparation; None for a document that is not there."""
    return _answer(sync, partial(_prepared, preparation, documents))


def embed_part(sync: Versions, embedder: SentEmbedder, texts: Sequence[str]) -> Vectors | Refused:
    """Embed texts."""
    return _answer(sync, partial(_embedded, embedder, texts))


def _answer(sync: Versions, work: Callable[[], T]) -> T | Refused:
    """Do a task of a sync that has our parser and chunker; return what is raised on purpose."""
    try:
        if sync != OURS:
            raise MismatchError(
                f"a worker has parser {PARSER} and chunker {CHUNKER}, the sync has {sync.parser} and "
                f"{sync.chunker}: install one ragloop everywhere"
            )
        return work()
    except RagloopError as error:
        return Refused(type(error), str(error))


def _prepared(preparation: bytes, documents: Sequence[tuple[Listed, LedgerRow | None]]) -> list[Prepared | None]:
    with _OPENING:
        opened = _received(preparation)
    return opened.group(documents)


def _embedded(embedder: SentEmbedder, texts: Sequence[str]) -> Vectors:
    return open_sent(embedder).embed(texts)


@lru_cache(maxsize=4)
def _received(preparation: bytes) -> Preparation:
    opened: Preparation = pickle.loads(preparation)
    return opened


def open_sent(sent: SentEmbedder) -> Embedder:
    """Open an embedder in this process, once. Raises MismatchError where it is another model."""
    with _OPENING:
        return _opened(sent)


@lru_cache(maxsize=2)
def _opened(sent: SentEmbedder) -> Embedder:
    embedder: Embedder = pickle.loads(sent.opens)()
    if embedder.fingerprint != sent.fingerprint:
        raise MismatchError(
            f"a worker opened the embedder {embedder.fingerprint}, expected {sent.fingerprint}: "
            "install the same model everywhere"
        )
    return embedder


def model_opener(name: str, backend: str, cache: Path | None, threads: int | None) -> OpensEmbedder:
    """Open a model by its name; `cache` of None is that of the process that opens. A worker is one of several."""
    return partial(_open_model, name, backend, cache, threads or 1)


def _open_model(name: str, backend: str, cache: Path | None, threads: int) -> Embedder:
    from ragloop.models.cache import default_cache
    from ragloop.models.embedding.runtimes import open_embedder

    chosen = None if backend == "auto" else cast("Backend", backend)
    return open_embedder(name, cache or default_cache(), backend=chosen, threads=threads)
