"""The retraining paragraph: build a dataset → train → evaluate → judge → promote or not.

The steps exchange ids, so that an orchestrator can run each as a task of its own and repeat any of them. Each can be
killed and run again; the champion serves throughout, since only the last one touches the alias. One retraining of a
home runs at a time. Hours lie between the steps, and people and other steps change the registry meanwhile: so a step
reads again, under the registry's lease, whatever it changes or decides by.

An adapter is promoted only over the champion that it was compared with, only on the evaluation that the verdict is of,
and only while every row that it was trained on is still true. One that was rolled back from stays retired.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from ragloop.answering.prompts import rag_prompt
from ragloop.answering.retrieval import RetrievalPolicy, Retriever
from ragloop.corpus.index.table import Index, Live
from ragloop.corpus.index.vectors import VectorStore
from ragloop.errors import MismatchError, NotFoundError, UsageError
from ragloop.journal import Journal
from ragloop.learning.evaluation.gate import GatePolicy, Verdict, judge, rejects, withheld
from ragloop.learning.evaluation.run import (
    ELSEWHERE,
    EvalReport,
    GoldenQuestion,
    Question,
    Target,
    evaluate,
    outdated_golden,
    read_evaluation,
    target_questions,
    trained_questions,
)
from ragloop.learning.examples.curation import Curated, curate, rested_on
from ragloop.learning.examples.datasets import Dataset, build, documents_behind, funnel_of, load, stale_examples
from ragloop.learning.examples.lineage import TrainedRow, documents_of, read_rows, staleness, standing_of, write_rows
from ragloop.learning.examples.near_duplicates import Likeness
from ragloop.learning.monitoring.windows import take_snapshot
from ragloop.models import Generator
from ragloop.models.chat import load_chat
from ragloop.models.training.process import Progress, TrainingSpec, train
from ragloop.records import UNLABELLED
from ragloop.registry import (
    INCONCLUSIVE,
    REGISTERED,
    REJECTED,
    RETIRED,
    Adapter,
    AdapterState,
    Registry,
    adapter_sha256,
)
from ragloop.store.names import inside

_DECIDED = {INCONCLUSIVE: "found inconclusive"}
"""What became of a known adapter, where its state alone reads badly."""
_STATE = {"reject": REJECTED, "inconclusive": INCONCLUSIVE}
_COMPARE_AGAIN = "another champion serves than the one that it was compared with; evaluate again."
_JUDGE_AGAIN = "it was evaluated or judged again since this verdict; judge it again."
_ROLLED_BACK = "it was rolled back from; `ragloop adapters promote` brings it back."


@dataclass(frozen=True)
class RetrainingPolicy:
    """What the steps need to know of the settings.

    `training` is the spec without its files; `retrieval` is how passages are found for questions that are answered.
    """

    base_name: str
    training: TrainingSpec
    gate: GatePolicy
    retrieval: RetrievalPolicy
    golden: Sequence[GoldenQuestion] = ()
    eval_share: float = 0.15
    max_answer_words: int = 24
    max_elsewhere: int = 64
    max_trained: int = 100
    seed: int = 0


@dataclass(frozen=True)
class DatasetSummary:
    """A dataset that was built: numbers of rows, and why rows of the log are not among them."""

    dataset_id: str
    rows: int
    train: int
    eval: int
    funnel: Mapping[str, int]
    path: str


@dataclass(frozen=True)
class RetrainReport:
    """How one retraining ended."""

    adapter_id: str
    verdict: str
    reasons: tuple[str, ...]
    metrics: Mapping[str, Mapping[str, Any]]
    promoted: bool


class Retraining:
    """The steps over one store.

    `live()` gives what answers now, `base()` the local model's folder or hub name, `generator(adapter)` that model
    wearing an adapter or none, `base_sha256()` a hash of its weights or nothing.
    """

    def __init__(
        self,
        journal: Journal,
        registry: Registry,
        live: Callable[[], Live],
        base: Callable[[], Path | str],
        generator: Callable[[Adapter | None], Generator],
        policy: RetrainingPolicy,
        base_sha256: Callable[[], str] = lambda: "",
    ) -> None:
        self._journal, self._registry, self._live, self._policy = journal, registry, live, policy
        self._base, self._generator, self._base_sha256 = base, generator, base_sha256

    @property
    def _index(self) -> Index:
        """The index that answers now: another may answer when a training of hours has ended."""
        return self._live().index

    def run(self, on_progress: Callable[[Progress], None] = lambda _: None) -> RetrainReport:
        """All steps in a row. Raises StoreBusyError while another retraining of this home runs."""
        with self._alone():
            adapter_id = self._train(self.build_dataset().dataset_id, on_progress)
            metrics = self._evaluate(adapter_id).metrics
            verdict, promoted = self.conclude(adapter_id, self.judge(adapter_id))
        return RetrainReport(adapter_id, verdict.verdict, verdict.reasons, metrics, promoted)

    def warnings(self) -> list[str]:
        """What is worth knowing before the time for a training is spent."""
        golden, needed = len(self._policy.golden), self._policy.gate.min_pairs
        lacking = (
            f"found {golden} golden questions: nothing is promoted with fewer than {needed}; dataset.golden has them"
        )
        return [*([lacking] if golden < needed else []), *self._champion()[1]]

    def _alone(self) -> AbstractContextManager[None]:
        return self._journal.store.lease("retraining")

    def _champion(self) -> tuple[Adapter | None, list[str]]:
        """The champion that candidates are compared with; the base model where its files are gone, which is said."""
        champion, trouble = self._registry.serving()
        return champion, [f"the base model stands in for the champion, which cannot serve: {trouble}."] * bool(trouble)

    def curated(self) -> Curated:
        """The eligible examples of the whole log, and the funnel of the rest."""
        interactions, feedback = self._journal.interactions().to_pylist(), self._journal.feedback().to_pylist()
        return curate(
            interactions,
            feedback,
            standing_of(self._index, rested_on(interactions, feedback)),
            golden=[one.question for one in self._policy.golden],
            max_answer_words=self._policy.max_answer_words,
        )

    def new_eligible(self) -> int:
        """Eligible examples that no retraining has looked at, whatever became of its adapter."""
        known: set[str] = set()
        for dataset_id in {adapter.dataset_id for adapter in self._registry.adapters()}:
            try:
                known |= self._dataset(dataset_id).seen
            except (NotFoundError, MismatchError):
                continue  # A dataset that somebody deleted: what it held counts as new again.
        return sum(not known.issuperset(example.interaction_ids) for example in self.curated().examples)

    def build_dataset(self) -> DatasetSummary:
        """Write the eligible examples as a dataset; equal examples, equal id. Raises UsageError without any."""
        curated = self.curated()
        if not curated.examples:
            why = ", ".join(f"{count} {reason}" for reason, count in curated.funnel.items()) or "the log is empty"
            raise UsageError(f"found no eligible example ({why}); corrections and thumbs up on short answers make some")
        made = build(
            self._registry.artifacts / "datasets",
            curated,
            eval_share=self._policy.eval_share,
            seed=self._policy.seed,
            created_at=self._journal.store.now(),
        )
        self._journal.store.upsert_rows(
            "datasets", [_dataset_row(made, self._registry.artifacts, self._journal.store.now())]
        )
        return DatasetSummary(
            made.dataset_id, made.rows, made.train.num_rows, made.eval.num_rows,
            funnel_of(curated, made), str(made.path),
        )  # fmt: skip

    def train(self, dataset_id: str, on_progress: Callable[[Progress], None] = lambda _: None) -> str:
        """Train an adapter on a dataset, and register it.

        Rows that are no longer true or match a golden question are left out. A run that was killed goes on where it
        was. Raises UsageError where the same rows were trained on and judged before, or none is left; StoreBusyError
        while another retraining of this home runs.
        """
        with self._alone():
            return self._train(dataset_id, on_progress)

    def _train(self, dataset_id: str, on_progress: Callable[[Progress], None]) -> str:
        dataset = self._dataset(dataset_id)
        standing = standing_of(self._index, documents_behind(dataset))
        golden = Likeness([one.question for one in self._policy.golden])
        stale = stale_examples(dataset, standing)
        true = [row for row in dataset.train.to_pylist() if row["example_id"] not in stale]
        rows = [TrainedRow.of(row) for row in true if not golden.matches(row["question"])]
        if not rows:
            raise UsageError(
                f"no row of dataset {dataset_id} can be trained on: {dataset.train.num_rows - len(true)} rest on a "
                f"passage that changed, {len(true)} match a golden question; build it again"
            )
        left_out = {"stale": dataset.train.num_rows - len(true), "golden": len(true) - len(rows)}
        spec = self._spec()
        known = self._registered(_adapter_id(rows, dataset_id, spec, self._base_sha256()))
        if known and known.state != REGISTERED:
            raise UsageError(
                f"nothing new to train on: adapter {known.adapter_id} was trained on these examples and "
                f"{_DECIDED.get(known.state, known.state)}"
            )
        return self._fit(rows, dataset_id, spec, on_progress, left_out, standing.revisions)

    def train_rows(
        self,
        rows: Sequence[tuple[str, str]],
        dataset_id: str,
        on_progress: Callable[[Progress], None] = lambda _: None,
        **changes: Any,
    ) -> str:
        """Train on pairs of question and answer, and register the adapter; `changes` replace fields of the spec.

        A row rests on the documents of the dataset's row with the same question.
        """
        with self._alone():
            trained = [TrainedRow.of(row) for row in self._dataset(dataset_id).train.to_pylist()]
            documents = {row.question: row.documents for row in trained}
            known = [TrainedRow(question, answer, documents.get(question, ())) for question, answer in rows]
            return self._fit(known, dataset_id, self._spec(**changes), on_progress)

    def _spec(self, **changes: Any) -> TrainingSpec:
        base = self._base()
        return replace(self._policy.training, base=str(base), chat=load_chat(base).fingerprint, **changes)

    def _registered(self, adapter_id: str) -> Adapter | None:
        return next((one for one in self._registry.adapters() if one.adapter_id == adapter_id), None)

    def _fit(
        self,
        rows: Sequence[TrainedRow],
        dataset_id: str,
        spec: TrainingSpec,
        on_progress: Callable[[Progress], None],
        left_out: Mapping[str, int] | None = None,
        revisions: Mapping[str, str] | None = None,
    ) -> str:
        """Train and register; an adapter that is registered already stays as it is. `revisions`: see take_snapshot."""
        adapter_id = _adapter_id(rows, dataset_id, spec, self._base_sha256())
        known = self._registered(adapter_id)
        if known and self._registry.is_whole(known):
            return adapter_id
        folder = self._registry.artifacts / "adapters" / adapter_id
        folder.mkdir(parents=True, exist_ok=True)
        result = train(replace(spec, rows=str(write_rows(rows, folder)), output=str(folder)), on_progress)
        if revisions is not None:
            take_snapshot(self._journal.store, revisions)
        metrics = {"training": {**_training_metrics(result), "left_out": dict(left_out or {})}}
        made = Adapter(
            adapter_id, self._journal.store.now(), self._policy.base_name, dataset_id, f"adapters/{adapter_id}",
            adapter_sha256(folder), REGISTERED, "", (), metrics, self._base_sha256(),
        )  # fmt: skip
        if known:
            files = partial(replace, sha256=made.sha256, base_sha256=made.base_sha256)
            self._registry.update(adapter_id, files)
        else:
            self._registry.register(made)
        return adapter_id

    def evaluate(self, adapter_id: str) -> EvalReport:
        """Answer the golden and the held-out questions by champion and candidate; keeps the answers, and who it was
        compared with."""
        with self._alone():
            return self._evaluate(adapter_id)

    def _evaluate(self, adapter_id: str) -> EvalReport:
        adapter = self._registry.adapter(adapter_id)
        questions, left_out = self.questions(adapter)
        champion, notes = self._champion()
        folder = self._registry.folder(adapter)
        answering = self._generator(champion), self._generator(adapter)
        report = evaluate(questions, *answering, folder, lambda target: rejects(target, self._policy.gate))
        golden = adapter.metrics["training"].get("left_out", {}).get("golden", 0)
        notes += [f"rows not trained on because they match a golden question: {golden}."] * bool(golden)
        compared = {"compared_with": champion.adapter_id if champion else None, "notes": [*notes, *left_out]}
        self._registry.update(adapter_id, lambda now: _evaluated(now, {**report.metrics, **compared}))
        return report

    def questions(self, adapter: Adapter) -> tuple[list[Question], list[str]]:
        """What an adapter is asked, and a sentence per kind of golden question that it is not asked."""
        rows = read_rows(self._registry.folder(adapter))
        target = self._target(rows)
        standing = standing_of(self._index, documents_of(rows))
        true = [(row.question, row.answer) for row in rows if not row.changed(standing)]
        trained = trained_questions(true, self._policy.max_trained)
        return [*target.questions, *trained, *self._elsewhere(self._dataset(adapter.dataset_id))], target.notes

    def _target(self, rows: Sequence[TrainedRow]) -> Target:
        keys = self._index.keys()
        trained_keys = frozenset(keys[one] for row in rows for one in row.subjects if one in keys)
        questions = [row.question for row in rows]
        changed = outdated_golden(self._policy.golden, self._index)
        return target_questions(self._policy.golden, questions, trained_keys, frozenset(keys.values()), changed)

    def _elsewhere(self, dataset: Dataset) -> list[Question]:
        """Held-out questions of which what they rest on still stands, each with its best passage."""
        stale = stale_examples(dataset, standing_of(self._index, documents_behind(dataset)))
        rows = [row for row in dataset.eval.to_pylist() if row["example_id"] not in stale][
            -self._policy.max_elsewhere :
        ]
        if not rows:
            return []
        live = self._live()
        retriever = Retriever(live.index, replace(self._policy.retrieval, top_k=1, without_labels=UNLABELLED))
        vectors = VectorStore(live.index.store, live.embedder).of_texts([row["question"] for row in rows])
        found = [
            retriever.retrieve(row["question"], vector).passages for row, vector in zip(rows, vectors, strict=True)
        ]
        return [
            Question(ELSEWHERE, rag_prompt(row["question"], passages), row["answer"])
            for row, passages in zip(rows, found, strict=True)
        ]

    def judge(self, adapter_id: str) -> Verdict:
        """Hold the kept evaluation against the gate, and note the verdict with the adapter.

        Where a trained row is no longer true, what the gate would promote is inconclusive.
        """
        adapter = self._registry.adapter(adapter_id)
        report = read_evaluation(self._registry.folder(adapter))
        verdict = judge(report.target, report.elsewhere, self._policy.gate, ended_early=report.ended_early)
        verdict = replace(verdict, reasons=(*verdict.reasons, *adapter.metrics.get("notes", ())))
        stale = self._staleness(adapter)
        verdict = withheld(verdict, stale) if stale else verdict
        self._registry.update(adapter_id, lambda now: _judged(now, verdict, criteria=_criteria(verdict)))
        return verdict

    def promote(self, adapter_id: str, verdict: Verdict) -> bool:
        """Make the adapter the champion if the verdict says so; returns whether it did. See `conclude`."""
        return self.conclude(adapter_id, verdict)[1]

    def conclude(self, adapter_id: str, verdict: Verdict) -> tuple[Verdict, bool]:
        """Promote if the verdict says so; returns the verdict as it stands then, and whether the adapter was promoted.

        Not promoted are an adapter of which a trained row changed, a retired one, and one that was compared with
        another champion than the one that serves now, or judged anew since the verdict: these two stay registered, so
        that the next retraining evaluates them again. One that serves already, as a promotion that was killed leaves
        it, is promoted. Raises MismatchError when its files changed.
        """
        if verdict.verdict != "promote":
            self._note(adapter_id, verdict, _STATE[verdict.verdict])
            return verdict, False
        reason = "gate: " + " ".join(verdict.reasons)
        why = self._registry.promote_if(adapter_id, reason, partial(self._why_not, verdict))
        if not why:
            return verdict, True
        verdict = withheld(verdict, why)
        self._note(adapter_id, verdict, REGISTERED if why in (_COMPARE_AGAIN, _JUDGE_AGAIN) else INCONCLUSIVE)
        return verdict, False

    def _why_not(self, verdict: Verdict, adapter: Adapter, serving: Adapter | None) -> str:
        """Why the adapter must not be promoted now; what changes most often is looked at last."""
        if adapter.state == RETIRED:
            return _ROLLED_BACK
        if adapter.metrics.get("compared_with") != (serving.adapter_id if serving else None):
            return _COMPARE_AGAIN
        if adapter.metrics.get("criteria", []) != _criteria(verdict):
            return _JUDGE_AGAIN
        return self._staleness(adapter)

    def _note(self, adapter_id: str, verdict: Verdict, state: AdapterState) -> None:
        """Keep the verdict, and the state where it may follow the present one: what serves or was rolled back from
        keeps its own."""
        self._registry.update(adapter_id, lambda now: _judged(now, verdict, state))

    def _staleness(self, adapter: Adapter) -> str:
        rows = read_rows(self._registry.folder(adapter))
        index = self._index
        return staleness(rows, standing_of(index, documents_of(rows)), index.keys())

    def _dataset(self, dataset_id: str) -> Dataset:
        folder = inside(self._registry.artifacts / "datasets", dataset_id)
        if not folder.is_dir():
            raise NotFoundError(
                f"found no dataset {dataset_id!r} in {folder.parent}; `ragloop dataset build` makes one"
            )
        return load(folder)


def _evaluated(adapter: Adapter, metrics: Mapping[str, Any]) -> Adapter:
    """The adapter with a new evaluation, of which there is no verdict yet."""
    kept = {name: value for name, value in adapter.metrics.items() if name != "criteria"}
    return replace(adapter, metrics={**kept, **metrics})


def _judged(adapter: Adapter, verdict: Verdict, state: AdapterState = REGISTERED, **metrics: Any) -> Adapter:
    """The adapter with a verdict; a state that may not follow the present one is left out."""
    state = state if adapter.state.may_become(state) else adapter.state
    metrics = {**adapter.metrics, **metrics}
    return replace(adapter, verdict=verdict.verdict, reasons=verdict.reasons, state=state, metrics=metrics)


def _criteria(verdict: Verdict) -> list[dict[str, Any]]:
    """The criteria of a verdict as a row of the registry holds them: what the verdict rests on."""
    return [asdict(criterion) for criterion in verdict.criteria]


def _adapter_id(rows: Sequence[TrainedRow], dataset_id: str, spec: TrainingSpec, base_sha256: str) -> str:
    """Deterministic, so that a retraining that was killed goes on where it was.

    A base model in a folder is told by its weights: other ones in the same folder make another adapter. One of a hub
    is told by its name, since its weights may not be on this disk yet.
    """
    pairs = [[row.question, row.answer] for row in rows]
    base = base_sha256 if Path(spec.base).is_dir() and base_sha256 else spec.base
    settings = {**asdict(spec), "base": base, "rows": "", "output": ""}
    content = json.dumps([pairs, dataset_id, settings], sort_keys=True)
    return "a" + hashlib.sha256(content.encode()).hexdigest()[:15]


def _training_metrics(result: Any) -> dict[str, Any]:
    names = ("rows", "seconds", "cpu_seconds", "tokens", "tokens_per_s", "rss_peak_mb", "seed", "chat")
    return {
        **{name: getattr(result, name) for name in names},
        "final_loss": result.final_loss,
        "notes": list(result.notes),
    }


def _dataset_row(made: Dataset, artifacts: Path, now: datetime) -> dict[str, Any]:
    return {
        "dataset_id": made.dataset_id,
        "created_at": now,
        "path": str(made.path.relative_to(artifacts)),
        "rows": made.rows,
        "train": made.train.num_rows,
        "eval": made.eval.num_rows,
    }
