"""Who writes the answers of a route: the base generator, or the base model with the route's adapter.

An adapter is loaded once, after its files were found to be those that were registered, and stays while a request holds
it or it is the champion. So a request ends on the adapter that it began on, whatever is promoted meanwhile.
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
from ragloop.registry import Adapter, Registry, state_of_files, without_row

if TYPE_CHECKING:
    from ragloop.models.generation.local import LocalGenerator


@dataclass
class _Loaded:
    """An adapter in memory, and how many requests hold it."""

    generator: "LocalGenerator"
    holders: int = 0


class Generators:
    """The generators of one home.

    `base` names the one of the base lane: extractive, local or remote. `fallback` names who answers while the remote
    one cannot.
    """

    def __init__(self, models: OpenedModels, registry: Registry, base: str, fallback: Sequence[str]) -> None:
        self._models, self._registry, self._base, self._fallback = models, registry, base, fallback
        self._lock = Lock()
        self._loaded: dict[str, _Loaded] = {}
        self._champion: str | None = None
        self._damaged: dict[str, tuple[tuple[str, str], str]] = {}

    @property
    def loaded(self) -> frozenset[str]:
        """The ids of the adapters in memory."""
        with self._lock:
            return frozenset(self._loaded)

    def champion(self, lane: LaneName) -> str:
        """Return the id of the adapter that serves in this lane. Raises NotFoundError while the base model serves.

        An adapter that served before is unloaded, unless a request holds it.
        """
        champion = self._registry.champion_id()
        with self._lock:
            self._champion = champion
            self._unload_unused()
        if champion is None:
            raise NotFoundError(
                f"found no champion adapter for the lane {lane}; `ragloop retrain` makes one, or use "
                f"{LaneName.BASE_RAG}"
            )
        return champion

    @contextmanager
    def for_route(self, route: Route, embedder: Embedder) -> Iterator[Generator]:
        """Give the generator of a route, and hold its adapter meanwhile; `embedder` is that of the index that answers.

        Raises MismatchError where the adapter cannot serve: its files are gone or changed, or it was trained on another
        base model.
        """
        if route.adapter_id is None:
            yield self._of_base(embedder)
            return
        with self.local(route.adapter_id) as generator:
            yield generator

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
        loaded = self._hold(adapter_id)
        try:
            yield loaded.generator
        finally:
            self._release(loaded)

    def _hold(self, adapter_id: str) -> _Loaded:
        with self._lock:
            if adapter_id not in self._loaded:
                self._loaded[adapter_id] = _Loaded(self._load(adapter_id))
            loaded = self._loaded[adapter_id]
            loaded.holders += 1
            return loaded

    def _load(self, adapter_id: str) -> "LocalGenerator":
        try:
            adapter = self._registry.adapter(adapter_id)
        except NotFoundError:
            raise MismatchError(without_row(adapter_id)) from None
        return self._models.wearing(adapter, self._whole(adapter))

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
        """Unload adapters that no request holds and that are not the champion, as it was when it was last asked for."""
        unused = [one for one, loaded in self._loaded.items() if not loaded.holders and one != self._champion]
        for adapter_id in unused:
            del self._loaded[adapter_id]
            self._models.local_generator.taking_off(adapter_id)
