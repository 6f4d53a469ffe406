"""A home with two datasets and an adapter of each, with weights that nobody trained and rows that are theirs alone."""

import json
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.learning.examples.lineage import TrainedRow, write_rows
from ragloop.learning.recipes import FACTS
from ragloop.models.generation.local import load_base
from ragloop.registry import REGISTERED, Adapter, Evidence, adapter_sha256
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.tiny_model import FACTS as QUESTIONS
from tests.support.tiny_model import save_tiny_model
from tests.support.trainable import ANSWER, write_trainable

FIRST, SECOND = (f"a{number * 15}" for number in "12")
"""Ids of the two adapters."""
OF_FIRST, OF_SECOND = (*QUESTIONS,)[:2], (*QUESTIONS,)[2:]
"""What people corrected before the first dataset was built, and between the two."""


def app_of(place: Path) -> App:
    return App(load_settings(place / "ragloop.toml", place / "home"), embedder=ConstantEmbedder())


def make_home(place: Path, **top: str) -> Path:
    """Make a home with a document for each question, and the adapters FIRST (rank 4) and SECOND (rank 8).

    `top` are settings of no section.
    """
    save_tiny_model(place / "model")
    write_trainable(place, place / "model", QUESTIONS, **top)
    (place / "documents").mkdir()
    for number, question in enumerate(QUESTIONS):
        (place / "documents" / f"{number}.md").write_text(f"# {question}\n\n{question} Nobody knows but Ada.\n")
    app = app_of(place)
    app.corpus.sync(place / "documents")
    for day, (name, questions) in enumerate(((FIRST, OF_FIRST), (SECOND, OF_SECOND)), 1):
        answers = app.answering.answerer.ask_all(questions)
        app.journal.give_all_feedback([(one.interaction_id, "correction", ANSWER) for one in answers])
        dataset = app.learning.retraining.parts.dataset(app.learning.retraining.build_dataset().dataset_id)
        every = [TrainedRow.of(row) for table in (dataset.train, dataset.eval) for row in table.to_pylist()]
        rows = [row for row in every if row.question in questions]
        add_adapter(app, name, day=day, rank=4 * day, dataset_id=dataset.dataset_id, rows=rows)
    return place


def copied(made: Path, place: Path) -> App:
    """Copy the home that `make_home` made, and open it; the model stays where it is."""
    shutil.copytree(made, place, ignore=shutil.ignore_patterns("model"))
    return app_of(place)


def add_adapter(
    app: App, name: str, *, day: int, rank: int, dataset_id: str, rows: Sequence[TrainedRow], **lora: Any
) -> Adapter:
    """Register an adapter as a training leaves it, with weights that were drawn."""
    folder = app.registry.artifacts.folder / "adapters" / name
    save_lora(app.models.base, folder, seed=day, rank=rank, **lora)
    write_rows(rows, folder, FACTS.messages)
    content = {"digest": name, "spec": {"recipe": "facts"}, "result": {"chat": ""}}
    (folder / "training.json").write_text(json.dumps(content))
    made = Adapter(
        name,
        datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day),
        app.settings.model.base,
        dataset_id,
        f"adapters/{name}",
        adapter_sha256(folder),
        REGISTERED,
        None,
        (),
        Evidence(),
        app.models.base_sha256(),
        "facts",
    )
    app.registry.artifacts.keep(made.path)
    app.registry.register(made)
    app.registry.artifacts.clear(made.path)
    return made


def save_lora(base: Path | str, folder: Path, *, seed: int, rank: int, **lora: Any) -> Path:
    """Save an adapter of the base model with weights that were drawn; returns `folder`."""
    import torch
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import load_file, save_file

    model, _ = load_base(base, "cpu")
    config = LoraConfig(r=rank, lora_alpha=2 * rank, **{"target_modules": "all-linear", **lora})
    with warnings.catch_warnings():
        # PEFT 0.21 reads an attribute that transformers 5.23 has renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        get_peft_model(model, config).save_pretrained(folder)
    (folder / "README.md").unlink()
    drawn = torch.Generator().manual_seed(seed)
    file = folder / "adapter_model.safetensors"
    weights = {name: torch.randn(one.shape, generator=drawn) for name, one in load_file(file).items()}
    save_file(weights, file)
    return folder


def with_recipe(app: App, name: str, recipe: str) -> None:
    """Say that an adapter was trained by another recipe."""
    app.registry.update(name, lambda one: replace(one, recipe=recipe))
