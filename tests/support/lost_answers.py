"""A store whose answers get lost: what it was asked is done, and whoever asked hears of a failure that may pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragloop.errors import UnavailableError
from ragloop.store.places.folder import FolderPlace


class LosingAnswers(FolderPlace):
    """A folder of which the answer to access number `lost` does not arrive, as that of a bucket may not."""

    def __init__(self, home: Path, lost: int) -> None:
        super().__init__(home)
        self._lost, self.count = lost, 0
        self.leases = FolderPlace(home).leases  # leases answer always

    @property
    def was_lost(self) -> bool:
        """Whether there were as many accesses."""
        return self.count >= self._lost

    @contextmanager
    def errors(self) -> Iterator[None]:
        with super().errors():
            yield
        self.count += 1
        if self.count == self._lost:
            raise UnavailableError("the answer was lost; try again")
