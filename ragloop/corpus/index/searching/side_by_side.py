"""Reads of tables that go on side by side: LanceDB's own thread is asked once for all of them.

Each read of a LanceDB table is handed to a thread of LanceDB and waited for, a query several times over, since it asks
for the schema between its steps. Of what a search costs that is half.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from lancedb.background_loop import LOOP
from lancedb.table import AsyncTable, Table

_T = TypeVar("_T")


def asynchronous(table: Table) -> AsyncTable:
    """Return the table as coroutines read it, in the version that it is in."""
    inner: AsyncTable = table._table  # type: ignore[attr-defined]  # a second one would open its files again
    return inner


def side_by_side(reads: Sequence[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Run the reads at once and return what each found; an error of any of them is raised when all have ended.

    They run in LanceDB's thread: a read that asks a table which is not asynchronous would wait for itself.
    """

    found: list[_T] = LOOP.run(together(reads))  # type: ignore[no-untyped-call]
    return found


async def together(reads: Sequence[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Run the reads at once and return what each found; an error of any of them is raised when all have ended."""
    ended = await asyncio.gather(*reads, return_exceptions=True)
    found = []
    for one in ended:
        if isinstance(one, BaseException):
            raise one
        found.append(one)
    return found
