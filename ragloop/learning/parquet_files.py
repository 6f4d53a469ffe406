"""Tables among the artifacts, as Parquet files."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from ragloop.errors import MismatchError
from ragloop.store.files import Files


def parquet_of(table: pa.Table) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    data = io.BytesIO()
    pq.write_table(table, data)
    return data.getvalue()


def read_table(files: Files, name: str) -> pa.Table:
    """Read a table. Raises NotFoundError where it is gone, MismatchError where it is damaged."""
    content = b"".join(files.read(name))
    try:
        return pq.read_table(pa.BufferReader(content))
    except (OSError, pa.ArrowException):
        raise MismatchError(f"{files}/{name} is damaged") from None
