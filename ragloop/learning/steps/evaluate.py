"""Ask champion and candidate the same questions, and keep what they answered."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from ragloop.answering.prompts import rag_prompt
from ragloop.answering.retrieval import Retriever
from ragloop.corpus.index import inventory
from ragloop.corpus.index.vectors import VectorStore
from ragloop.learning.evaluation.gate import rejects
from ragloop.learning.evaluation.golden import outdated_golden
from ragloop.learning.evaluation.measures import Part, Question
from ragloop.learning.evaluation.questions import Target, target_questions, trained_questions
from ragloop.learning.evaluation.run import EvalReport, Pair, evaluate, keep_evaluation, report_of
from ragloop.learning.examples.datasets import Dataset, documents_behind, stale_examples
from ragloop.learning.examples.lineage import TrainedRow, documents_of, standing_of
from ragloop.learning.recipes import Recipe, recipe_of
from ragloop.learning.steps.parts import RetrainingParts
from ragloop.records import UNLABELLED
from ragloop.registry import Adapter
from ragloop.registry.evidence import EvaluationRecord


def evaluate_adapter(parts: RetrainingParts, adapter_id: str) -> EvalReport:
    """Answer the golden and the held-out questions by champion and candidate, and keep what was found."""
    adapter = parts.registry.adapter(adapter_id)
    questions, left_out = questions_for(parts, adapter)
    incumbent, notes = parts.champion()
    serving_id = incumbent.adapter_id if incumbent else None
    with parts.generator(serving_id) as champion, parts.generator(adapter.adapter_id) as candidate:
        models = Pair(champion, candidate)
        answered = evaluate(questions, models, parts.cache, partial(rejects, policy=parts.policy.gate))
    keep_evaluation(answered, parts.registry.artifacts.files, adapter.path)
    report = report_of(answered)
    found = EvaluationRecord(
        report.incumbent,
        report.challenger,
        compared_with=serving_id,
        notes=(*notes, *_not_trained(adapter), *left_out),
    )
    parts.registry.update(adapter_id, lambda now: _evaluated(now, found))
    return report


def questions_for(parts: RetrainingParts, adapter: Adapter) -> tuple[list[Question], list[str]]:
    """Return what an adapter is asked, and a sentence per kind of golden question that it is not asked."""
    rows, dataset = parts.trained_rows(adapter), parts.dataset(adapter.dataset_id)
    recipe = recipe_of(dataset.recipe)
    target = _target(parts, rows, recipe)
    standing = standing_of(parts.index, documents_of(rows))
    true = [(row.question, row.answer) for row in rows if not row.changed(standing)]
    trained = trained_questions(true, parts.policy.max_trained, recipe.prompt)
    return [*target.questions, *trained, *_elsewhere(parts, dataset)], target.notes


def _target(parts: RetrainingParts, rows: Sequence[TrainedRow], recipe: Recipe) -> Target:
    index, golden = parts.index, parts.policy.golden
    keys = inventory.keys(index)
    trained_keys = frozenset(keys[one] for row in rows for one in row.subjects if one in keys)
    trained, changed = [row.question for row in rows], outdated_golden(golden, index)
    return target_questions(golden, trained, trained_keys, frozenset(keys.values()), changed, recipe.prompt)


def _elsewhere(parts: RetrainingParts, dataset: Dataset) -> list[Question]:
    """Return held-out questions of which what they rest on still stands, each with its best passage."""
    stale = stale_examples(dataset, standing_of(parts.index, documents_behind(dataset)))
    p = parts.policy
    rows = [row for row in dataset.eval.to_pylist() if row["example_id"] not in stale][-p.max_elsewhere :]
    if not rows:
        return []
    active = parts.active()
    vectors = VectorStore(active.index.store, active.embedder).of_texts([row["question"] for row in rows])
    retriever = Retriever(active.index, replace(p.retrieval, top_k=1, without_labels=UNLABELLED))
    found = [retriever.retrieve(row["question"], vector).passages for row, vector in zip(rows, vectors, strict=True)]
    return [
        Question(Part.ELSEWHERE, rag_prompt(row["question"], passages), row["answer"])
        for row, passages in zip(rows, found, strict=True)
    ]


def _not_trained(adapter: Adapter) -> list[str]:
    golden = adapter.evidence.left_out.get("golden")
    return [f"rows not trained on because they match a golden question: {golden}."] if golden else []


def _evaluated(adapter: Adapter, found: EvaluationRecord) -> Adapter:
    """Return the adapter with a new evaluation, of which there is no verdict yet."""
    return replace(adapter, evidence=replace(adapter.evidence, evaluation=found, gate=None))
