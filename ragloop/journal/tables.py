"""A table of the log as it is at one moment, read by columns and by rows."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ragloop.store import Store
from ragloop.store.failures import damaged

ROW = "_rowid"
"""What LanceDB calls the place of a row; it holds for one version of the table."""
_BATCH = 65_536

RowIds = NDArray[np.uint64]


class LogTable:
    """One table of the log in its newest version, whatever is committed later."""

    def __init__(self, store: Store, name: str, time: str) -> None:
        """`time` is the column by which its rows have their order."""
        self._store, self._name, self._time = store, name, time
        with store.errors():
            self._table: Any = store.table(name)
            self._table.checkout(self._table.version)
            if not self._table.schema.names:
                raise damaged(f"the newest manifest of the table {name} names no columns")

    def count(self) -> int:
        """Return how many rows it has; reads none."""
        with self._store.errors():
            return int(self._table.count_rows())

    def rows(self, columns: Sequence[str], where: str | None = None) -> pa.Table:
        """Return these columns and ROW of the rows that satisfy the SQL predicate `where`."""
        with self._store.errors():
            query = self._table.search().select(list(columns)).with_row_id(True)
            found: pa.Table = (query.where(where) if where else query).to_batches(_BATCH).read_all()
        return found

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield these columns of all rows, some rows at a time."""
        with self._store.errors():
            yield from self._table.search().select(list(columns)).to_batches(_BATCH)

    def order(self) -> tuple[pa.ChunkedArray, RowIds]:
        """Return the times of all rows, oldest first, and their places."""
        rows = self.rows([self._time]).sort_by([(self._time, "ascending"), (ROW, "ascending")])
        return rows[self._time], rows[ROW].to_numpy()

    def newest(self, count: int) -> RowIds:
        """Return the places of the newest rows, oldest of them first; reads one column."""
        rows = self.rows([self._time])
        count = min(count, rows.num_rows)
        keys = [(self._time, "descending"), (ROW, "descending")]
        newest: RowIds = rows.take(pc.select_k_unstable(rows, count, keys))[ROW].to_numpy()
        return newest[::-1]

    def places(self, column: str, values: pa.Array) -> RowIds:
        """Return the places of the rows whose column has one of these values; reads one column."""
        rows = self.rows([column])
        found: RowIds = rows.filter(pc.is_in(rows[column], value_set=values))[ROW].to_numpy()
        return found

    def take(self, places: RowIds, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows in these places, in their order; `columns` defaults to all."""
        wanted = np.sort(places)
        with self._store.errors():
            query = self._table.take_row_ids(wanted.tolist()).select(list(columns or self._table.schema.names))
            found: pa.Table = query.with_row_id().to_arrow()
        # LanceDB gives them in an order of its own.
        found = found.sort_by(ROW)
        return found.take(np.searchsorted(found[ROW].to_numpy(), places)).drop_columns([ROW])
