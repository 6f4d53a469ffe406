"""What an application learns from its log: retraining, drift, reviews, export."""

from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragloop.app.parts import Parts
from ragloop.app.policies import cadence_policy, canary_policy, drift_policy, gate_policy, retraining_policy
from ragloop.app.safekeeping import erased_answers
from ragloop.errors import MismatchError, StoreBusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ragloop.learning.canary.watching import CanaryWatch
    from ragloop.learning.evaluation.review import Review
    from ragloop.learning.monitoring.windows import DriftMeasurement
    from ragloop.learning.retraining import Retraining
    from ragloop.learning.reviewing.open_answers import OpenAnswer
    from ragloop.learning.reviewing.sheets import ReviewImport, Said
    from ragloop.learning.steps.parts import RetrainingPolicy
    from ragloop.registry import Adapter


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
            self._policy(),
            self._parts.models.base_sha256,
        )
        return Retraining(parts)

    def _policy(self) -> "RetrainingPolicy":
        """Return what the settings say, with the golden questions that the home keeps beside those of the file."""
        from ragloop.learning.golden.kept import GoldenSet, merged

        policy, parts = retraining_policy(self._parts.settings), self._parts
        kept = GoldenSet(parts.store, parts.artifacts.files).all() if parts.place.exists() else []
        return replace(policy, golden=merged(kept, policy.golden))

    def measure_drift(self, key: str = "") -> "DriftMeasurement":
        """Measure drift and decide whether training is due; the report is kept, by `key` as Reports.append has it."""
        from ragloop.learning.monitoring.windows import measure_drift

        return measure_drift(
            self._parts.journal,
            self._parts.registry,
            self._parts.active(),
            erased=erased_answers(self._parts),
            window=self._parts.settings.drift.window,
            new_eligible=self.retraining.new_eligible(),
            drift=drift_policy(self._parts.settings),
            cadence=cadence_policy(self._parts.settings),
            key=key,
        )

    @property
    def canary(self) -> "CanaryWatch":
        """The canaries of this home."""
        from ragloop.learning.canary.watching import CanaryWatch

        policy = canary_policy(self._parts.settings)
        return CanaryWatch(self._parts.journal, self._parts.registry, policy, self._staleness)

    def _staleness(self, adapter: "Adapter") -> str:
        """Say which of an adapter's trained rows are no longer true; only a promotion asks, and golden questions that
        cannot be read stop no rollback."""
        return self.retraining.parts.staleness(adapter)

    def reviews(self, key: str = "") -> "list[Review]":
        """Compare the champion of each lane with the base model, today; none where the base model serves.

        The reports are kept, by `key` as Reports.append has it.
        """
        from ragloop.learning.evaluation.review import reviews_of_lanes

        parts = self._parts
        gate = gate_policy(parts.settings)
        ask, generator = self.retraining.questions, parts.generators.local
        return reviews_of_lanes(parts.store, parts.registry, ask, generator, gate, key)

    def export_adapter(self, adapter_id: str, target: Path, wanted: str) -> list[str]:
        """Write an adapter to a new folder, by itself (peft, gguf) or merged into its base model; return the files'
        names.

        Raises MismatchError where its files are gone or changed, or (merged, gguf) the local model is another one.
        """
        from ragloop.models.adapters.exporting import ExportFormat, export

        registry, models = self._parts.registry, self._parts.models
        adapter = registry.adapter(adapter_id)
        if wanted != ExportFormat.PEFT and (why := models.other_base(adapter)):
            raise MismatchError(why)
        llama_cpp = self._parts.settings.registry.llama_cpp
        return export(adapter, registry.folder(adapter), lambda: models.base, target, ExportFormat(wanted), llama_cpp)

    def maintain(self) -> None:
        """Remove answers of evaluations and adapters past their retention, and copies of those that are retired or
        gone."""
        from ragloop.registry import expire_adapters, prune_copies

        self.prune_answers()
        if keep := self._parts.settings.maintenance.adapters_kept:
            expire_adapters(self._parts.registry, keep)
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

    def export_review(self, file: Path, most: int) -> int:
        """Write the answers that tell most when a person looks at them; see learning.reviewing.sheets."""
        from ragloop.learning.reviewing.sheets import export_sheet

        return export_sheet(self._parts.journal, self._parts.index, file, most)

    def import_review(self, file: Path) -> "ReviewImport":
        """Log what a person filled in; see learning.reviewing.sheets."""
        from ragloop.learning.reviewing.sheets import import_sheet

        return import_sheet(self._parts.journal, file)

    def open_answers(
        self, most: int, is_seen: "Callable[[Mapping[str, Any]], bool] | None" = None
    ) -> "list[OpenAnswer]":
        """Return the answers that tell most when a person looks at them; see learning.reviewing.open_answers."""
        from ragloop.learning.reviewing.open_answers import open_answers

        return open_answers(self._parts.journal, self._parts.index, most, is_seen)

    def log_judgements(self, given: "Sequence[Said]") -> "ReviewImport":
        """Log what a person said of answers, each once; see learning.reviewing.sheets."""
        from ragloop.learning.reviewing.sheets import log_judgements

        return log_judgements(self._parts.journal, given)

    def export_log(self, file: Path) -> int:
        """Write every answer with its feedback as Parquet, or as JSON lines by the suffix .jsonl; returns the rows."""
        from ragloop.learning.export import export_log

        return export_log(self._parts.journal, file)
