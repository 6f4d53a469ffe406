"""What sentence-transformers knows about a model: loading it, and the fingerprint that its vectors carry.

Everything here imports torch; only an export and the sentence-transformers runtime come here.
"""

import hashlib
import json
from typing import Any

from ragloop.errors import NotFoundError

RECIPE = "truncate-pool-normalize-1"
"""What every runtime does with a text: cut it at `max_tokens`, pool as the model says, scale to unit length."""

PROBE = "The 3 naïve CAFÉS of Zürich, 北京 и Москва: 4.5%\tdone 🙂"
"""Case, accents, scripts, digits, white space, a symbol: tokenizers that agree on it and on the vocabulary are one."""


def load(source: str) -> Any:
    """Load the SentenceTransformer in a folder or on the hub, in fp32. Raises NotFoundError."""
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError as error:
        raise NotFoundError(
            f"embedding model {source!r} needs {error.name}, which is not installed: pip install 'ragloop[models]'; "
            "for all-MiniLM-L6-v2 alone the wheel ragloop-minilm of the release is enough"
        ) from None
    logging.disable_progress_bar()
    try:
        return SentenceTransformer(source, model_kwargs={"dtype": "float32"})
    except (OSError, ValueError) as error:
        found = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise NotFoundError(
            f"no embedding model {source!r} ({found}); expected a folder or a hub name that sentence-transformers "
            "loads: correct the name of the embedder, or download the model first"
        ) from error


def dimension(model: Any) -> int:
    """Count the numbers in a vector."""
    return int(model.get_embedding_dimension())


def max_tokens(model: Any) -> int:
    """Count the tokens of a text that the model reads, its special tokens not counted."""
    limit = model.max_seq_length or 512
    return int(limit) - int(model.tokenizer.num_special_tokens_to_add())


def fingerprint(model: Any) -> str:
    """Name weights, tokenizer, pooling, length and precision, wherever the model came from and whatever runs it.

    Taken from the loaded model, so that a folder, the hub and either weight format give one model one name.
    """
    digest = hashlib.sha256()
    config = model[0].model.config
    shape = [getattr(config, name, None) for name in ("model_type", "hidden_act", "num_attention_heads")]
    rest = [(type(module).__name__, module.get_config_dict()) for module in list(model)[1:]]
    vocabulary = sorted(model.tokenizer.get_vocab().items())
    probe = model.tokenizer(PROBE)["input_ids"]
    for part in (RECIPE, max_tokens(model), shape, rest, vocabulary, probe):
        digest.update(json.dumps(part, sort_keys=True, default=str).encode())
    digest.update(weights_sha256(model).encode())
    precision = str(next(model.parameters()).dtype).removeprefix("torch.")
    return f"{config.model_type}-{dimension(model)}-{precision}-{digest.hexdigest()[:12]}"


def weights_sha256(model: Any) -> str:
    """Return the SHA-256 over names, types and bytes of all weights, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
