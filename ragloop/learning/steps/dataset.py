"""Build a dataset from the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from ragloop.errors import UsageError
from ragloop.learning.examples.curation import Wanted
from ragloop.learning.examples.datasets import Dataset, as_it_is, build, funnel_of, path_of
from ragloop.learning.examples.eligibility import Eligibility
from ragloop.learning.examples.example import Curated
from ragloop.learning.recipes import RECIPES, Need, Recipe, recipe_of
from ragloop.learning.rows.mixing import mixed
from ragloop.learning.rows.resolving import resolved
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
    recipe: str


def curated(parts: RetrainingParts, recipe: str = "") -> Curated:
    """Return the eligible examples of the whole log for a recipe, and the funnel of the rest."""
    return _eligibility(parts, _recipe(parts, recipe)).curated()


def new_eligible(parts: RetrainingParts) -> int:
    """Count the eligible examples that no retraining by the recipe of the settings has looked at, whatever became of
    its adapter."""
    recipe = _recipe(parts, "")
    known = [one for one in parts.registry.adapters() if one.recipe in ("", recipe.name)]
    looked_at = {dataset_id for one in known for dataset_id in one.dataset_ids}
    return _eligibility(parts, recipe).unseen(looked_at, parts.dataset)


def _recipe(parts: RetrainingParts, name: str) -> Recipe:
    """Return the recipe of this name, by default that of the settings. Raises UsageError where it lacks teachers."""
    if name and name not in RECIPES:
        raise UsageError(f"found the recipe {name!r}, expected one of {', '.join(RECIPES)}")
    recipe = recipe_of(name or parts.policy.training.recipe)
    if Need.TEACHERS in recipe.needs and not parts.policy.teachers:
        raise UsageError(
            f"the recipe {recipe.name} learns from the answers of models that dataset.teachers names, and it names "
            "none; set it to the names of models as the log has them"
        )
    return recipe


def _eligibility(parts: RetrainingParts, recipe: Recipe) -> Eligibility:
    artifacts, policy = parts.registry.artifacts, parts.policy
    make_room(artifacts.folder.parent, artifacts.folder.name)
    needs_passages = Need.PASSAGES in recipe.needs
    return Eligibility(
        parts.journal,
        parts.index,
        artifacts.files,
        parts.golden,
        policy.max_cited_words if needs_passages else policy.max_answer_words,
        recipe.name,
        Wanted(
            people=Need.TEACHERS not in recipe.needs,
            teachers=frozenset() if Need.PEOPLE in recipe.needs else policy.teachers,
            passages=needs_passages,
            corrections=Need.CORRECTIONS in recipe.needs,
        ),
    )


def build_dataset(parts: RetrainingParts, name: str = "") -> DatasetSummary:
    """Write the eligible examples as a dataset of a recipe; equal examples, equal id. Raises UsageError without any."""
    recipe, now, policy = _recipe(parts, name), parts.journal.store.now(), parts.policy
    eligible = resolved(parts.index, _eligibility(parts, recipe).curated(), recipe.needs, _judged(parts, recipe))
    if not eligible.curated.table.num_rows:
        raise UsageError(_no_example(eligible.curated, recipe))
    files = parts.registry.artifacts.files
    made = build(
        files,
        eligible.curated,
        recipe=recipe.name,
        eval_share=policy.eval_share,
        seed=policy.seed,
        created_at=now,
        fell=eligible.fell,
        mixed=partial(mixed, share=policy.abstain_share, seed=policy.seed)
        if Need.DISTRACTORS in recipe.needs
        else as_it_is,
    )
    parts.journal.store.upsert_rows("datasets", [_row(made, now)])
    return DatasetSummary(
        made.dataset_id, made.rows, made.train.num_rows, made.eval.num_rows,
        funnel_of(eligible.curated, made), f"{files}/{path_of(made.dataset_id)}", recipe.name,
    )  # fmt: skip


def _judged(parts: RetrainingParts, recipe: Recipe) -> frozenset[str]:
    """Name the interactions that people said something of, as far as the recipe goes by that."""
    if Need.TEACHERS in recipe.needs:
        return frozenset()
    _, feedback = parts.journal.tables()
    return frozenset(feedback.rows(["interaction_id"])["interaction_id"].to_pylist())


def _no_example(found: Curated, recipe: Recipe) -> str:
    why = ", ".join(f"{count} {reason}" for reason, count in found.funnel.items() if count) or "the log is empty"
    lacking = "answers of dataset.teachers" if Need.TEACHERS in recipe.needs else "corrections or thumbs-up"
    return f"found no eligible example for the recipe {recipe.name} ({why}); add {lacking} first"


def _row(made: Dataset, now: datetime) -> dict[str, Any]:
    return {
        "dataset_id": made.dataset_id,
        "created_at": now,
        "path": path_of(made.dataset_id),
        "rows": made.rows,
        "train": made.train.num_rows,
        "eval": made.eval.num_rows,
    }
