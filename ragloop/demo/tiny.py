"""A causal language model that trains in seconds, for the quick demonstration and for tests.

SmolLM2's architecture with two random layers: it learns next to nothing, which the gate is there to see.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ragloop.models.generation.smollm2 import CHAT_TEMPLATE

VOCABULARY = 1_000


def save_tiny_model(folder: Path, texts: Sequence[str], seed: int = 0) -> Path:
    """Save a Llama 64 wide, with a byte-level BPE tokenizer of `texts`, as transformers reads it; returns `folder`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # who asks for the model shows progress of their own
    torch.manual_seed(seed)
    tokenizer = _tokenizer(texts)
    config = LlamaConfig(**two_layers(tokenizer), tie_word_embeddings=True)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def two_layers(tokenizer: Any) -> dict[str, Any]:
    """Describe two layers, 64 wide, over the vocabulary of a tokenizer, as configurations of transformers do."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": None,  # it is the end token, and the embedding of a padding token starts and stays at zero
        "initializer_range": 0.2,
    }


def _tokenizer(texts: Sequence[str]):  # type: ignore[no-untyped-def]  # a class of a library that loads when called
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
    )
