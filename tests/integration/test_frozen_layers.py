"""Layers that are run once must give what they give when they are run in every pass."""

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from ragloop.models.training import frozen_layers
from ragloop.models.training.frozen_layers import run_once, runs_in_every_pass
from tests.support.stock_model import STOCK, save_stock_model
from tests.support.tiny_model import save_tiny_model

ROWS = [[5, 6, 7, 8, 9, 10], [11, 12, 13]]
PADDED = torch.tensor([ROWS[0], [*ROWS[1], 0, 0, 0]])
MASK = torch.tensor([[1] * 6, [1, 1, 1, 0, 0, 0]])


@pytest.fixture
def model(tmp_path: Path):
    return AutoModelForCausalLM.from_pretrained(save_tiny_model(tmp_path)).eval()


def of_tokens(model) -> torch.Tensor:
    return model.base_model(input_ids=PADDED, attention_mask=MASK, use_cache=False).last_hidden_state


def test_upper_layers_see_what_the_lower_ones_gave(model) -> None:
    whole = of_tokens(model)
    frozen = run_once(model, 1, ROWS, nullcontext())
    assert frozen is not None
    entering = frozen.states(PADDED, MASK)
    upper = model.base_model(inputs_embeds=entering, attention_mask=MASK, use_cache=False).last_hidden_state
    assert entering.shape == (2, 6, 64)
    torch.testing.assert_close(upper[MASK.bool()], whole[MASK.bool()], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", sorted(STOCK))
def test_stock_architectures_give_the_same_though_rows_are_longer_than_a_sliding_window(
    tmp_path: Path, family: str
) -> None:
    model = AutoModelForCausalLM.from_pretrained(save_stock_model(family, tmp_path)).eval()
    rows = [list(range(20, 90)), list(range(30, 55))]
    padded = torch.tensor([rows[0], rows[1] + [0] * 45])
    mask = torch.tensor([[1] * 70, [1] * 25 + [0] * 45])
    whole = model(input_ids=padded, attention_mask=mask, use_cache=False).logits
    assert runs_in_every_pass(model, 1, rows) == ""
    frozen = run_once(model, 1, rows, nullcontext())
    assert frozen is not None
    entering = frozen.states(padded, mask)
    upper = model(inputs_embeds=entering, attention_mask=mask, use_cache=False).logits
    torch.testing.assert_close(upper[mask.bool()], whole[mask.bool()], rtol=1e-4, atol=1e-4)


def test_an_unknown_architecture_is_left_as_it_is() -> None:
    config = GPT2Config(n_layer=2, n_embd=8, n_head=2, vocab_size=32, n_positions=16)
    model = GPT2LMHeadModel(config).eval()
    whole = of_tokens(model)
    assert run_once(model, 1, ROWS, nullcontext()) is None
    assert "gpt2 is not known" in runs_in_every_pass(model, 1, ROWS)
    assert torch.equal(of_tokens(model), whole)


def test_more_rows_than_memory_is_meant_for_leave_the_model_as_it_is(model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen_layers, "MEMORY_LIMIT_BYTES", 1)
    whole = of_tokens(model)
    assert run_once(model, 1, ROWS, nullcontext()) is None
    assert torch.equal(of_tokens(model), whole)


def test_an_adapter_in_every_layer_leaves_nothing_to_run_once(model) -> None:
    assert run_once(model, 0, ROWS, nullcontext()) is None
