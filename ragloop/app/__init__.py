"""The composition root: settings in, the parts that they name out. Only commands, tasks and the service use it.

One file per area: corpus (documents), sources, answering (questions), learning (adapters), migration (topics),
safekeeping (backups, erasures, the mirror of the adapters).
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from ragloop.app.answering import Answering
from ragloop.app.corpus import Corpus
from ragloop.app.evaluation import Evaluation
from ragloop.app.learning import Learning
from ragloop.app.migration.advising import Advising
from ragloop.app.migration.routing import Routing
from ragloop.app.migration.topics import Migration
from ragloop.app.parts import Parts
from ragloop.app.safekeeping import Safekeeping
from ragloop.app.sources import Sources
from ragloop.app.status import status
from ragloop.app.traffic import Traffic
from ragloop.config import Settings
from ragloop.journal import Journal
from ragloop.keys import Keys
from ragloop.models import Embedder
from ragloop.registry import Registry
from ragloop.store import Boundary, Clock, Store, utc_now

if TYPE_CHECKING:
    from ragloop.corpus.index.generations.table import Generations
    from ragloop.corpus.index.readings import Quality, ReadChunk, Reading
    from ragloop.corpus.index.table import Index
    from ragloop.erasure.erasing import Erasing


class App:
    """Everything of one home. See Parts for the arguments."""

    def __init__(
        self,
        settings: Settings,
        *,
        embedder: Embedder | None = None,
        open_embedder: Callable[[str, str], Embedder] | None = None,
        now: Clock = utc_now,
        boundary: Boundary = nullcontext,
    ) -> None:
        self.parts = Parts(settings, embedder=embedder, open_embedder=open_embedder, now=now, boundary=boundary)
        self.settings, self.models = settings, self.parts.models
        self.corpus = Corpus(self.parts)
        self.sources = Sources(self.parts)
        self.answering = Answering(self.parts)
        self.traffic = Traffic(self.parts)
        self.learning = Learning(self.parts)
        self.evaluation = Evaluation(self.parts)
        self.migration = Migration(self.parts)
        self.routing = Routing(self.parts)
        self.advising = Advising(self.parts)
        self.safekeeping = Safekeeping(self.parts)

    @property
    def store(self) -> Store:
        """The store, which must exist."""
        return self.parts.store

    @property
    def journal(self) -> Journal:
        """The log of answers and feedback."""
        return self.parts.journal

    @property
    def registry(self) -> Registry:
        """The adapters, and which one serves."""
        return self.parts.registry

    @property
    def erasing(self) -> "Erasing":
        """Erasures, and the search that proves them."""
        return self.safekeeping.erasing()

    @property
    def keys(self) -> Keys:
        """The keys of callers."""
        return Keys(self.store)

    @property
    def embedder(self) -> Embedder:
        """The embedder of the settings."""
        return self.parts.embedder

    @property
    def generations(self) -> "Generations":
        """Which generation answers, and what is kept or built beside it."""
        return self.parts.generations

    @property
    def index(self) -> "Index":
        """The index that answers now. Raises NotFoundError when nothing was indexed yet."""
        return self.parts.index

    def documents(
        self, source: str | None = None, quality: "Quality | None" = None, format: str | None = None
    ) -> "list[Reading]":
        """List what was read of each document, or of those of one source, quality or format (a suffix, such as pdf)."""
        return self.corpus.documents(source, quality, format)

    def document(self, name: str) -> "tuple[Reading, list[ReadChunk]]":
        """Return what was read of a document, and its chunks; `name` is its URI, its key, or an end of one."""
        return self.corpus.document(name)

    def status(self) -> dict[str, Any]:
        """Report what the store holds and what ran last; loads no model."""
        return status(self.parts, self.safekeeping)
