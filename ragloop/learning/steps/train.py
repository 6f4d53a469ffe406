"""Train an adapter on a dataset, and register it."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ragloop.errors import UsageError
from ragloop.learning.examples.datasets import documents_behind, stale_examples
from ragloop.learning.examples.lineage import TrainedRow, standing_of, write_rows
from ragloop.learning.examples.near_duplicates import Likeness
from ragloop.learning.monitoring.windows import take_snapshot
from ragloop.learning.recipes import Need, Recipe, recipe_of
from ragloop.learning.rows.passages import LivePassages
from ragloop.learning.steps.parts import RetrainingParts
from ragloop.models.chat import load_chat
from ragloop.models.training.defaults import Learned, alpha_of, choices, lacking
from ragloop.models.training.process import FIRST_VALUES, Progress, TrainingResult, TrainingSpec, what_differs
from ragloop.models.training.reporting.sending import must_be_able_to_report
from ragloop.models.training.shape import base_shape
from ragloop.records import Message
from ragloop.registry import CANARY, INCONCLUSIVE, REGISTERED, Adapter, Evidence, adapter_sha256, files_are_whole
from ragloop.registry.evidence import TrainingRecord
from ragloop.telemetry import as_run, span

log = logging.getLogger(__name__)

OnProgress = Callable[[Progress], None]

_DECIDED = {INCONCLUSIVE: "found inconclusive", CANARY: "made a challenger, which its canary promotes or not"}
"""What became of a known adapter, where its state alone reads badly."""


@dataclass(frozen=True)
class _Job:
    """All that one training rests on. `revisions` of None leaves the reference of drift alone; see take_snapshot."""

    dataset_id: str
    recipe: Recipe
    rows: Sequence[TrainedRow]
    spec: TrainingSpec
    live: LivePassages
    reasons: Mapping[str, str]
    left_out: Mapping[str, int] = field(default_factory=dict)
    revisions: Mapping[str, str] | None = None

    def messages(self, row: TrainedRow) -> Sequence[Message]:
        """Return what training reads of a row, with its passages as they stand now."""
        return self.recipe.messages(row, self.live.of_row(row.passages) or ())


def train_adapter(parts: RetrainingParts, dataset_id: str, on_progress: OnProgress) -> str:
    """Train an adapter on a dataset, register it and return its id.

    Rows that are no longer true or match a golden question are left out. A run that was killed goes on where it was.
    Raises UsageError where the same rows were trained on and judged before, or none is left.
    """
    job = _job(parts, dataset_id)
    known = _registered(parts, _id(parts, job))
    if known and known.state != REGISTERED:
        raise UsageError(
            f"nothing new to train on: adapter {known.adapter_id} was trained on these examples and "
            f"{_DECIDED.get(known.state, known.state)}"
        )
    return _fit(parts, job, on_progress)


def train_on_rows(
    parts: RetrainingParts, rows: Sequence[tuple[str, str]], dataset_id: str, epochs: int, on_progress: OnProgress
) -> str:
    """Train on pairs of question and answer, register the adapter and return its id.

    A row rests on the documents of the dataset's row with the same question.
    """
    dataset = parts.dataset(dataset_id)
    recipe = recipe_of(dataset.recipe)
    documents = {row.question: row.documents for row in recipe.rows(dataset.train.to_pylist())}
    given = [TrainedRow(question, answer, documents.get(question, ())) for question, answer in rows]
    spec, reasons = _spec(parts, recipe, given)
    job = _Job(dataset_id, recipe, given, replace(spec, epochs=epochs), LivePassages({}), reasons)
    return _fit(parts, job, on_progress)


def _job(parts: RetrainingParts, dataset_id: str) -> _Job:
    """Select the rows of a dataset that may be trained on now. Raises UsageError where none is left."""
    dataset = parts.dataset(dataset_id)
    standing = standing_of(parts.index, documents_behind(dataset))
    golden = Likeness.of(parts.golden)
    stale = stale_examples(dataset, standing)
    true = [row for row in dataset.train.to_pylist() if row["example_id"] not in stale]
    recipe = recipe_of(dataset.recipe)
    asked = recipe.rows(row for row in true if not golden.matches(row["question"]))
    live = LivePassages.of(parts.index, (row.passages for row in asked))
    rows = [row for row in asked if live.of_row(row.passages) is not None]
    stale_rows = dataset.train.num_rows - len(true) + len(asked) - len(rows)
    left_out = {"stale": stale_rows, "golden": len(true) - len(asked)}
    if not rows:
        raise UsageError(
            f"no row of dataset {dataset_id} can be trained on: {left_out['stale']} rest on a passage that changed, "
            f"{left_out['golden']} match a golden question; build it again"
        )
    if why := lacking(len(rows), parts.policy.choices.min_rows):
        raise UsageError(f"dataset {dataset_id} of the recipe {recipe.name}: {why}")
    spec, reasons = _spec(parts, recipe, rows)
    return _Job(dataset_id, recipe, rows, spec, live, reasons, left_out, standing.revisions)


def _spec(parts: RetrainingParts, recipe: Recipe, rows: Sequence[TrainedRow]) -> tuple[TrainingSpec, Mapping[str, str]]:
    """Return the spec of a training, and why it takes the values that the settings leave open."""
    base, policy = parts.base(), parts.policy
    given = replace(
        policy.training,
        recipe=recipe.name,
        base=str(base),
        chat=load_chat(base).fingerprint,
        objective=recipe.objective,
    )
    words = sum(len(row.answer.split()) for row in rows)
    reads, compares = Need.PASSAGES in recipe.needs, Need.CORRECTIONS in recipe.needs
    learned = Learned(max(1, len(rows)), words, reads, compares)
    every = choices(base_shape(base, policy.base_name), learned)
    chosen = {name: one for name, one in every.items() if name in {*policy.choices.open, "max_length"}}
    values: dict[str, Any] = {name: one.value for name, one in chosen.items()}
    rank = values.get("rank", given.rank)
    scaled_by = policy.choices.scaled_by
    values["alpha"] = given.alpha if scaled_by is None else alpha_of(scaled_by, rank)
    if compares:
        chosen["held_out_share"] = every["held_out_share"]
        values["held_out_share"] = every["held_out_share"].value
    if not values.get("held_out_share", given.held_out_share):
        values["patience"] = FIRST_VALUES["patience"]
    return replace(given, **values), {name: f"{one.value:g}: {one.reason}" for name, one in chosen.items()}


def _registered(parts: RetrainingParts, adapter_id: str) -> Adapter | None:
    return next((one for one in parts.registry.adapters() if one.adapter_id == adapter_id), None)


@as_run
def _fit(parts: RetrainingParts, job: _Job, on_progress: OnProgress) -> str:
    """Train and register; an adapter that is registered and whole stays as it is."""
    adapter_id = _id(parts, job)
    known = _registered(parts, adapter_id)
    artifacts, path = parts.registry.artifacts, _path(adapter_id)
    if known and files_are_whole(artifacts.files, known.path, known.sha256):
        artifacts.clear(path)
        return adapter_id
    must_be_able_to_report(parts.policy.execution.report_to)
    folder = artifacts.folder / path
    folder.mkdir(parents=True, exist_ok=True)
    spec = replace(job.spec, rows=str(write_rows(job.rows, folder, job.messages)), output=str(folder))
    for name, reason in job.reasons.items():
        log.info("%s %s", name.replace("_", " "), reason)
    log.info("train adapter %s on %d rows", adapter_id, len(job.rows))
    with span("train adapter", adapter=adapter_id, dataset=job.dataset_id, rows=len(job.rows)):
        result = job.recipe.train(spec, on_progress, parts.policy.execution)
    if result.kept_pass:
        log.info(
            "pass %d of %d is kept: the held-out rows found it best", result.kept_pass, len(result.held_out_losses)
        )
    if job.revisions is not None:
        take_snapshot(parts.journal.store, job.revisions)
    made = _made(parts, job, adapter_id, result)
    artifacts.keep(path)
    if known:
        files = partial(replace, sha256=made.sha256, base_sha256=made.base_sha256)
        parts.registry.update(adapter_id, files)
    else:
        parts.registry.register(made)
    artifacts.clear(path)
    return adapter_id


def _path(adapter_id: str) -> str:
    return f"adapters/{adapter_id}"


def _made(parts: RetrainingParts, job: _Job, adapter_id: str, result: TrainingResult) -> Adapter:
    return Adapter(
        adapter_id,
        parts.journal.store.now(),
        parts.policy.base_name,
        job.dataset_id,
        path=_path(adapter_id),
        sha256=adapter_sha256(result.adapter),
        state=REGISTERED,
        verdict=None,
        reasons=(),
        evidence=Evidence(_record(result, job)),
        base_sha256=parts.base_sha256(),
        recipe=job.recipe.name,
        lane=job.recipe.lane,
    )


def _id(parts: RetrainingParts, job: _Job) -> str:
    return adapter_id_of(job.rows, job.dataset_id, job.spec, parts.base_sha256())


def adapter_id_of(rows: Sequence[TrainedRow], dataset_id: str, spec: TrainingSpec, base_sha256: str) -> str:
    """Return the id of the adapter that this training makes: deterministic, so that a killed retraining goes on.

    A base model in a folder is identified by its weights: other ones in the same folder make another adapter. One of a
    hub is identified by its name, since its weights may not be on this disk yet. Settings count where they differ from
    those of the first trainings, so that a new setting changes no old id.
    """
    pairs = [_content(row) for row in rows]
    base = base_sha256 if Path(spec.base).is_dir() and base_sha256 else spec.base
    settings = {**what_differs(asdict(spec)), "base": base, "rows": "", "output": ""}
    content = json.dumps([pairs, dataset_id, settings], sort_keys=True)
    return "a" + hashlib.sha256(content.encode()).hexdigest()[:15]


def _content(row: TrainedRow) -> list[Any]:
    """Return what of a row decides what is learned, without passages and weight where they say nothing."""
    more = [*([[one.chunk_id, one.text_hash] for one in row.passages]), *([row.weight] if row.weight > 1 else [])]
    more += [row.rejected] if row.rejected else []
    return [row.question, row.answer, *more]


def _record(result: TrainingResult, job: _Job) -> TrainingRecord:
    return TrainingRecord(
        rows=result.rows,
        seconds=result.seconds,
        cpu_seconds=result.cpu_seconds,
        tokens=result.tokens,
        tokens_per_s=result.tokens_per_s,
        rss_peak_mb=result.rss_peak_mb,
        seed=result.seed,
        chat=result.chat,
        final_loss=result.final_loss,
        notes=tuple(result.notes),
        left_out=job.left_out,
        chosen=job.reasons,
        held_out_rows=result.held_out_rows,
        held_out_losses=tuple(result.held_out_losses),
        kept_pass=result.kept_pass,
        device=result.device,
        precision=result.precision,
        memory_estimated_mb=result.memory_estimated_mb,
        gpu_peak_mb=result.gpu_peak_mb,
        gradient_checkpointing=result.gradient_checkpointing,
    )
