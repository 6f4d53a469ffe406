"""A model in ONNX on the CPU, with its tokenizer and what its manifest says of it."""

import json
import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ragloop.language.words import is_unspaced
from ragloop.models import Vectors
from ragloop.models.cache import MANIFEST
from ragloop.models.embedding.in_common import Common
from ragloop.models.embedding.token_counts import TokenCounter, encodable

MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"

UNKNOWN = ("[UNK]", "<unk>")
"""What tokenizers write for text that their vocabulary lacks."""

BEGINS_WORD = "\u2581"
"""What SentencePiece writes for the space before a word."""

BATCH_TOKENS = 256
"""Padded tokens in one run of the model. On CPUs small batches win: a chunk of 190 tokens goes alone (30 chunks/s on
two cores, against 20 in batches of 32), short questions go together."""


class OnnxEmbedder:
    """A model on ONNX Runtime, on the CPU. `folder` holds its graph, its tokenizer and a manifest.

    The manifest names the words before a question and before a passage, if there are any. What all vectors have in
    common is taken out where the folder says it: see `in_common`. `manifest` stands in for that of a folder that is
    being prepared.
    """

    def __init__(self, folder: Path, *, threads: int | None = None, manifest: Mapping[str, Any] | None = None) -> None:
        import onnxruntime
        from tokenizers import Tokenizer
        from tokenizers.models import Unigram

        manifest = manifest or json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        self.fingerprint: str = manifest["fingerprint"]
        self.dimension: int = manifest["dimension"]
        self.max_tokens: int = manifest["max_tokens"]
        # The scale of eight-bit activations is that of the whole batch, so a text alone gives the same vector always.
        self._batch_tokens = BATCH_TOKENS if manifest["precision"] == "fp32" else 1
        self.threads = threads or _cores()
        self._tokenizer_file = folder / TOKENIZER
        self._tokenizer = Tokenizer.from_file(str(self._tokenizer_file))
        self._tokenizer.no_padding()
        told = manifest.get("prompts", {})
        prompts = [told.get(side, "") for side in ("question", "passage")]
        framing = self._tokenizer.num_special_tokens_to_add(False)
        before = [self._tokens(f"{one}a") - self._tokens("a") for one in prompts]
        self._common = Common.read(folder)
        means = (self._common.questions, self._common.passages) if self._common else (None, None)
        self._questions, self._passages = (
            _Side(one, self.max_tokens + framing + tokens, mean)
            for one, tokens, mean in zip(prompts, before, means, strict=True)
        )
        self.questions_differ = len(set(prompts)) > 1 or self._common is not None
        self._tokenizer.enable_truncation(max(self._questions.limit, self._passages.limit))
        self._by_pieces = isinstance(self._tokenizer.model, Unigram)
        options = onnxruntime.SessionOptions()
        # One thread per run, and as many runs side by side as there are cores: a third faster than one run on two
        # threads, and it does not collapse when other processes want the cores too.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # The export is optimized already.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._session = onnxruntime.InferenceSession(folder / MODEL, options, providers=["CPUExecutionProvider"])
        self._takes_types = "token_type_ids" in {one.name for one in self._session.get_inputs()}

    def _tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text).ids)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without the special tokens that the model adds."""
        return self._counter(encodable(texts))

    def known_shares(self, texts: Sequence[str]) -> list[float]:
        """Return of each text the share of its letters that stand in known pieces.

        A vocabulary of WordPiece (BERT's) knows nothing but single letters of a script that it was not made for, so
        that such texts are all alike to it: these do not count.
        """
        encoded = self._tokenizer.encode_batch(encodable(texts))
        return [_known_share(one, self._by_pieces) for one in encoded]

    def words(self) -> list[str]:
        """Return words of the vocabulary: pieces of four letters and more that begin a word, or of two in scripts that
        put no spaces between words."""
        pieces = list(self._tokenizer.get_vocab())
        begin = [one for one in pieces if one[0] == BEGINS_WORD] if self._by_pieces else pieces
        spaced = [word for one in begin if len(word := one.strip(BEGINS_WORD)) > 3 and _is_word(word)]
        unspaced = [word for one in pieces if len(word := one.strip(BEGINS_WORD)) > 1 and is_unspaced(word)]
        return sorted({*spaced, *filter(_is_word, unspaced)})

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimension), rows of unit length; text beyond `max_tokens` is not read."""
        return self._embedded(texts, self._passages)

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        """As `embed`, of texts that ask."""
        return self._embedded(texts, self._questions)

    def _embedded(self, texts: Sequence[str], side: "_Side") -> Vectors:
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        encoded = self._tokenizer.encode_batch_fast([side.prompt + one for one in encodable(texts)])
        ids = [side.cut(one.ids) for one in encoded]
        rows = self._common.rows(texts) if self._common else []

        def run(batch: list[int]) -> None:
            made = self._run([ids[i] for i in batch])
            vectors[batch] = made if side.means is None else _unit(made - side.means[[rows[i] for i in batch]])

        batches = list(_batches([len(row) for row in ids], self._batch_tokens))
        if self.threads == 1 or len(batches) < 2:
            for batch in batches:
                run(batch)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(run, batches))
        return vectors

    def _run(self, rows: list[list[int]]) -> Vectors:
        shape = len(rows), max(map(len, rows))
        ids, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for at, row in enumerate(rows):
            ids[at, : len(row)] = row
            mask[at, : len(row)] = 1
        types = {"token_type_ids": np.zeros(shape, dtype=np.int64)} if self._takes_types else {}
        vectors: Vectors = self._session.run(None, {"input_ids": ids, "attention_mask": mask, **types})[0]
        # A graph without pooling gives a vector for each token, and that of the first stands for the text.
        return _unit(vectors[:, 0]) if vectors.ndim == 3 else vectors

    @cached_property
    def _counter(self) -> TokenCounter:
        # Counting must not cut, and switching the cut off and on again would not be safe between threads. Only a sync
        # counts, so a question does not pay for the second tokenizer.
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._tokenizer_file))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return TokenCounter(tokenizer)


@dataclass(frozen=True, eq=False)
class _Side:
    """How questions or passages are read: the words before them, most tokens, and the means of `in_common`."""

    prompt: str
    limit: int
    means: Vectors | None

    def cut(self, ids: list[int]) -> list[int]:
        """Leave out the tokens beyond the limit, and keep the one that ends a text."""
        return ids if len(ids) <= self.limit else [*ids[: self.limit - 1], ids[-1]]


def _is_word(piece: str) -> bool:
    return all(one.isalpha() or unicodedata.category(one) in ("Mn", "Mc") for one in piece)


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit


def _known_share(encoding: Any, single_letters: bool) -> float:
    """Count letters by the pieces that they stand in; numbers and signs are known."""
    known = letters = 0
    for (start, end), token, special in zip(
        encoding.offsets, encoding.tokens, encoding.special_tokens_mask, strict=True
    ):
        count = 0 if special else end - start
        letters += count
        whole = single_letters or count > 1 or token.removeprefix("##").isascii()
        known += count * (token not in UNKNOWN and whole)
    return known / letters if letters else 1.0


def _batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Yield the positions in groups of like length that stay under `batch_tokens` when padded; the longest first."""
    batch: list[int] = []
    for at in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > batch_tokens:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def _cores() -> int:
    # What the process may use, which is less than what the machine has inside a container with a CPU set.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
