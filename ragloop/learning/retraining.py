"""The retraining paragraph: build a dataset → train → evaluate → judge → promote or not.

The steps exchange ids, so that an orchestrator can run each as a task of its own and repeat any of them. Each can be
killed and run again; the champion serves throughout, since only the last one touches the alias. One retraining of a
home runs at a time. Hours lie between the steps, and people and other steps change the registry meanwhile: so a step
reads again, under the registry's lease, whatever it changes or decides by.

An adapter is promoted only over the champion that it was compared with, only on the evaluation that the verdict is of,
and only while every row that it was trained on is still true. One that was rolled back from stays retired.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ragloop.learning.evaluation.gate import Verdict
from ragloop.learning.evaluation.measures import Question
from ragloop.learning.evaluation.run import EvalReport
from ragloop.learning.examples.example import Curated
from ragloop.learning.steps.dataset import DatasetSummary, build_dataset, curated, new_eligible
from ragloop.learning.steps.evaluate import evaluate_adapter, questions_for
from ragloop.learning.steps.judge import judge_adapter
from ragloop.learning.steps.merge import merge_adapters
from ragloop.learning.steps.parts import RetrainingParts
from ragloop.learning.steps.promote import Approved, Promotion, note_verdict, promote_adapter
from ragloop.learning.steps.train import train_adapter, train_on_rows
from ragloop.models.training.process import Progress
from ragloop.registry import Adapter, VerdictKind
from ragloop.registry.evidence import Criterion, Scores


@dataclass(frozen=True)
class RetrainReport:
    """How one retraining ended. `tried`: a canary of the adapter began, which promotes it or not."""

    adapter_id: str
    verdict: VerdictKind
    reasons: tuple[str, ...]
    metrics: Mapping[str, Scores]
    promoted: bool
    recipe: str
    criteria: Sequence[Criterion]
    tried: bool = False

    @property
    def measures(self) -> dict[str, dict[str, float | None]]:
        """Each measure with what champion and candidate reached."""
        names = [name for name in self.metrics["champion"] if not name.endswith("_questions")]
        return {name: {who: scores[name] for who, scores in self.metrics.items()} for name in names}


def _report(adapter_id: str, recipe: str, metrics: Mapping[str, Scores], ended: Promotion) -> RetrainReport:
    verdict = ended.verdict
    return RetrainReport(
        adapter_id,
        verdict.verdict,
        verdict.reasons,
        metrics,
        ended.promoted,
        recipe,
        verdict.criteria,
        ended.tried,
    )


class Retraining:
    """The steps over one store; those that train or evaluate run under its lease `retraining`.

    They raise StoreBusyError while another retraining of this home runs. What each step does, and what else it raises,
    stands with its function in ragloop/learning/steps/.
    """

    def __init__(self, parts: RetrainingParts) -> None:
        self.parts = parts

    def run(self, on_progress: Callable[[Progress], None] = lambda _: None, recipe: str = "") -> RetrainReport:
        """Run all steps in a row, by default for the recipe of the settings."""
        with self._alone():
            made = self.build_dataset(recipe)
            adapter_id = train_adapter(self.parts, made.dataset_id, on_progress)
            metrics = evaluate_adapter(self.parts, adapter_id).metrics
            ended = self.promote(adapter_id, self.judge(adapter_id))
        return _report(adapter_id, made.recipe, metrics, ended)

    def merge(
        self, adapter_ids: Sequence[str], method: str, weights: Sequence[float] = (), density: float | None = None
    ) -> RetrainReport:
        """Merge adapters into a new one, evaluate and judge it as a trained one is; a person promotes it, or nobody.

        Adapters that were merged before are evaluated and judged again, against who serves now.
        """
        with self._alone():
            adapter_id = merge_adapters(self.parts, adapter_ids, method, weights, density)
            metrics = evaluate_adapter(self.parts, adapter_id).metrics
            ended = note_verdict(self.parts, adapter_id, self.judge(adapter_id))
        return _report(adapter_id, self.parts.registry.adapter(adapter_id).recipe, metrics, ended)

    def warnings(self) -> list[str]:
        """Return what is worth knowing before the time for a training is spent."""
        golden, needed = len(self.parts.golden), self.parts.policy.gate.min_pairs
        lacking = (
            f"found {golden} golden questions: without passages nothing is promoted with fewer than {needed}; "
            "dataset.golden has them"
        )
        lanes = self.parts.registry.aliases.champions()
        damaged = [note for lane in lanes for note in self.parts.champion(lane)[1]]
        return [*([lacking] if golden < needed else []), *damaged]

    def curated(self, recipe: str = "") -> Curated:
        """Return the eligible examples of the whole log for a recipe, and the funnel of the rest."""
        return curated(self.parts, recipe)

    def new_eligible(self) -> int:
        """Count the eligible examples that no retraining has looked at."""
        return new_eligible(self.parts)

    def build_dataset(self, recipe: str = "") -> DatasetSummary:
        """Write the eligible examples as a dataset, by default of the recipe of the settings."""
        return build_dataset(self.parts, recipe)

    def train(self, dataset_id: str, on_progress: Callable[[Progress], None] = lambda _: None) -> str:
        """Train an adapter on a dataset, register it and return its id."""
        with self._alone():
            return train_adapter(self.parts, dataset_id, on_progress)

    def train_rows(
        self,
        rows: Sequence[tuple[str, str]],
        dataset_id: str,
        on_progress: Callable[[Progress], None] = lambda _: None,
        *,
        epochs: int,
    ) -> str:
        """Train on pairs of question and answer that rest on a dataset; register the adapter and return its id."""
        with self._alone():
            return train_on_rows(self.parts, rows, dataset_id, epochs, on_progress)

    def evaluate(self, adapter_id: str) -> EvalReport:
        """Answer the golden and the held-out questions by champion and candidate."""
        with self._alone():
            return evaluate_adapter(self.parts, adapter_id)

    def questions(self, adapter: Adapter) -> tuple[list[Question], list[str]]:
        """Return what an adapter is asked, and a sentence per kind of golden question that it is not asked."""
        return questions_for(self.parts, adapter)

    def judge(self, adapter_id: str) -> Verdict:
        """Hold the kept evaluation against the gate, and note the verdict with the adapter."""
        return judge_adapter(self.parts, adapter_id)

    def promote(self, adapter_id: str, verdict: Verdict, approved: Approved | None = None) -> Promotion:
        """Make the adapter the champion if the verdict says so; the history keeps who approved it, if a person did."""
        return promote_adapter(self.parts, adapter_id, verdict, approved)

    def _alone(self) -> AbstractContextManager[None]:
        return self.parts.journal.store.lease("retraining")
