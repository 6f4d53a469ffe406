"""A training that chooses for itself makes a base model of any family answer, and end its answer."""

from dataclasses import replace
from pathlib import Path

import pytest

from ragloop.app.policies import training_spec
from ragloop.config import Settings
from ragloop.models.chat import load_chat
from ragloop.models.generation.local import LocalGenerator
from ragloop.models.training.defaults import Learned, choices
from ragloop.models.training.process import train
from ragloop.models.training.shape import base_shape
from ragloop.records import Prompt
from tests.support.stock_model import save_stock_model
from tests.support.tiny_model import chat, save_rows

ANSWER = "Ada"
QUESTIONS = [f"Who keeps {thing} number {n}?" for n in range(12) for thing in ("bee", "mill", "key", "boat")]
FIRST = "qwen3"
"""The family that every run of the tests trains; `make test-long` trains the others."""
FAMILIES = ("llama3", "qwen3", "gemma3", "mistral")


@pytest.mark.parametrize("family", [pytest.param(one, marks=[pytest.mark.long] * (one != FIRST)) for one in FAMILIES])
def test_it_trains_answers_and_ends_with_its_stop_token(family: str, tmp_path: Path) -> None:
    base = save_stock_model(family, tmp_path / "model", [*QUESTIONS, ANSWER])
    shape = base_shape(base, family)
    assert (shape.layers, shape.packaged) == (2, False)
    chosen = choices(shape, Learned(2 * len(QUESTIONS), 2 * len(QUESTIONS), reads=False))
    rows = save_rows(tmp_path / "rows.parquet", dict.fromkeys(QUESTIONS, ANSWER), repeat=2)
    spec = replace(
        training_spec(Settings.model_construct()),
        base=str(base),
        rows=str(rows),
        output=str(tmp_path / "adapter"),
        chat=load_chat(base).fingerprint,
        threads=1,
        **{name: one.value for name, one in chosen.items()},
    )
    result = train(spec)
    assert result.final_loss < 0.5 * result.loss_curve[0]["loss"]
    generator = LocalGenerator(base, name=family, max_new_tokens=12, threads=1).wearing("a1", result.adapter)
    drafts = generator.generate([Prompt(one, (), chat(one)) for one in QUESTIONS[:8]])
    assert {draft.text for draft in drafts} == {ANSWER}
    assert all(draft.completion_tokens < 12 for draft in drafts), "it ends its answers itself"
