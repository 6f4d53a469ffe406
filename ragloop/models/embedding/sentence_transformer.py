"""Any model that sentence-transformers loads: loading it, the fingerprint that its vectors carry, and the runtime.

What is called here imports torch.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ragloop.errors import NotFoundError
from ragloop.models import Vectors
from ragloop.models.embedding.token_counts import encodable
from ragloop.models.hub import must_be_within_reach

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
        must_be_within_reach(source)
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


def prompts_of(model: Any) -> tuple[str, str]:
    """Return the words before a question and before a passage, as encode_query and encode_document choose them."""
    known = model.prompts
    passage = next((known[one] for one in ("document", "passage", "corpus") if one in known), "")
    return known.get("query", ""), passage


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
    if any(prompts := prompts_of(model)):
        digest.update(json.dumps(prompts).encode())
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


class SentenceTransformerEmbedder:
    """Any model that sentence-transformers loads, on the device that it picks. `source` is a folder or a hub name.

    What a model wants before a question and before a passage is in its files; `prompts` gives it where it is not, by
    sentence-transformers' names, query and document.
    """

    def __init__(self, source: str, prompts: Mapping[str, str] | None = None) -> None:
        self._model = load(source)
        self._model.prompts.update(prompts or {})
        self.fingerprint = fingerprint(self._model)
        self.dimension = dimension(self._model)
        self.max_tokens = max_tokens(self._model)
        self.questions_differ = len(set(prompts_of(self._model))) > 1

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without the special tokens that the model adds."""
        if not texts:
            return []
        # verbose=False: a text longer than the model reads is no news to whoever counts.
        encoded = self._model.tokenizer(encodable(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimension), rows of unit length; text beyond `max_tokens` is not read."""
        return self._encoded(self._model.encode_document, texts)

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        """As `embed`, of texts that ask."""
        return self._encoded(self._model.encode_query, texts)

    def _encoded(self, encode: Callable[..., Any], texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        batch_size = 4 if self._model.device.type == "cpu" else 64  # small batches win on CPUs, large ones elsewhere
        vectors = encode(encodable(texts), batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)
