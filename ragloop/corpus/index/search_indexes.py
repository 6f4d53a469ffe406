"""Keep the table of a generation quick to search: its indexes, compaction, the end of tombstones.

The thresholds are measured by benchmarks/search_speed.py.
"""

from collections.abc import Mapping

from lancedb.index import FTS, Bitmap, BTree, IvfFlat, LabelList

from ragloop.store import Store
from ragloop.store.upkeep import KEPT_VERSIONS

WORDS = ("words", "title_words")
"""Searched by words. Title and heading often hold the name that the text under them leaves out."""
UNINDEXED_ROWS = 50
"""Bring the indexes up to date from this many rows outside them on. With any outside, a search by words ranks every
match instead of the best ones: it takes twice as long."""
UNINDEXED_SHARE = 0.0005
"""And when they are more than this share of the rows: doing so costs about 1 s of CPU per 100,000 rows."""
SMALL_SHARE = 0.10
"""In a small index, when they are more than this share: words are weighed by what is inside."""
SEGMENTS = 16
"""Rebuild the index of the vectors when it has more parts. Each update adds one, which costs a search little; a
rebuild costs as much as three updates; after 30 a search takes 1.4 times as long."""
TOMBSTONE_SHARE = 0.05
"""Remove tombstones when they exceed this share of the rows."""
COMPACTED_FIRST = 100_000
"""A table of up to so many rows is compacted before its first indexes are made: the first update then costs a third at
10,000 chunks. In larger ones that would take as much CPU as it saves, and a third more memory."""
MANY_VECTORS = 10_000
"""Rows from which on vectors and labels are indexed; fewer are compared one by one."""
MANY_ROWS = 20_000
"""Rows from which on sources and states are looked up. The two indexes cost .02 s of CPU to make there and save each
sync .008, at 10,000 rows .0015; at 200,000 they cost .25 and save .23."""

# ICU finds words where no spaces stand between them; in English it ranks as the simple tokenizer does.
# A word may have 160 bytes: in most scripts a letter has two or three, and 40, as by default, lose long ones.
_FULL_TEXT = FTS(base_tokenizer="icu", max_token_length=160)
INDEXES: Mapping[str, BTree | Bitmap | FTS | IvfFlat | LabelList] = {
    "id": BTree(),
    "document_id": BTree(),
    "deleted": Bitmap(),
    "kind": Bitmap(),
    **dict.fromkeys(WORDS, _FULL_TEXT),
    # It keeps whole vectors, so that the distances of what it finds are exact and a vector that is stored is found. A
    # quarter of the usual sample and fewer passes over it make partitions that find as much, for less time and memory.
    "vector": IvfFlat(distance_type="cosine", sample_rate=64, max_iterations=15),
    "source": Bitmap(),
    "status": Bitmap(),
    "labels": LabelList(),
}
"""The index of each column that may have one."""


def maintain(store: Store, name: str, *, committed: bool) -> None:
    """Make missing indexes, remove tombstones, compact fragments, each where it is due. Needs the index lease.

    `committed`: whether something was since the last time.
    """
    with store.errors():
        table = store.table(name)
        present = {index.columns[0]: index for index in table.list_indices()}
        rows = table.count_rows()
        wanted = wanted_indexes(rows)
        if not committed and wanted.keys() <= present.keys():
            return
        dead = table.count_rows("deleted")
    if rows == dead:
        return
    if dead > TOMBSTONE_SHARE * rows:
        remove_tombstones(store, name)
    if not present and rows <= COMPACTED_FIRST:
        # Compacted at their first update, the indexes would have to learn where each row went.
        _optimize(store, name)
    for column in [one for one in wanted if one not in present]:
        make_index(store, name, column)
    if present.get("vector") and (present["vector"].num_segments or 0) > SEGMENTS:
        make_index(store, name, "vector")
    if max((index.num_unindexed_rows or 0 for index in present.values()), default=0) > most_unindexed(rows):
        # Each update rewrites the words' index: kept for days, as by default, old ones would fill the disk.
        _optimize(store, name)


def remove_tombstones(store: Store, name: str) -> None:
    """Delete the rows of chunks that were replaced. Needs the index lease."""
    with store.writing("purge", name):
        store.table(name).delete("deleted")


def make_index(store: Store, name: str, column: str) -> None:
    """Make the index of a column from all rows, in place of the one that it has. Needs the index lease."""
    with store.writing("index", name):
        store.table(name).create_index(column, config=INDEXES[column], replace=True)


def _optimize(store: Store, name: str) -> None:
    with store.writing("optimize", name):
        store.table(name).optimize(cleanup_older_than=KEPT_VERSIONS)


def most_unindexed(rows: int) -> float:
    """Compute how many of so many rows may be outside the indexes."""
    return min(max(UNINDEXED_ROWS, UNINDEXED_SHARE * rows), SMALL_SHARE * rows)


def wanted_indexes(rows: int) -> Mapping[str, BTree | Bitmap | FTS | IvfFlat | LabelList]:
    """Return the index of each column that a table of so many rows should have."""
    least = {"vector": MANY_VECTORS, "labels": MANY_VECTORS, "source": MANY_ROWS, "status": MANY_ROWS}
    return {column: config for column, config in INDEXES.items() if rows >= least.get(column, 0)}
