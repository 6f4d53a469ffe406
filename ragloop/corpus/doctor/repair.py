"""What a repair does to a store, from what was found; the ordinary sync makes anew what has to be read again.

A document that is wrong gets the revision WAITING and no stamp in the ledger, all of them in one commit: the next sync,
whoever starts it, reads it and writes all of its rows. So a repair that is killed is finished by any sync.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ragloop.corpus.doctor.audit import Audit
from ragloop.corpus.index import health, vectors
from ragloop.corpus.index.generations.generation import Generation, KnownGeneration
from ragloop.corpus.index.generations.table import restore_generations, set_damaged_aside
from ragloop.corpus.index.ledger import WAITING
from ragloop.corpus.index.predicates import CHUNKS
from ragloop.corpus.index.retention import GRACE
from ragloop.corpus.index.table import Index, tombstone
from ragloop.corpus.index.vectors import table_of, to_numpy
from ragloop.models import Embedder
from ragloop.store import TABLES, Store, quoted

_PART = 1000


@dataclass
class Treatment:
    """What is to be done. `anew`: tables to make, empty; `generations`: the rows of theirs, where it is to be made.

    `aside`: tables to be set aside; `damaged`: generations, by their table, likewise; `reindex`: columns of the active
    index.

    `clean`: tables with files that no version names; `rebuild`: the active index cannot be read.
    """

    anew: set[str] = field(default_factory=set)
    generations: tuple[KnownGeneration, ...] | None = None
    aside: set[str] = field(default_factory=set)
    damaged: set[str] = field(default_factory=set)
    reindex: list[str] = field(default_factory=list)
    clean: set[str] = field(default_factory=set)
    rebuild: bool = False
    sync: bool = False


def treat(
    store: Store,
    generation: Generation | None,
    treatment: Treatment,
    audit: Audit | None,
    open_embedder: Callable[[Generation], Embedder],
) -> int:
    """Do it, in an order in which each step can rely on the ones before; returns how many strings were embedded.

    Needs the index lease. Raises as `open_embedder` does where vectors disagree.
    """
    embedded = 0
    for name in treatment.anew:
        store.create(name, TABLES[name])
    if treatment.generations is not None:
        restore_generations(store, treatment.generations)
    for name in treatment.aside:
        store.set_aside(name)
    if treatment.damaged:
        set_damaged_aside(store, treatment.damaged)
    if generation is not None and audit is not None:
        index = Index(store, generation)
        health.index_anew(index, treatment.reindex)
        # A document is made anew from stored vectors, so these come first.
        embedded = _settle(index, audit, open_embedder)
        _mend_vectors(index, audit)
        _mend_rows(index, audit)
    for name in treatment.clean:
        with store.writing("optimize", name):
            store.table(name).optimize(cleanup_older_than=GRACE, delete_unverified=True)
    return embedded


def _mend_rows(index: Index, audit: Audit) -> None:
    """Remove doubles; then, in one commit, remove what has no document and let what is wrong wait for a sync."""
    name, store = index.generation.table, index.store
    for part in _parts(audit.doubled):
        store.delete(name, f"_rowid IN ({', '.join(map(str, part))})")
    waiting = [{**audit.ledger[one], "revision": WAITING, "stamp": ""} for one in sorted(audit.wrong())]
    gone = [tombstone(one, kind, document) for one, (document, kind) in audit.ownerless.items()]
    rows = [{name: value for name, value in row.items() if name != "_rowid"} for row in waiting] + gone
    index.commit(rows, [None] * len(rows))


def _settle(index: Index, audit: Audit, open_embedder: Callable[[Generation], Embedder]) -> int:
    """Embed again the strings whose vectors disagree, since neither is known to be right."""
    known = {text_hash: text for text_hash, text in audit.disagreeing.items() if text}
    audit.broken |= audit.disagreeing.keys() - known.keys()
    if known:
        made = open_embedder(index.generation).embed(list(known.values()))
        vectors.add_vectors(index.store, table_of(index.generation.embedder), list(known), made, replaces=True)
    return len(known)


def _mend_vectors(index: Index, audit: Audit) -> None:
    """Forget vectors that are none; store those that only the index has, so that no string is embedded again."""
    store, name = index.store, table_of(index.generation.embedder)
    for part in _parts(sorted(audit.broken)):
        store.delete(name, f"text_hash IN ({quoted(part)})")
    for part in _parts(sorted(audit.not_stored)):
        where = f"{CHUNKS} AND text_hash IN ({quoted(part)}) AND vector IS NOT NULL"
        rows = store.rows(index.generation.table, where, ["text_hash", "vector"])
        hashes, first = np.unique(rows["text_hash"].to_pylist(), return_index=True)
        if len(hashes):
            made = to_numpy(rows["vector"], index.generation.dimension)[first]
            vectors.add_vectors(store, name, hashes.tolist(), made)


def _parts(values: Sequence[str] | Sequence[int]) -> Iterable[Sequence[str]]:
    for first in range(0, len(values), _PART):
        yield values[first : first + _PART]  # type: ignore[misc]
