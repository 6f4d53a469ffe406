"""The embedders that a process has opened, by name: that of the settings, and those of kept generations."""

from collections.abc import Callable

from ragloop.errors import MismatchError, NotFoundError, UnavailableError
from ragloop.models import Embedder


class Embedders:
    """Opens each embedder once. `open_embedder` takes a name and a backend, and raises NotFoundError, UnavailableError.

    `name` and `backend` are those of the settings, which stand in where a generation does not know its own; `given` is
    what they mean, where that is open already.
    """

    def __init__(
        self, open_embedder: Callable[[str, str], Embedder], name: str, backend: str, given: Embedder | None = None
    ) -> None:
        self._open, self._default = open_embedder, (name, backend)
        self._opened = {} if given is None else {self._default: given}

    def default(self) -> Embedder:
        """Return the embedder of the settings."""
        return self._of(*self._default)

    def matching(self, fingerprint: str, name: str | None, backend: str | None) -> Embedder:
        """Return the embedder that made vectors with this fingerprint.

        Raises MismatchError where its name means another one now, NotFoundError or UnavailableError where it cannot be
        opened.
        """
        named = (name, backend or "auto") if name else self._default
        try:
            embedder = self._of(*named)
        except (NotFoundError, UnavailableError) as error:
            raise type(error)(
                f"the index was built by the embedder {named[0]} ({named[1]}), which cannot be opened: {error}"
            ) from error
        if embedder.fingerprint != fingerprint:
            raise MismatchError(
                f"the index was built by the embedder {fingerprint}; {named[0]} ({named[1]}) is {embedder.fingerprint} "
                "now: bring the first one back, or `ragloop sync` to build an index with what the settings ask for"
            )
        return embedder

    def _of(self, name: str, backend: str) -> Embedder:
        if (name, backend) not in self._opened:
            self._opened[name, backend] = self._open(name, backend)
        return self._opened[name, backend]
