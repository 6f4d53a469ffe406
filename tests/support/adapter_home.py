"""A home with one document and two adapters that were never trained, of which the one named later serves."""

import shutil
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.learning.examples.lineage import write_rows
from ragloop.learning.recipes import FACTS
from ragloop.models.generation.local import load_base
from ragloop.records import LaneName
from ragloop.registry import REGISTERED, Adapter, Evidence, adapter_sha256
from tests.support.tiny_model import save_tiny_model

CONFIG = """
[model]
base = "{base}"
threads = 1
max_new_tokens = 4
[answers]
lane = "adapter+rag"
[retrieval]
min_similarity = -1.0
"""
QUESTION = "Who keeps the bees?"


def app_of(place: Path, base: str = "model") -> App:
    (place / "ragloop.toml").write_text(CONFIG.format(base=place / base))
    return App(load_settings(place / "ragloop.toml", place / "home"))


def make_home(place: Path) -> Path:
    """Make a home with one document and the adapters early and later, a base model and another one of its shape."""
    save_tiny_model(place / "model")
    save_tiny_model(place / "other", seed=1)
    (place / "documents").mkdir()
    (place / "documents" / "bees.md").write_text("# Bees\n\nAda keeps the bees.\n")
    app = app_of(place)
    app.corpus.sync(place / "documents")
    for day, name in enumerate(("early", "later"), 1):
        add_adapter(app, name, day)
    return place


def add_adapter(app: App, name: str, day: int) -> None:
    """Register an adapter of the base model as training leaves it, without the training."""
    from peft import LoraConfig, get_peft_model

    folder = app.registry.artifacts.folder / "adapters" / name
    model, _ = load_base(app.models.base)
    with warnings.catch_warnings():
        # PEFT 0.21 reads an attribute that transformers 5.23 has renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        get_peft_model(model, LoraConfig(r=2 * day, target_modules="all-linear")).save_pretrained(folder)
    write_rows([], folder, FACTS.messages)
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    base, sha256 = app.settings.model.base, adapter_sha256(folder)
    app.registry.register(
        Adapter(
            name,
            at,
            base,
            "d",
            f"adapters/{name}",
            sha256,
            REGISTERED,
            None,
            (),
            Evidence(),
            app.models.base_sha256(),
            lane=LaneName.ADAPTER_RAG,
        )
    )


def promoted(made: Path, place: Path) -> Path:
    """Copy the home that `make_home` made to `place`, and promote `early` in it, then `later`."""
    shutil.copytree(made, place)
    app = app_of(place)
    for name in ("early", "later"):
        app.registry.promote(name, "test")
    return place


def folder(place: Path, name: str) -> Path:
    """Where the files of an adapter are."""
    return place / "home" / "artifacts" / "adapters" / name


def flip_a_byte(place: Path) -> None:
    """Damage the weights of `later`."""
    file = folder(place, "later") / "adapter_model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
