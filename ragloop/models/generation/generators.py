"""Who writes the answers of a route: the base generator, or the base model with the route's adapter.

An adapter is loaded once, after its files were found to be those that were registered, and stays while a request holds
it or it is the champion or the challenger of a lane. So a request ends on the adapter that it began on, whatever is
promoted meanwhile.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from ragloop.errors import MismatchError, NotFoundError
from ragloop.models import Embedder, Generator
from ragloop.models.opened import OpenedModels
from ragloop.records import LaneName, Route
from ragloop.registry import Adapter, Registry, Succession, state_of_files, without_row

if TYPE_CHECKING:
    from ragloop.models.generation.local import LocalGenerator
    from ragloop.models.generation.served_adapters import ServedAdapter, ServedAdapters


@dataclass
class _Loaded:
    """An adapter that can be asked, on this machine or on `host`, and how many requests hold it."""

    adapter: Adapter
    generator: "LocalGenerator | ServedAdapter"
    host: "ServedAdapters | None"
    holders: int = 0


class Generators:
    """The generators of one home.

    `base` names the one of the base lane: extractive, local or remote. `fallback` names who answers while the remote
    one cannot.
    """

    def __init__(self, models: OpenedModels, registry: Registry, base: str, fallback: Sequence[str]) -> None:
        self._models, self._registry, self._base, self._fallback = models, registry, base, fallback
        self._lock = Lock()
        self._loaded: dict[tuple[str, bool], _Loaded] = {}
        self._wanted: frozenset[str] = frozenset()
        self._damaged: dict[str, tuple[tuple[str, str], str]] = {}

    @property
    def loaded(self) -> frozenset[str]:
        """The ids of the adapters that are loaded, here or on a server."""
        with self._lock:
            return frozenset(adapter_id for adapter_id, _ in self._loaded)

    def champion(self, lane: LaneName) -> str:
        """Return the id of the adapter that serves in this lane. Raises NotFoundError while the base model serves."""
        champion = self.standing(lane).champion_id
        if champion is None:
            raise NotFoundError(no_champion(lane))
        return champion

    def standing(self, lane: LaneName) -> Succession:
        """Return the champion and the challenger of this lane.

        An adapter that served or was tried before, in any lane, is unloaded, unless a request holds it.
        """
        by_lane = self._registry.aliases.by_lane()
        named = [one.champion_id for one in by_lane.values()]
        named += [one.challenger.adapter_id for one in by_lane.values() if one.challenger]
        with self._lock:
            self._wanted = frozenset(filter(None, named))
            self._unload_unused()
        return by_lane.get(lane, Succession())

    def is_free(self, route: Route) -> bool:
        """Return whether an answer on this route costs no model anything."""
        return route.adapter_id is None and self._base == "extractive"

    @contextmanager
    def for_route(self, route: Route, embedder: Embedder) -> Iterator[Generator]:
        """Give the generator of a route, and hold its adapter meanwhile; `embedder` is that of the index that answers.

        Raises MismatchError where the adapter cannot serve: its files are gone or changed, or it was trained on another
        base model.
        """
        if route.adapter_id is None:
            yield self._of_base(embedder)
            return
        with self._held(route.adapter_id, self._models.served_adapters) as generator:
            yield generator

    def named(self, name: str) -> Generator:
        """Return the model that is called local or remote, without an adapter. Raises as opening it does."""
        return self._models.remote_generator if name == "remote" else self._models.local_generator

    def _of_base(self, embedder: Embedder) -> Generator:
        if self._base != "remote":
            return self._on_this_machine(self._base, embedder)
        from ragloop.models.generation.in_order import InOrder

        others = [self._on_this_machine(name, embedder) for name in self._fallback]
        return InOrder(self._models.remote_generator, others)

    def _on_this_machine(self, name: str, embedder: Embedder) -> Generator:
        if name == "local":
            return self._models.local_generator
        from ragloop.models.generation.extractive import ExtractiveGenerator

        return ExtractiveGenerator(embedder)

    @contextmanager
    def local(self, adapter_id: str | None) -> Iterator[Generator]:
        """Give the local model, and with an id its adapter, which is held meanwhile. Raises as `for_route` does."""
        if adapter_id is None:
            yield self._models.local_generator
            return
        with self._held(adapter_id, None) as generator:
            yield generator

    @contextmanager
    def _held(self, adapter_id: str, host: "ServedAdapters | None") -> Iterator[Generator]:
        loaded = self._hold(adapter_id, host)
        try:
            yield loaded.generator
        finally:
            self._release(loaded)

    def _hold(self, adapter_id: str, host: "ServedAdapters | None") -> _Loaded:
        place = adapter_id, host is not None
        with self._lock:
            if place not in self._loaded:
                self._loaded[place] = self._load(adapter_id, host)
            loaded = self._loaded[place]
            loaded.holders += 1
            return loaded

    def _load(self, adapter_id: str, host: "ServedAdapters | None") -> _Loaded:
        try:
            adapter = self._registry.adapter(adapter_id)
        except NotFoundError:
            raise MismatchError(without_row(adapter_id)) from None
        folder, models = self._whole(adapter), self._models
        worn = models.serving(host, adapter, folder) if host else models.wearing(adapter, folder)
        return _Loaded(adapter, worn, host)

    def _whole(self, adapter: Adapter) -> Path:
        """Return the folder of an adapter. Of files that were found damaged nothing is read again as long as they stay
        so, since every question asks."""
        if found := self._damaged.get(adapter.adapter_id):
            known, why = found
            if known == self._state(adapter):
                raise MismatchError(why)
        try:
            return self._registry.folder(adapter)
        except MismatchError as error:
            self._damaged[adapter.adapter_id] = self._state(adapter), str(error)
            raise

    def _state(self, adapter: Adapter) -> tuple[str, str]:
        return adapter.sha256, state_of_files(self._registry.artifacts.files, adapter.path)

    def _release(self, loaded: _Loaded) -> None:
        with self._lock:
            loaded.holders -= 1
            self._unload_unused()

    def _unload_unused(self) -> None:
        """Unload adapters that no request holds and that no lane names, as it was when that was last asked for."""
        unused = [place for place, one in self._loaded.items() if not one.holders and place[0] not in self._wanted]
        for loaded in [self._loaded.pop(place) for place in unused]:
            if loaded.host:
                loaded.host.taking_off(loaded.adapter)
            else:
                self._models.local_generator.taking_off(loaded.adapter.adapter_id)


def no_champion(lane: LaneName) -> str:
    """Say that no adapter serves a lane."""
    return f"found no champion adapter for the lane {lane}; `ragloop retrain` makes one, or use {LaneName.BASE_RAG}"
