"""What an application learns from its log: retraining, drift, reviews, export."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ragloop.app.parts import Parts
from ragloop.models import Generator

if TYPE_CHECKING:
    from ragloop.learning.evaluation.review import Review
    from ragloop.learning.monitoring.windows import DriftMeasurement
    from ragloop.learning.retraining import Retraining
    from ragloop.registry import Adapter


class Learning:
    """The adapters of one home, and the log that they come from."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @cached_property
    def retraining(self) -> "Retraining":
        """The steps of a retraining over this store."""
        from ragloop.answering.retrieval import RetrievalPolicy
        from ragloop.learning.evaluation.gate import GatePolicy
        from ragloop.learning.evaluation.run import read_golden
        from ragloop.learning.retraining import Retraining, RetrainingPolicy
        from ragloop.models.training.process import TrainingSpec

        s = self._parts.settings
        training = TrainingSpec(base="", rows="", output="", threads=s.model.threads, **s.training.model_dump())
        policy = RetrainingPolicy(
            base_name=s.model.base,
            training=training,
            gate=GatePolicy(**s.gate.model_dump()),
            golden=read_golden(s.dataset.golden),
            eval_share=s.dataset.eval_share,
            max_answer_words=s.dataset.max_answer_words,
            retrieval=RetrievalPolicy.of(s.retrieval),
            seed=s.dataset.seed,
        )
        return Retraining(
            self._parts.journal,
            self._parts.registry,
            self._parts.live,
            lambda: self._parts.models.base,
            self._generator_with,
            policy,
            self._parts.models.base_sha256,
        )

    def _generator_with(self, adapter: "Adapter | None") -> Generator:
        if adapter is None:
            return self._parts.models.local_generator
        return self._parts.models.wearing(adapter, self._parts.registry.folder(adapter))

    def measure_drift(self, key: str = "") -> "DriftMeasurement":
        """Measure drift and decide whether training is due; the report is kept, by `key` as history.keep has it."""
        from ragloop.learning.monitoring.cadence import CadencePolicy
        from ragloop.learning.monitoring.drift import DriftPolicy
        from ragloop.learning.monitoring.windows import measure_drift

        return measure_drift(
            self._parts.journal,
            self._parts.registry,
            self._parts.live(),
            window=self._parts.settings.drift.window,
            new_eligible=self.retraining.new_eligible(),
            drift=DriftPolicy.of(self._parts.settings.drift),
            cadence=CadencePolicy(**self._parts.settings.cadence.model_dump()),
            key=key,
        )

    def review(self, key: str = "") -> "Review | None":
        """The champion against the base model, today; None while the base model serves.

        The report is kept, by `key` as history.keep has it.
        """
        from ragloop.learning.evaluation.gate import GatePolicy
        from ragloop.learning.evaluation.review import review

        parts = self._parts
        gate = GatePolicy(**parts.settings.gate.model_dump())
        return review(parts.store, parts.registry, self.retraining.questions, self._generator_with, gate, key)

    def export_log(self, file: Path) -> int:
        """Write every answer with its feedback as Parquet, or as JSON lines by the suffix .jsonl; returns the rows."""
        from ragloop.learning.export import export_log

        return export_log(self._parts.journal, file)
