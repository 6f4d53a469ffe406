"""What repairs the index that answers; the ordinary sync writes again what has to be read again.

A document that is wrong gets the revision WAITING and no stamp in the ledger: the next sync, whoever starts it, reads
it and writes all of its rows. Of a repair that is killed, any sync finishes what was marked; another repair finds the
rest.
"""

from collections.abc import Iterable, Sequence, Set
from typing import TypeVar

import numpy as np

from ragloop.corpus.doctor.examination import Examination
from ragloop.corpus.index import health, vectors
from ragloop.corpus.index.ledger import WAITING
from ragloop.corpus.index.table import Index, tombstone
from ragloop.corpus.index.vectors import table_of, to_numpy
from ragloop.store import quoted

_PART = 1000
_T = TypeVar("_T")


def rebuild_search_indexes(examined: Examination) -> None:
    """Build the search indexes that are wrong from all rows."""
    health.index_anew(_index(examined), examined.index.wrong_search_indexes)


def embed_again(examined: Examination) -> None:
    """Embed the strings whose vectors disagree, since neither is known to be right; where the string is unknown, delete
    the stored vector.

    Raises as the opening of an embedder does.
    """
    index, audit = _index(examined), examined.index.audit
    strings = audit.embeddable
    if strings:
        made = examined.patient.open_embedder(index.generation).embed(list(strings.values()))
        name = table_of(index.generation.embedder)
        vectors.add_vectors(index.store, name, list(strings), made, replaces=True)
    _delete_vectors(index, audit.disagreeing.keys() - strings.keys())


def delete_broken_vectors(examined: Examination) -> None:
    """Delete the stored vectors that are not of unit length."""
    _delete_vectors(_index(examined), examined.index.audit.broken)


def _delete_vectors(index: Index, hashes: Iterable[str]) -> None:
    for part in _parts(sorted(hashes)):
        index.store.delete(table_of(index.generation.embedder), f"text_hash IN ({quoted(part)})")


def store_vectors(examined: Examination) -> None:
    """Store the vectors that only the index has, so that no string is embedded again."""
    index = _index(examined)
    for part in _parts(sorted(examined.index.audit.not_stored)):
        where = f"NOT deleted AND kind = 'chunk' AND text_hash IN ({quoted(part)}) AND vector IS NOT NULL"
        rows = index.store.rows(index.generation.table, where, ["text_hash", "vector"])
        hashes, first = np.unique(rows["text_hash"].to_pylist(), return_index=True)
        if len(hashes):
            made = to_numpy(rows["vector"], index.generation.dimension)[first]
            vectors.add_vectors(index.store, table_of(index.generation.embedder), hashes.tolist(), made)


def delete_doubles(examined: Examination) -> None:
    """Delete all rows of an id but one.

    Rows are named by their place, which every commit to a row changes: so this comes before other commits.
    """
    index = _index(examined)
    for part in _parts(examined.index.audit.doubled):
        index.store.delete(index.generation.table, f"_rowid IN ({', '.join(map(str, part))})")


def delete_ownerless(examined: Examination) -> None:
    """Delete the rows that no document of the ledger has."""
    index = _index(examined)
    gone = [tombstone(one, kind, document) for one, (document, kind) in examined.index.audit.ownerless.items()]
    index.commit(gone, [None] * len(gone))


def write_again(documents: Set[str], examined: Examination) -> None:
    """Have the next sync read these documents and write all of their rows."""
    ledger = examined.index.audit.ledger
    known = [ledger[one] for one in sorted(documents & ledger.keys())]
    rows = [{name: value for name, value in row.items() if name != "_rowid"} for row in known]
    if rows:
        _index(examined).commit([{**row, "revision": WAITING, "stamp": ""} for row in rows], [None] * len(rows))


def _index(examined: Examination) -> Index:
    assert examined.index.index is not None
    return examined.index.index


def _parts(values: Sequence[_T]) -> Iterable[Sequence[_T]]:
    for first in range(0, len(values), _PART):
        yield values[first : first + _PART]
