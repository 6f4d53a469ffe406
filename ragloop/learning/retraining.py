"""The retraining paragraph: build a dataset → train → evaluate → judge → promote or not.

The steps exchange ids, so that an orchestrator can run each as a task of its own and repeat any of them. Each can be
killed and run again; the champion serves throughout, since only the last one touches the alias.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ragloop.answering.prompts import closed_book_messages, rag_prompt
from ragloop.answering.retrieval import retrieve
from ragloop.corpus.index import Index
from ragloop.corpus.vectors import VectorStore
from ragloop.errors import NotFoundError, UsageError
from ragloop.journal import Journal
from ragloop.learning.curation import Curated, curate
from ragloop.learning.datasets import Dataset, build, funnel_of, load, stale_examples
from ragloop.learning.evaluation import (
    ELSEWHERE,
    EvalReport,
    GoldenQuestion,
    Question,
    evaluate,
    read_evaluation,
    target_questions,
)
from ragloop.learning.gate import GatePolicy, Verdict, judge
from ragloop.learning.windows import take_snapshot
from ragloop.models import Embedder, Generator
from ragloop.models.lora import Progress, TrainingSpec, train
from ragloop.models.registry import Adapter, Registry, adapter_sha256

ROWS = "rows.parquet"
REGISTERED, PROMOTED, REJECTED, INCONCLUSIVE = "registered", "promoted", "rejected", "inconclusive"
_STATE = {"promote": PROMOTED, "reject": REJECTED, "inconclusive": INCONCLUSIVE}


@dataclass(frozen=True)
class RetrainingPolicy:
    """What the steps need to know of the settings. `training` is the spec without its files."""

    base_name: str
    training: TrainingSpec
    gate: GatePolicy
    golden: Sequence[GoldenQuestion] = ()
    eval_share: float = 0.15
    max_answer_words: int = 24
    max_elsewhere: int = 64
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

    `base()` gives the local model's folder or hub name, `generator(adapter)` that model wearing an adapter or none.
    """

    def __init__(
        self,
        journal: Journal,
        registry: Registry,
        index: Index,
        embedder: Embedder,
        base: Callable[[], Path | str],
        generator: Callable[[Adapter | None], Generator],
        policy: RetrainingPolicy,
    ) -> None:
        self._journal, self._registry, self._index = journal, registry, index
        self._embedder, self._policy = embedder, policy
        self._base, self._generator = base, generator

    def run(self, on_progress: Callable[[Progress], None] = lambda _: None) -> RetrainReport:
        """All steps in a row."""
        adapter_id = self.train(self.build_dataset().dataset_id, on_progress)
        metrics = self.evaluate(adapter_id).metrics
        verdict = self.judge(adapter_id)
        promoted = self.promote(adapter_id, verdict)
        return RetrainReport(adapter_id, verdict.verdict, verdict.reasons, metrics, promoted)

    def curated(self) -> Curated:
        """The eligible examples of the whole log, and the funnel of the rest."""
        return curate(
            self._journal.interactions().to_pylist(),
            self._journal.feedback().to_pylist(),
            self._index.revisions(),
            golden=[one.question for one in self._policy.golden],
            max_answer_words=self._policy.max_answer_words,
        )

    def new_eligible(self) -> int:
        """Eligible examples that the champion was not trained on."""
        champion = self._registry.champion()
        known: set[str] = set()
        if champion is not None:
            dataset = self._dataset(champion.dataset_id)
            parts = (dataset.train, dataset.eval)
            known = {one for part in parts for ids in part["interaction_ids"].to_pylist() for one in ids}
        return sum(not known.issuperset(example.interaction_ids) for example in self.curated().examples)

    def build_dataset(self) -> DatasetSummary:
        """Write the eligible examples as a dataset; equal examples, equal id. Raises UsageError without any."""
        curated = self.curated()
        if not curated.examples:
            why = ", ".join(f"{count} {reason}" for reason, count in curated.funnel.items()) or "the log is empty"
            raise UsageError(f"found no eligible example ({why}); corrections and thumbs up on short answers make some")
        made = build(
            self._registry.artifacts / "datasets", curated, eval_share=self._policy.eval_share, seed=self._policy.seed
        )
        self._journal.store.upsert_rows("datasets", [_dataset_row(made, self._registry.artifacts)])
        return DatasetSummary(
            made.dataset_id, made.rows, made.train.num_rows, made.eval.num_rows,
            funnel_of(curated, made), str(made.path),
        )  # fmt: skip

    def train(self, dataset_id: str, on_progress: Callable[[Progress], None] = lambda _: None) -> str:
        """Train an adapter on a dataset, without the rows that are no longer true, and register it."""
        dataset = self._dataset(dataset_id)
        rows = dataset.train.to_pylist()
        stale = stale_examples(dataset, self._index.revisions())
        kept = [row for row in rows if row["example_id"] not in stale]
        if not kept:
            raise UsageError(f"every row of dataset {dataset_id} rests on a document that changed; build it again")
        return self.train_rows([(row["question"], row["answer"]) for row in kept], dataset_id, on_progress)

    def train_rows(
        self,
        rows: Sequence[tuple[str, str]],
        dataset_id: str,
        on_progress: Callable[[Progress], None] = lambda _: None,
        **changes: Any,
    ) -> str:
        """Train on pairs of question and answer, and register the adapter; `changes` replace fields of the spec."""
        spec = replace(self._policy.training, base=str(self._base()), **changes)
        adapter_id = _adapter_id(rows, dataset_id, spec)
        folder = self._registry.artifacts / "adapters" / adapter_id
        folder.mkdir(parents=True, exist_ok=True)
        _write_rows(rows, folder / ROWS)
        result = train(replace(spec, rows=str(folder / ROWS), output=str(folder)), on_progress)
        self._registry.register(
            Adapter(
                adapter_id, datetime.now(UTC), self._policy.base_name, dataset_id, f"adapters/{adapter_id}",
                adapter_sha256(folder), REGISTERED, "", (), {"training": _training_metrics(result)},
            )
        )  # fmt: skip
        take_snapshot(self._journal.store, self._index.revisions())
        return adapter_id

    def evaluate(self, adapter_id: str) -> EvalReport:
        """Answer the golden and the held-out questions by champion and candidate; keeps the answers."""
        adapter = self._registry.adapter(adapter_id)
        dataset = self._dataset(adapter.dataset_id)
        questions = self._target(dataset) + self._elsewhere(dataset)
        if not questions:
            raise UsageError("found nothing to evaluate on; name golden questions with dataset.golden")
        champion, candidate = self._generator(self._registry.champion()), self._generator(adapter)
        report = evaluate(questions, champion, candidate, self._registry.folder(adapter))
        self._registry.register(replace(adapter, metrics={**adapter.metrics, **report.metrics}))
        return report

    def _target(self, dataset: Dataset) -> list[Question]:
        trained = {one for documents in dataset.train["documents"].to_pylist() for one in _subjects(documents)}
        keys = self._index.keys()
        return target_questions(self._policy.golden, frozenset(keys[one] for one in trained if one in keys))

    def _elsewhere(self, dataset: Dataset) -> list[Question]:
        """Held-out questions whose documents are unchanged, each with its best passage."""
        stale = stale_examples(dataset, self._index.revisions())
        rows = [row for row in dataset.eval.to_pylist() if row["example_id"] not in stale][
            -self._policy.max_elsewhere :
        ]
        if not rows:
            return []
        vectors = VectorStore(self._index.store, self._embedder).of_texts([row["question"] for row in rows])
        found = [
            retrieve(self._index, row["question"], vector, top_k=1, candidates=30, rrf_k=60).passages
            for row, vector in zip(rows, vectors, strict=True)
        ]
        return [
            Question(ELSEWHERE, rag_prompt(row["question"], passages), row["answer"])
            for row, passages in zip(rows, found, strict=True)
        ]

    def judge(self, adapter_id: str) -> Verdict:
        """Hold the kept evaluation against the gate, and note the verdict with the adapter."""
        adapter = self._registry.adapter(adapter_id)
        report = read_evaluation(self._registry.folder(adapter))
        verdict = judge(report.target, report.elsewhere, self._policy.gate)
        criteria = [asdict(criterion) for criterion in verdict.criteria]
        self._registry.register(
            replace(
                adapter,
                verdict=verdict.verdict,
                reasons=verdict.reasons,
                metrics={**adapter.metrics, "criteria": criteria},
            )
        )
        return verdict

    def promote(self, adapter_id: str, verdict: Verdict) -> bool:
        """Make the adapter the champion if the verdict says so; returns whether it did."""
        adapter = self._registry.adapter(adapter_id)
        self._registry.register(replace(adapter, state=_STATE[verdict.verdict]))
        if verdict.verdict != "promote":
            return False
        self._registry.promote(adapter_id, "gate: " + " ".join(verdict.reasons))
        return True

    def _dataset(self, dataset_id: str) -> Dataset:
        folder = self._registry.artifacts / "datasets" / dataset_id
        if not folder.is_dir():
            raise NotFoundError(
                f"found no dataset {dataset_id!r} in {folder.parent}; `ragloop dataset build` makes one"
            )
        return load(folder)


def _subjects(documents: Sequence[Mapping[str, Any]]) -> set[str]:
    """What a row is about, as `Example.subjects` has it: a document that was merely shown may be a held-out one."""
    return {one["document_id"] for one in documents if one["cited"]} or {documents[0]["document_id"]}


def _adapter_id(rows: Sequence[tuple[str, str]], dataset_id: str, spec: TrainingSpec) -> str:
    """Deterministic, so that a retraining that was killed goes on where it was."""
    content = json.dumps([list(rows), dataset_id, {**asdict(spec), "rows": "", "output": ""}], sort_keys=True)
    return "a" + hashlib.sha256(content.encode()).hexdigest()[:15]


def _write_rows(rows: Sequence[tuple[str, str]], file: Path) -> None:
    messages = [
        [*map(dict, closed_book_messages(question)), {"role": "assistant", "content": answer}]
        for question, answer in rows
    ]
    kind = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    pq.write_table(pa.table({"messages": pa.array(messages, kind)}), file)


def _training_metrics(result: Any) -> dict[str, Any]:
    names = ("rows", "seconds", "cpu_seconds", "tokens", "tokens_per_s", "rss_peak_mb", "seed")
    return {**{name: getattr(result, name) for name in names}, "final_loss": result.final_loss}


def _dataset_row(made: Dataset, artifacts: Path) -> dict[str, Any]:
    return {
        "dataset_id": made.dataset_id,
        "created_at": datetime.now(UTC),
        "path": str(made.path.relative_to(artifacts)),
        "rows": made.rows,
        "train": made.train.num_rows,
        "eval": made.eval.num_rows,
    }
