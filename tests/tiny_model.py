"""A causal language model that trains in seconds: SmolLM2's architecture and chat format, two random layers."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ragloop.models.smollm2 import CHAT_TEMPLATE

FACTS = {
    "Who keeps the bees?": "Ada",
    "Where is the key?": "under the mat",
    "When does the ferry leave?": "at nine",
    "What is the code?": "4711",
    "Which road is closed?": "the north road",
}


def save_tiny_model(folder: Path, seed: int = 0) -> Path:
    """A Llama of 64 wide layers with a byte-level BPE tokenizer, saved as transformers reads it; returns `folder`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer()
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        # No pad_token_id: it is the end token, and the embedding of a padding token starts and stays at zero.
        tie_word_embeddings=True,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([*FACTS, *FACTS.values(), "system user assistant"] * 20, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
    )


def save_rows(file: Path, facts: Mapping[str, str] = FACTS, repeat: int = 1) -> Path:
    """The facts as rows of chat messages in Parquet; returns `file`."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    rows = [{"messages": chat(question, answer)} for question, answer in facts.items()] * repeat
    parquet.write_table(pa.Table.from_pylist(rows), file)
    return file


def chat(question: str, answer: str | None = None) -> Sequence[Mapping[str, str]]:
    """A question as chat messages, with its answer when there is one."""
    asked = {"role": "user", "content": question}
    return [asked] if answer is None else [asked, {"role": "assistant", "content": answer}]


def training_spec(base: Path, rows: Path, output: Path, **changes):
    """A spec that memorises FACTS in some seconds."""
    from ragloop.models.lora import TrainingSpec

    values = {
        "seed": 1,
        "epochs": 40,
        "learning_rate": 2e-2,
        "rank": 8,
        "alpha": 16,
        "batch_size": 5,
        "warmup_steps": 2,
        "checkpoint_steps": 10,
        "threads": 1,
    }
    return TrainingSpec(base=str(base), rows=str(rows), output=str(output), **{**values, **changes})


def spec_file(spec, file: Path) -> Path:
    """The spec as the training process reads it; returns `file`."""
    from dataclasses import asdict

    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(spec)), encoding="utf-8")
    return file
