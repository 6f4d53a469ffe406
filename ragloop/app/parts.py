"""The parts of one home, which everything else of an application is made of."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from ragloop.config import Settings, SyncSettings
from ragloop.errors import ConfigError, NotFoundError, StoreDamagedError, UnavailableError, UsageError
from ragloop.journal import Corrected, Journal
from ragloop.models import Embedder
from ragloop.models.opened import OpenedModels
from ragloop.registry import Registry
from ragloop.registry.artifacts import Artifacts, BucketArtifacts, FolderArtifacts
from ragloop.store import Boundary, Clock, Store, make_home, utc_now
from ragloop.store.files import BucketFiles
from ragloop.store.places.folder import FolderPlace

if TYPE_CHECKING:
    from ragloop.corpus.index.generations.generation import Generation
    from ragloop.corpus.index.generations.table import Generations
    from ragloop.corpus.index.table import ActiveIndex, Index
    from ragloop.models.generation.generators import Generators
    from ragloop.store import Place


class Parts:
    """Each part is made when it is first asked for, so that a question loads no torch and a status loads no model.

    `embedder` replaces the one that the settings name; `open_embedder` opens what a name and a backend mean, for those
    that the settings name and kept generations know. `now` is the clock of the store,
    `boundary` what it enters before each durable step and leaves after it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        embedder: Embedder | None = None,
        open_embedder: Callable[[str, str], Embedder] | None = None,
        now: Clock = utc_now,
        boundary: Boundary = nullcontext,
    ) -> None:
        self.settings, self.now, self.boundary = settings, now, boundary
        self.models = OpenedModels(settings, given=embedder, open_embedder=open_embedder)
        self.artifacts = _artifacts(settings)
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        """The store, which must exist. Raises NotFoundError, and as Store.open does."""
        if self._store is None:
            self._store = self._opened(create=False)
        return self._store

    def made_store(self) -> Store:
        """Open the store, made where there is none. Raises as Store.open does, also where a restore is under way."""
        if self._store is None or self.place.restoring() or not self.place.exists():
            self._store = self._opened(create=True)
        return self._store

    def _opened(self, *, create: bool) -> Store:
        home = self.settings.home
        return Store.open(home, create=create, place=self.place, now=self.now, boundary=self.boundary)

    @cached_property
    def place(self) -> "Place":
        """Where the store is: a folder of the home, or a bucket."""
        if self.settings.store is None:
            return FolderPlace(self.settings.home, self.now)
        from ragloop.store.places.bucket import BucketPlace

        make_home(self.settings.home)
        return BucketPlace(self.settings.store, self.now)

    @cached_property
    def journal(self) -> Journal:
        """The log of answers and feedback."""
        redact = _without_personal(self.settings.log.redact)
        return Journal(self.store, self._bearing_out, screened=_screened, redacted=redact)

    def _bearing_out(self, given: "Sequence[Corrected]") -> "Sequence[list[dict[str, Any]] | None]":
        """Return what corrections rest on; nobody can tell where no index can be read, and feedback is logged all the
        same."""
        from ragloop.answering.corrections import bearing_out

        try:
            return bearing_out(self.index, given) if given else []
        except (UsageError, UnavailableError, StoreDamagedError):
            return [None] * len(given)

    @cached_property
    def registry(self) -> Registry:
        """The adapters, and which one serves."""
        return Registry(self.store, self.models.other_base, self.artifacts)

    @cached_property
    def generators(self) -> "Generators":
        """Who writes answers."""
        from ragloop.models.generation.generators import Generators

        answers = self.settings.answers
        return Generators(self.models, self.registry, answers.generator, answers.fallback)

    @property
    def embedder(self) -> Embedder:
        """The embedder of the settings; prepared first where that was not done at set-up, which is said."""
        return self.models.embedders.default()

    def embedder_of(self, generation: "Generation") -> Embedder:
        """Open the embedder that built a generation. Raises MismatchError, NotFoundError, UnavailableError."""
        return self.models.embedders.matching(
            generation.embedder, generation.embedder_name, generation.embedder_backend
        )

    @cached_property
    def generation(self) -> "Generation":
        """What the settings build an index with."""
        from ragloop.corpus.index.generations.generation import CHUNKER, PARSER, Generation

        wanted, embedder = self.settings.index, self.embedder
        if wanted.chunk_tokens > embedder.max_tokens:
            raise ConfigError(
                f"index.chunk_tokens is {wanted.chunk_tokens}, {wanted.embedder} reads at most {embedder.max_tokens} "
                "tokens; lower it"
            )
        parser = f"parser {PARSER}" + read_by_choice(self.settings.sync)
        chunker = f"chunker {CHUNKER}/{wanted.chunk_tokens}"
        named = wanted.embedder, wanted.embedder_backend
        return Generation(parser, chunker, embedder.fingerprint, embedder.dimension, *named)

    @property
    def generations(self) -> "Generations":
        """Which generation answers, and what is kept or built beside it."""
        from ragloop.corpus.index.generations.table import Generations

        return Generations(self.store)

    @property
    def index(self) -> "Index":
        """The index that answers now. Raises NotFoundError when nothing was indexed yet."""
        from ragloop.corpus.index.table import Index

        active = self.generations.active()
        if active is None:
            raise NotFoundError(f"found no index in {self.settings.home}; `ragloop sync DIR` makes one")
        return Index(self.store, active)

    def active(self) -> "ActiveIndex":
        """Return what answers now, to be asked for once per question. Raises as `index` and `embedder_of` do."""
        from ragloop.corpus.index.table import ActiveIndex

        index = self.index
        return ActiveIndex(index, self.embedder_of(index.generation))


def _without_personal(wanted: Sequence[str]) -> Callable[[str], str]:
    """Return what takes personal data out of a text. Raises ConfigError where what finds it is not installed."""
    from ragloop.language.personal import Personal, redacted
    from ragloop.models.person_names import PRESIDIO, PersonNames

    kinds = [Personal(one) for one in wanted if one != PRESIDIO]
    by_form = partial(redacted, kinds=kinds) if kinds else str
    if PRESIDIO not in wanted:
        return by_form
    names = PersonNames()
    return lambda text: names.redacted(by_form(text))


def _screened(correction: str) -> str:
    """Return a correction as it is logged: without characters that show nothing, its secrets masked."""
    from ragloop.answering.conversation.screening import masked, without_invisible

    return masked(without_invisible(correction))[0]


def read_by_choice(sync: SyncSettings) -> str:
    """Return which settings decide what is read of a document; empty with the defaults."""
    chosen = []
    if sync.ocr:
        images = " of images" if sync.ocr_images else ""
        engine = f" by tesseract {sync.ocr_languages}" if sync.ocr_engine == "tesseract" else ""
        chosen.append(f"ocr{images}{engine}")
    if sync.json_fields:
        chosen.append(f"fields {', '.join(sorted(set(sync.json_fields)))}")
    return f" with {' and '.join(chosen)}" if chosen else ""


def _artifacts(settings: Settings) -> Artifacts:
    """Open the artifact root: a folder of the home, or a bucket."""
    folder = settings.home / "artifacts"
    if settings.artifacts is None:
        return FolderArtifacts(folder)
    return BucketArtifacts(BucketFiles(settings.artifacts), folder)
