"""What every part of an erasure works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ragloop.catalogue import Derived
from ragloop.erasure.traces import Traces
from ragloop.registry import Registry
from ragloop.store import Store

Counts = Mapping[str, int]
"""What was erased, by a word for it."""


@dataclass(frozen=True)
class Work:
    """A store, its adapters and artifacts, and the traces of what is erased."""

    store: Store
    registry: Registry
    traces: Traces


Eraser = Callable[[Work, Derived], Counts]
"""Erases what rests on the traces of one kind of thing, as an entry of the catalogue describes it."""
