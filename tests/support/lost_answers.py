"""A store whose answers get lost: what it was asked is done, and whoever asked hears of a failure that may pass."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ragloop.errors import UnavailableError
from ragloop.store.folder import FolderPlace


class LosingAnswers(FolderPlace):
    """A folder of which the answer to access number `lost` does not arrive, as that of a bucket may not."""

    def __init__(self, home: Path, lost: int) -> None:
        super().__init__(home)
        self._lost, self.count = lost, 0

    @property
    def was_lost(self) -> bool:
        """Whether there were as many accesses."""
        return self.count >= self._lost

    def lease(
        self, what: str, wait_s: float, taken_over: Callable[[], None] = lambda: None
    ) -> AbstractContextManager[Callable[[], None]]:
        """Leases answer always."""
        return FolderPlace(self._home).lease(what, wait_s, taken_over)

    @contextmanager
    def errors(self) -> Iterator[None]:
        with super().errors():
            yield
        self.count += 1
        if self.count == self._lost:
            raise UnavailableError("the answer was lost; try again")
