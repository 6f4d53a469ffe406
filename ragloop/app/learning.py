"""What an application learns from its log: retraining, drift, reviews, export."""

from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ragloop.app.parts import Parts
from ragloop.app.policies import cadence_policy, drift_policy, gate_policy, retraining_policy
from ragloop.errors import StoreBusyError

if TYPE_CHECKING:
    from ragloop.learning.evaluation.review import Review
    from ragloop.learning.monitoring.windows import DriftMeasurement
    from ragloop.learning.retraining import Retraining


class Learning:
    """The adapters of one home, and the log that they come from."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @cached_property
    def retraining(self) -> "Retraining":
        """The steps of a retraining over this store."""
        from ragloop.learning.retraining import Retraining
        from ragloop.learning.steps.parts import RetrainingParts

        parts = RetrainingParts(
            self._parts.journal,
            self._parts.registry,
            self._parts.active,
            lambda: self._parts.models.base,
            self._parts.generators.local,
            retraining_policy(self._parts.settings),
            self._parts.models.base_sha256,
        )
        return Retraining(parts)

    def measure_drift(self, key: str = "") -> "DriftMeasurement":
        """Measure drift and decide whether training is due; the report is kept, by `key` as Reports.append has it."""
        from ragloop.learning.monitoring.windows import measure_drift

        return measure_drift(
            self._parts.journal,
            self._parts.registry,
            self._parts.active(),
            window=self._parts.settings.drift.window,
            new_eligible=self.retraining.new_eligible(),
            drift=drift_policy(self._parts.settings),
            cadence=cadence_policy(self._parts.settings),
            key=key,
        )

    def review(self, key: str = "") -> "Review | None":
        """Compare the champion with the base model, today; return None while the base model serves.

        The report is kept, by `key` as Reports.append has it.
        """
        from ragloop.learning.evaluation.review import review

        parts = self._parts
        gate = gate_policy(parts.settings)
        return review(parts.store, parts.registry, self.retraining.questions, parts.generators.local, gate, key)

    def maintain(self) -> None:
        """Remove answers of evaluations past their retention, and copies of adapters that are retired or gone."""
        from ragloop.registry import prune_copies

        self.prune_answers()
        prune_copies(self._parts.registry)

    def prune_answers(self) -> int:
        """Remove answers of evaluations past maintenance.answer_retention_days; return how many files that changed.

        None while a retraining, which may be keeping answers, is under way: the next maintenance removes them.
        """
        from ragloop.learning.evaluation.answer_cache import AnswerCache

        parts = self._parts
        keep = timedelta(days=parts.settings.maintenance.answer_retention_days)
        if not keep:
            return 0
        try:
            with parts.store.lease("retraining"):
                return AnswerCache(parts.registry.artifacts.files, parts.store.now).prune(keep)
        except StoreBusyError:
            return 0

    def export_log(self, file: Path) -> int:
        """Write every answer with its feedback as Parquet, or as JSON lines by the suffix .jsonl; returns the rows."""
        from ragloop.learning.export import export_log

        return export_log(self._parts.journal, file)
