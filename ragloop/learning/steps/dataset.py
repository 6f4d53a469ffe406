"""Build a dataset from the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ragloop.errors import UsageError
from ragloop.learning.examples.datasets import Dataset, build, funnel_of, path_of
from ragloop.learning.examples.eligibility import Eligibility
from ragloop.learning.examples.example import Curated
from ragloop.learning.steps.parts import RetrainingParts
from ragloop.store import make_room


@dataclass(frozen=True)
class DatasetSummary:
    """A dataset that was built: numbers of rows, and why rows of the log are not among them."""

    dataset_id: str
    rows: int
    train: int
    eval: int
    funnel: Mapping[str, int]
    path: str


def curated(parts: RetrainingParts) -> Curated:
    """Return the eligible examples of the whole log, and the funnel of the rest."""
    return _eligibility(parts).curated()


def new_eligible(parts: RetrainingParts) -> int:
    """Count the eligible examples that no retraining has looked at, whatever became of its adapter."""
    looked_at = {adapter.dataset_id for adapter in parts.registry.adapters()}
    return _eligibility(parts).unseen(looked_at, parts.dataset)


def _eligibility(parts: RetrainingParts) -> Eligibility:
    artifacts = parts.registry.artifacts
    make_room(artifacts.folder.parent, artifacts.folder.name)
    return Eligibility(parts.journal, parts.index, artifacts.files, parts.golden, parts.policy.max_answer_words)


def build_dataset(parts: RetrainingParts) -> DatasetSummary:
    """Write the eligible examples as a dataset; equal examples, equal id. Raises UsageError without any."""
    eligible, now = curated(parts), parts.journal.store.now()
    if not eligible.table.num_rows:
        why = ", ".join(f"{count} {reason}" for reason, count in eligible.funnel.items()) or "the log is empty"
        raise UsageError(f"found no eligible example ({why}); add corrections or thumbs-up to short answers first")
    files, policy = parts.registry.artifacts.files, parts.policy
    made = build(
        files,
        eligible,
        recipe=policy.training.recipe,
        eval_share=policy.eval_share,
        seed=policy.seed,
        created_at=now,
    )
    parts.journal.store.upsert_rows("datasets", [_row(made, now)])
    return DatasetSummary(
        made.dataset_id, made.rows, made.train.num_rows, made.eval.num_rows,
        funnel_of(eligible, made), f"{files}/{path_of(made.dataset_id)}",
    )  # fmt: skip


def _row(made: Dataset, now: datetime) -> dict[str, Any]:
    return {
        "dataset_id": made.dataset_id,
        "created_at": now,
        "path": path_of(made.dataset_id),
        "rows": made.rows,
        "train": made.train.num_rows,
        "eval": made.eval.num_rows,
    }
