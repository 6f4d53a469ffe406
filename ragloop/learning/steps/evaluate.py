"""Ask champion and candidate the same questions, and keep what they answered."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ragloop.answering.prompts import rag_prompt
from ragloop.answering.retrieval import Retriever
from ragloop.corpus.index import inventory
from ragloop.corpus.index.vectors import VectorStore
from ragloop.learning.evaluation.gate import rejects
from ragloop.learning.evaluation.golden import outdated_golden
from ragloop.learning.evaluation.measures import Part, Question
from ragloop.learning.evaluation.questions import Target, spread, target_questions
from ragloop.learning.evaluation.run import EvalReport, Pair, evaluate, keep_evaluation, report_of
from ragloop.learning.examples.datasets import Dataset, documents_behind, stale_examples
from ragloop.learning.examples.lineage import TrainedRow, documents_of, standing_of
from ragloop.learning.recipes import Need, Recipe, recipe_of
from ragloop.learning.rows.passages import LivePassages
from ragloop.learning.steps.parts import RetrainingParts
from ragloop.records import UNLABELLED, Passage, Prompt
from ragloop.registry import Adapter
from ragloop.registry.evidence import EvaluationRecord


def evaluate_adapter(parts: RetrainingParts, adapter_id: str) -> EvalReport:
    """Answer the golden and the held-out questions by champion and candidate, and keep what was found."""
    adapter = parts.registry.adapter(adapter_id)
    questions, left_out = questions_for(parts, adapter)
    incumbent, notes = parts.champion(adapter.lane)
    serving_id = incumbent.adapter_id if incumbent else None
    recipe = recipe_of(parts.dataset_of(adapter).recipe)
    with parts.generator(serving_id) as champion, parts.generator(adapter.adapter_id) as candidate:
        models = Pair(champion, candidate, recipe.asks_other(champion))
        rejected = partial(rejects, policy=parts.policy.gate, criteria=recipe.criteria)
        answered = evaluate(questions, models, parts.cache, rejected)
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
    rows, dataset = parts.trained_rows(adapter), parts.dataset_of(adapter)
    recipe = recipe_of(dataset.recipe)
    target = _target(parts, rows, recipe)
    standing = standing_of(parts.index, documents_of(rows))
    true = [row for row in rows if not row.changed(standing)]
    trained = _questions(parts, recipe, spread(true, parts.policy.max_trained), [Part.TRAINED])
    held_out = _with_passages if Need.PASSAGES in recipe.needs else _elsewhere
    return [*target.questions, *trained, *held_out(parts, dataset)], target.notes


def _questions(
    parts: RetrainingParts, recipe: Recipe, rows: Sequence[TrainedRow], kinds: Sequence[Part]
) -> list[Question]:
    """Return rows as questions of these parts, each with its passages; none of which one changed."""
    live = LivePassages.of(parts.index, (row.passages for row in rows))
    found = [(row, passages) for row in rows if (passages := live.of_row(row.passages)) is not None]
    return [
        Question(kind, recipe.asks(row.question, passages), row.answer, row.cites)
        for row, passages in found
        for kind in kinds
    ]


def _target(parts: RetrainingParts, rows: Sequence[TrainedRow], recipe: Recipe) -> Target:
    index, golden = parts.index, parts.policy.golden
    keys = inventory.keys(index)
    trained_keys = frozenset(keys[one] for row in rows for one in row.subjects if one in keys)
    trained, changed = [row.question for row in rows], outdated_golden(golden, index)
    top_k = parts.policy.retrieval.top_k if Need.PASSAGES in recipe.needs else 0
    found = dict(zip(parts.golden, _retrieved(parts, parts.golden, top_k), strict=True))

    def prompt(question: str) -> Prompt:
        return recipe.asks(question, found[question])

    return target_questions(golden, trained, trained_keys, frozenset(keys.values()), changed, prompt)


def _retrieved(parts: RetrainingParts, questions: Sequence[str], top_k: int) -> list[tuple[Passage, ...]]:
    """Find the best passages that everybody sees for each question."""
    if not questions or not top_k:
        return [()] * len(questions)
    active = parts.active()
    vectors = VectorStore(active.index.store, active.embedder, asked=True).of_texts(questions)
    retriever = Retriever(active.index, replace(parts.policy.retrieval, top_k=top_k, without_labels=UNLABELLED))
    return [retriever.retrieve(one, vector).passages for one, vector in zip(questions, vectors, strict=True)]


def _held_out(parts: RetrainingParts, dataset: Dataset) -> list[dict[str, Any]]:
    """Return the newest held-out rows of which what they rest on still stands."""
    stale = stale_examples(dataset, standing_of(parts.index, documents_behind(dataset)))
    rows = [row for row in dataset.eval.to_pylist() if row["example_id"] not in stale]
    return rows[-parts.policy.max_elsewhere :]


def _elsewhere(parts: RetrainingParts, dataset: Dataset) -> list[Question]:
    """Return held-out questions, each with its best passage."""
    rows = _held_out(parts, dataset)
    found = _retrieved(parts, [row["question"] for row in rows], 1)
    return [
        Question(Part.ELSEWHERE, rag_prompt(row["question"], passages), row["answer"])
        for row, passages in zip(rows, found, strict=True)
    ]


def _with_passages(parts: RetrainingParts, dataset: Dataset) -> list[Question]:
    """Return held-out questions with the passages of their rows; those without one that answers apart."""
    recipe = recipe_of(dataset.recipe)
    rows = recipe.rows(_held_out(parts, dataset))
    answered, unanswered = [row for row in rows if row.cites], [row for row in rows if not row.cites]
    asked = _questions(parts, recipe, answered, [Part.ELSEWHERE, Part.CITED])
    return [*asked, *_questions(parts, recipe, unanswered, [Part.UNANSWERED])]


def _not_trained(adapter: Adapter) -> list[str]:
    golden = adapter.evidence.left_out.get("golden")
    return [f"rows not trained on because they match a golden question: {golden}."] if golden else []


def _evaluated(adapter: Adapter, found: EvaluationRecord) -> Adapter:
    """Return the adapter with a new evaluation, of which there is no verdict yet."""
    return replace(adapter, evidence=replace(adapter.evidence, evaluation=found, gate=None))
