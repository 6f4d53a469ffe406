"""What every step works on."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ragloop.answering.retrieval import RetrievalPolicy
from ragloop.corpus.index import inventory
from ragloop.corpus.index.table import ActiveIndex, Index
from ragloop.errors import NotFoundError
from ragloop.journal import Journal
from ragloop.learning.canary.watching import questions_of
from ragloop.learning.evaluation.answer_cache import AnswerCache
from ragloop.learning.evaluation.criteria import GatePolicy
from ragloop.learning.evaluation.golden import GoldenQuestion
from ragloop.learning.examples.datasets import Dataset, load, recipe_in
from ragloop.learning.examples.lineage import TrainedRow, documents_of, read_rows, staleness, standing_of
from ragloop.learning.rows.joined import joined
from ragloop.models import Generator
from ragloop.models.training.process import Execution, TrainingSpec
from ragloop.records import LaneName
from ragloop.registry import Adapter, Registry


@dataclass(frozen=True)
class TrainingChoices:
    """What the settings leave to a training: the fields of its spec that are `open`.

    `scaled_by` is the method by which alpha follows from the rank, None where alpha is given; fewer than `min_rows` are
    not trained on.
    """

    open: frozenset[str]
    scaled_by: str | None
    min_rows: int


@dataclass(frozen=True)
class CanaryEntry:
    """When an adapter that passed the gate begins as a challenger: always, never, or (auto) where its lane was asked
    that many questions within `days`. `share` is the first one that it gets."""

    when: str
    share: float
    questions: int
    days: float


@dataclass(frozen=True)
class RetrainingPolicy:
    """What the steps need to know of the settings.

    `training` is the spec without its files, `choices` what of it a training decides, `execution` how it is
    carried out; `retrieval` is how passages are found for questions that are answered.
    """

    base_name: str
    training: TrainingSpec
    choices: TrainingChoices
    execution: Execution
    gate: GatePolicy
    golden: Sequence[GoldenQuestion]
    eval_share: float
    max_answer_words: int
    max_cited_words: int
    teachers: frozenset[str]
    abstain_share: float
    max_elsewhere: int
    max_trained: int
    retrieval: RetrievalPolicy
    seed: int
    canary: CanaryEntry


@dataclass(frozen=True)
class RetrainingParts:
    """The log, the registry and the models of one store.

    `active()` returns what answers now, `base()` the local model's folder or hub name, `generator(adapter_id)` holds
    that model, with an adapter or without one, `base_sha256()` a hash of its weights or an empty string.
    """

    journal: Journal
    registry: Registry
    active: Callable[[], ActiveIndex]
    base: Callable[[], Path | str]
    generator: Callable[[str | None], AbstractContextManager[Generator]]
    policy: RetrainingPolicy
    base_sha256: Callable[[], str]

    @property
    def index(self) -> Index:
        """The index that answers now; another one may answer when a training of hours has ended."""
        return self.active().index

    @property
    def golden(self) -> list[str]:
        """The golden questions, which are never trained on."""
        return [one.question for one in self.policy.golden]

    @property
    def cache(self) -> AnswerCache:
        """Answers that were given in evaluations before."""
        return AnswerCache(self.registry.artifacts.files, self.journal.store.now)

    def champion(self, lane: LaneName | None = None) -> tuple[Adapter | None, list[str]]:
        """Return the champion that adapters of a lane are compared with, None for the base model, and notes about it.

        A note says so where the champion's files are gone and the base model stands in for it. Without a lane see
        Registry.
        """
        champion, trouble = self.registry.serving(lane)
        notes = [f"the base model stands in for the champion, which cannot serve: {trouble}."] if trouble else []
        return champion, notes

    def begins_as_challenger(self, lane: LaneName) -> bool:
        """Return whether an adapter of this lane that passed the gate is tried before it serves."""
        entry, now = self.policy.canary, self.journal.store.now()
        if entry.when != "auto":
            return entry.when == "always"
        return questions_of(self.journal, lane, now - timedelta(days=entry.days)) >= entry.questions

    def dataset(self, dataset_id: str) -> Dataset:
        """Load a dataset by its id. Raises NotFoundError, MismatchError."""
        return load(self.registry.artifacts.files, dataset_id)

    def dataset_of(self, adapter: Adapter) -> Dataset:
        """Load the dataset of an adapter, of a merged one what `joined` makes of several. Raises as `dataset` does."""
        return joined([self.dataset(one) for one in adapter.dataset_ids])

    def dataset_before(self, dataset_id: str) -> str:
        """Return the id of the dataset that was built before this one, of its recipe where there is one.

        Raises NotFoundError where there is none.
        """
        built = self.journal.store.rows("datasets", columns=["dataset_id", "created_at"]).sort_by("created_at")
        ids: list[str] = built["dataset_id"].to_pylist()
        earlier = ids[: ids.index(dataset_id)] if dataset_id in ids else []
        recipe, files = self.dataset(dataset_id).recipe, self.registry.artifacts.files
        for one in reversed(earlier):
            if recipe_in(files, one) == recipe:
                return one
        raise NotFoundError(f"found no dataset of the recipe {recipe} that was built before {dataset_id}")

    def trained_rows(self, adapter: Adapter) -> list[TrainedRow]:
        """Read what an adapter was trained on; see lineage.read_rows."""
        return read_rows(self.registry.artifacts.files, adapter.path)

    def staleness(self, adapter: Adapter) -> str:
        """Say which of the adapter's trained rows are no longer true; see lineage.staleness."""
        rows = self.trained_rows(adapter)
        index = self.index
        return staleness(rows, standing_of(index, documents_of(rows)), inventory.keys(index))
