"""Which reader a file wants: by the name of its format, or by its first record."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import chain

from ragloop.errors import UsageError
from ragloop.traffic.exchange import Item, Skipped
from ragloop.traffic.formats.jsonl import is_plain, read_plain
from ragloop.traffic.formats.langfuse import is_langfuse, read_langfuse
from ragloop.traffic.formats.langsmith import is_langsmith, read_langsmith
from ragloop.traffic.formats.mlflow import is_mlflow, read_mlflow
from ragloop.traffic.formats.otlp import is_otlp, read_otlp
from ragloop.traffic.reading import Read
from ragloop.traffic.values import Record


class TrafficFormat(StrEnum):
    """A format in which a service writes its traffic."""

    AUTO = "auto"
    JSONL = "jsonl"
    OTEL = "otel"
    OPENINFERENCE = "openinference"
    LANGFUSE = "langfuse"
    LANGSMITH = "langsmith"
    MLFLOW = "mlflow"


Reader = Callable[[Iterable[Read | Skipped]], Iterator[Item]]
_READERS: Mapping[TrafficFormat, Reader] = {
    TrafficFormat.JSONL: read_plain,
    TrafficFormat.OTEL: read_otlp,
    TrafficFormat.OPENINFERENCE: read_otlp,
    TrafficFormat.LANGFUSE: read_langfuse,
    TrafficFormat.LANGSMITH: read_langsmith,
    TrafficFormat.MLFLOW: read_mlflow,
}
_TESTS: tuple[tuple[Callable[[Record], bool], TrafficFormat], ...] = (
    (is_otlp, TrafficFormat.OTEL),
    (is_mlflow, TrafficFormat.MLFLOW),
    (is_langsmith, TrafficFormat.LANGSMITH),
    (is_langfuse, TrafficFormat.LANGFUSE),
    (is_plain, TrafficFormat.JSONL),
)
_LOOKED_AT = 20


def read_as(records: Iterator[Read | Skipped], wanted: TrafficFormat) -> Iterator[Item]:
    """Yield what records hold in the wanted format, or in the one that the first of them are in.

    Raises UsageError where none of the first records is in a format that is known.
    """
    if wanted is not TrafficFormat.AUTO:
        return _READERS[wanted](records)
    looked_at = list[Read | Skipped]()
    for read in records:
        looked_at.append(read)
        if isinstance(read, Read) and (found := format_of(read.record)) is not None:
            return _READERS[found](chain(looked_at, records))
        if len(looked_at) == _LOOKED_AT:
            break
    if not looked_at:
        return iter(())
    names = ", ".join(one for one in TrafficFormat if one is not TrafficFormat.AUTO)
    raise UsageError(f"found no record of a known format, expected one of {names}; say which one with --format")


def format_of(record: Record) -> TrafficFormat | None:
    """Return the format of a record; None where it is none that is known."""
    return next((one for test, one in _TESTS if test(record)), None)
