"""An embedder of constant cost: its vectors mean nothing, but they are of unit length and distinct per text.

Suites that test what happens around vectors use it; suites that test what vectors mean use a real model.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from ragloop.models import Vectors


class ConstantEmbedder:
    """Derives a unit vector of 8 numbers from the SHA-256 of the text. Tokens are what whitespace separates."""

    fingerprint = "constant-8"
    dimension = 8
    max_tokens = 256

    def __init__(self) -> None:
        self.embedded: list[str] = []
        """Every text that was embedded, in order: what a test of reuse counts."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.embedded.extend(texts)
        digests = b"".join(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts)
        numbers = np.frombuffer(digests, dtype="<u4").reshape(len(texts), self.dimension) / 2**31 - 1
        return (numbers / np.linalg.norm(numbers, axis=1, keepdims=True)).astype(np.float32)


class WideEmbedder(ConstantEmbedder):
    """Another embedder: its vectors have 16 numbers, so that no vector of one is taken for one of the other."""

    fingerprint = "constant-16"
    dimension = 16

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.embedded.extend(texts)
        digests = b"".join(hashlib.sha512(text.encode("utf-8", "surrogatepass")).digest() for text in texts)
        numbers = np.frombuffer(digests, dtype="<u4").reshape(len(texts), self.dimension) / 2**31 - 1
        return (numbers / np.linalg.norm(numbers, axis=1, keepdims=True)).astype(np.float32)
