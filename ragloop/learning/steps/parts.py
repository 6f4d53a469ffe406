"""What every step works on."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from ragloop.answering.retrieval import RetrievalPolicy
from ragloop.corpus.index import inventory
from ragloop.corpus.index.table import ActiveIndex, Index
from ragloop.journal import Journal
from ragloop.learning.evaluation.answer_cache import AnswerCache
from ragloop.learning.evaluation.gate import GatePolicy
from ragloop.learning.evaluation.golden import GoldenQuestion
from ragloop.learning.examples.datasets import Dataset, load
from ragloop.learning.examples.lineage import TrainedRow, documents_of, read_rows, staleness, standing_of
from ragloop.models import Generator
from ragloop.models.training.process import TrainingSpec
from ragloop.registry import Adapter, Registry


@dataclass(frozen=True)
class RetrainingPolicy:
    """What the steps need to know of the settings.

    `training` is the spec without its files; `retrieval` is how passages are found for questions that are answered.
    """

    base_name: str
    training: TrainingSpec
    gate: GatePolicy
    golden: Sequence[GoldenQuestion]
    eval_share: float
    max_answer_words: int
    max_elsewhere: int
    max_trained: int
    retrieval: RetrievalPolicy
    seed: int


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

    def champion(self) -> tuple[Adapter | None, list[str]]:
        """Return the champion that adapters are compared with, None for the base model, and notes about it.

        A note says so where the champion's files are gone and the base model stands in for it.
        """
        champion, trouble = self.registry.serving()
        notes = [f"the base model stands in for the champion, which cannot serve: {trouble}."] if trouble else []
        return champion, notes

    def dataset(self, dataset_id: str) -> Dataset:
        """Load a dataset by its id. Raises NotFoundError, MismatchError."""
        return load(self.registry.artifacts.files, dataset_id)

    def trained_rows(self, adapter: Adapter) -> list[TrainedRow]:
        """Read what an adapter was trained on; see lineage.read_rows."""
        return read_rows(self.registry.artifacts.files, adapter.path)

    def staleness(self, adapter: Adapter) -> str:
        """Say which of the adapter's trained rows are no longer true; see lineage.staleness."""
        rows = self.trained_rows(adapter)
        index = self.index
        return staleness(rows, standing_of(index, documents_of(rows)), inventory.keys(index))
