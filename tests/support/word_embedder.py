"""An embedder of constant cost whose vectors say which words a text has: texts that share words are alike."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from ragloop.models import Vectors
from tests.support.constant_embedder import ConstantEmbedder

_WORD = re.compile(r"\w+")


class WordEmbedder(ConstantEmbedder):
    """Adds up a unit vector per word, drawn from the word's hash."""

    fingerprint = "words-64"
    dimension = 64

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.embedded.extend(texts)
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in ["", *_WORD.findall(text.lower())]:
                row += _direction(word)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _direction(word: str) -> Vectors:
    seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()[:4], "little")
    return np.random.default_rng(seed).standard_normal(WordEmbedder.dimension).astype(np.float32)
