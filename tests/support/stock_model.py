"""Stock chat templates, tokenizers with the special tokens that they write, and tiny models of their architectures."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragloop.demo.tiny import two_layers
from tests.support.tiny_model import FACTS

_ROLES = "system user assistant model Question Answer Today Date 26 Jul 2024"
_SPECIAL = re.compile(r"<[|｜][^|｜<>'\"\s]+[|｜]>|<(?:start|end)_of_\w+>|<\|?turn\|?>|\[/?INST\]")


def stock(name: str) -> str:
    """A template by the name that TRL gives it, or of this folder."""
    import trl

    ours = Path(__file__).parent / "templates" / f"{name}.jinja"
    return (ours if ours.is_file() else Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja").read_text()


def stock_names() -> list[str]:
    """The templates that TRL ships for language models, stock and training variants, and those of this folder."""
    import trl

    of_images = ("idefics3", "llava_next", "smolvlm")
    shipped = sorted(file.stem for file in (Path(trl.__file__).parent / "chat_templates").glob("*.jinja"))
    return [*(name for name in shipped if not name.startswith(of_images)), "mistral"]


def tokenizer_of(
    template: str | Mapping[str, str] | None,
    *,
    bos: str = "<bos>",
    eos: str = "<eos>",
    pad: str | None = None,
    adds_bos: bool = True,
    texts: Sequence[str] = (),
) -> Any:
    """A byte-level BPE with the special tokens of a template. As Llama's, it begins every text with `bos` by itself."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    written = template if isinstance(template, str) else " ".join((template or {}).values())
    special = list(dict.fromkeys([bos, eos, *([pad] if pad else []), *sorted(set(_SPECIAL.findall(written)))]))
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1_000,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([*[*FACTS, *FACTS.values(), _ROLES] * 20, *texts], trainer)
    if adds_bos:
        backend.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A $B", special_tokens=[(bos, backend.token_to_id(bos))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=bos, eos_token=eos, pad_token=pad, chat_template=template
    )


@dataclass(frozen=True)
class Stock:
    """An architecture with the template and the tokens that its models come with.

    `end` ends an answer; `eos` is what the tokenizer calls its end.
    """

    template: str
    architecture: str
    end: str
    bos: str
    eos: str
    pad: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


STOCK = {
    "qwen3": Stock(
        "qwen3", "Qwen3", "<|im_end|>", "<|endoftext|>", "<|im_end|>", "<|endoftext|>",
        {"head_dim": 16, "tie_word_embeddings": True},
    ),
    "llama3": Stock("llama3_2", "Llama", "<|eot_id|>", "<|begin_of_text|>", "<|end_of_text|>"),
    "gemma3": Stock(
        "gemma", "Gemma3", "<end_of_turn>", "<bos>", "<eos>", "<pad>",
        {
            "head_dim": 16,
            "sliding_window": 16,
            "layer_types": ["sliding_attention", "full_attention"],
            "final_logit_softcapping": 30.0,
        },
    ),
    "phi3": Stock("phi3", "Phi3", "<|end|>", "<s>", "<|endoftext|>", "<|endoftext|>", {"sliding_window": 32}),
    "mistral": Stock("mistral", "Mistral", "</s>", "<s>", "</s>", None, {"sliding_window": 32}),
}  # fmt: skip
"""What users name in model.base, by family. Gemma 3 has the template of its elders, which take no system message."""


def save_stock_model(family: str, folder: Path, texts: Sequence[str] = (), seed: int = 0) -> Path:
    """Save two random layers of a family with its template, as its models come from a hub; returns `folder`."""
    import torch
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(seed)
    one = STOCK[family]
    adds_bos = family != "qwen3"
    tokenizer = tokenizer_of(
        stock(one.template), bos=one.bos, eos=one.eos, pad=one.pad, adds_bos=adds_bos, texts=[*texts] * 20
    )
    names = {"Gemma3": ("Gemma3TextConfig", "Gemma3ForCausalLM")}
    config_name, model_name = names.get(
        one.architecture, (f"{one.architecture}Config", f"{one.architecture}ForCausalLM")
    )
    config = getattr(transformers, config_name)(**{**two_layers(tokenizer), **one.more})
    getattr(transformers, model_name)(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_image_model(folder: Path) -> Path:
    """Save a tiny Gemma 3 that reads images too, as those of 4 billion parameters and more do; returns `folder`."""
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = tokenizer_of(stock("gemma3"))
    text = {"vocab_size": len(tokenizer), "num_hidden_layers": 2, "num_key_value_heads": 1, "head_dim": 16}
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    vision = {"num_hidden_layers": 1, "image_size": 28, "patch_size": 14}
    config = Gemma3Config(  # type: ignore[call-arg]
        text_config={**text, **sizes},
        vision_config={**vision, **sizes},
        mm_tokens_per_image=4,
        image_token_id=5,
        boi_token_index=6,
        eoi_token_index=7,
    )
    Gemma3ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
