"""Several datasets as one, for an adapter that was merged of adapters which were trained on each.

What one of them holds out another may have trained on. So of the rows held out only those are kept that straddle no
training row of any, as `splitting` has it: by document, near-duplicate and time.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ragloop.learning.examples.datasets import Dataset
from ragloop.learning.examples.lineage import TrainedRow
from ragloop.learning.examples.near_duplicates import Likeness
from ragloop.registry.adapter import AND


def joined(datasets: Sequence[Dataset]) -> Dataset:
    """Return datasets of one recipe as one, which is written nowhere; a single one as it is."""
    if len(datasets) == 1:
        return datasets[0]
    train, held_out = (
        _once(pa.concat_tables(tables, promote_options="default"))
        for tables in ([one.train for one in datasets], [one.eval for one in datasets])
    )
    return Dataset(
        AND.join(one.dataset_id for one in datasets), train, _apart(held_out, train), {"recipe": datasets[0].recipe}
    )


def _once(rows: pa.Table) -> pa.Table:
    """Return each example once, oldest first."""
    first = {one: position for position, one in reversed([*enumerate(rows["example_id"].to_pylist())])}
    return rows.take(pa.array(sorted(first.values()), pa.int64())).sort_by("asked_at")


def _apart(held_out: pa.Table, train: pa.Table) -> pa.Table:
    """Return the held-out rows that share nothing with a training row and are older than none."""
    if not train.num_rows:
        return held_out
    later = held_out.filter(pc.greater_equal(held_out["asked_at"], pc.max(train["asked_at"])))
    trained = [TrainedRow.of(row) for row in train.to_pylist()]
    about = frozenset[str]().union(*(row.subjects for row in trained))
    likeness = Likeness.of(row.question for row in trained)
    rows = [TrainedRow.of(row) for row in later.to_pylist()]
    kept = [about.isdisjoint(row.subjects) and not likeness.matches(row.question) for row in rows]
    return later.filter(pa.array(kept, pa.bool_()))
