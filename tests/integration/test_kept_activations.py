"""The activations that the estimate counts are those that autograd keeps, and checkpointing keeps what it says."""

import warnings
from contextlib import nullcontext
from typing import Any

import pytest
import torch
import transformers
from peft import LoraConfig, get_peft_model
from torch.autograd.graph import saved_tensors_hooks

from ragloop.models.training.memory.estimate import Batch, Layout, Way, activations
from ragloop.models.training.memory.layout import layout_of

ROWS, TOKENS, LAYERS, RANK = 4, 64, 4, 8
SIZES = {
    "hidden_size": 128, "intermediate_size": 512, "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 16,
    "vocab_size": 200, "num_hidden_layers": LAYERS, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
FAMILIES = {
    "Gemma3Text": "Gemma3",
    "Llama": "Llama",
    "Mistral": "Mistral",
    "Phi3": "Phi3",
    "Qwen2": "Qwen2",
    "Qwen3": "Qwen3",
}
LITTLE = 0.08
"""By how much the two may differ: neither the casts of an adapter's weights nor rotations are counted, and Phi keeps
queries, keys and values in one."""


def model_of(family: str, dtype: torch.dtype) -> Any:
    config = getattr(transformers, f"{family}Config")(**SIZES)
    torch.manual_seed(0)
    return getattr(transformers, f"{family.removesuffix('Text')}ForCausalLM")(config).to(dtype)


def with_adapter(model: Any, layout: Layout) -> Any:
    head = model.get_output_embeddings()
    names = {
        name.rsplit(".", 1)[-1]
        for name, one in model.named_modules()
        if isinstance(one, torch.nn.Linear) and one is not head
    }
    layers = list(range(layout.first, LAYERS))
    config = LoraConfig(r=RANK, target_modules=sorted(names), layers_to_transform=layers, task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        # PEFT 0.21 reads an attribute that transformers 5.23 has renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        return get_peft_model(model, config).train()


def kept(model: Any, *, padded: bool) -> int:
    """Bytes that autograd keeps of a batch, without weights and what they are cast to."""
    of_weights = {one.untyped_storage().data_ptr() for one in model.parameters()}
    found: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        found.setdefault(tensor.untyped_storage().data_ptr(), tensor)  # holding it, its address is nobody else's
        return tensor

    mask = torch.ones(ROWS, TOKENS, dtype=torch.long)
    mask[0, TOKENS // 2 :] = 0 if padded else 1
    ids = torch.randint(3, 200, (ROWS, TOKENS))
    exact = torch.autocast("cpu", torch.bfloat16) if model.dtype == torch.bfloat16 else nullcontext()
    with exact, saved_tensors_hooks(keep, lambda tensor: tensor):
        states = model.get_base_model().model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    assert states.requires_grad
    return sum(one.untyped_storage().nbytes() for at, one in found.items() if at not in of_weights)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("first", "dtype", "padded"),
    [(0, torch.bfloat16, True), (2, torch.bfloat16, False), (3, torch.float32, True)],
    ids=["bfloat16", "upper half, no padding", "top layer in float32"],
)
def test_the_estimate_is_what_autograd_keeps(family: str, first: int, dtype: torch.dtype, padded: bool) -> None:
    model = model_of(family, dtype)
    layout = layout_of(model, first, "all-linear")
    found = kept(with_adapter(model, layout), padded=padded)
    way = Way(rank=RANK, precision=dtype.itemsize, weight=dtype.itemsize)
    assert activations(layout, way, Batch(ROWS, TOKENS, 0, padded)) == pytest.approx(found, rel=LITTLE)


@pytest.mark.parametrize("family", ["Gemma3Text", "Phi3"])
def test_the_layout_counts_the_weights_and_what_peft_adds(family: str) -> None:
    model = model_of(family, torch.bfloat16)
    layout = layout_of(model, 1, "all-linear")
    assert layout.linear + layout.other == sum(one.numel() for one in model.parameters())
    trained, _ = with_adapter(model, layout).get_nb_trainable_parameters()
    assert RANK * sum(one.inputs + one.outputs for one in layout.adapted) == trained


@pytest.mark.parametrize("kind", ["olmo", "diffllama", "gemma4_text", "llama4_text", "gpt2", "nanochat"])
def test_a_model_whose_norms_have_no_weights_or_whose_layers_differ_has_a_layout(kind: str) -> None:
    config = transformers.AutoConfig.for_model(kind)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    layout = layout_of(model, 1, "all-linear")
    assert layout.linear + layout.other == sum(one.numel() for one in model.parameters())
    assert 0 < activations(layout, Way(RANK, 2, 2), Batch(ROWS, TOKENS, 0, padded=True)) < 2**40


def test_matrices_that_are_named_are_the_only_ones() -> None:
    layout = layout_of(model_of("Llama", torch.bfloat16), 0, "q_proj,down_proj")
    assert {(one.inputs, one.outputs) for one in layout.adapted} == {(128, 128), (512, 128)}
    assert len(layout.adapted) == 2 * LAYERS


def test_with_checkpointing_only_the_inputs_of_layers_are_kept() -> None:
    model = model_of("Llama", torch.bfloat16)
    layout = layout_of(model, 1, "all-linear")
    adapted = with_adapter(model, layout)
    adapted.get_base_model().activation_checkpointing_enable({"use_reentrant": False})
    batch = Batch(ROWS, TOKENS, 0, padded=False)
    inputs = layout.trained * batch.tokens * layout.width * 2
    assert inputs < kept(adapted, padded=False) < 3 * inputs, "the last norm keeps its input, too"
    one_layer = activations(layout, Way(RANK, 2, 2), batch) // layout.trained
    assert activations(layout, Way(RANK, 2, 2, checkpoints=True), batch) == inputs + one_layer
