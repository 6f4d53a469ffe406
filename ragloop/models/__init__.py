"""Neural networks and what stands in for them: embedders, generators, LoRA training, the registry of adapters.

The two Protocols here are what the rooms above rely on; each has one contract suite that runs on every implementation.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ragloop.records import Draft, Prompt

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Text to vectors."""

    @property
    def fingerprint(self) -> str:
        """Names weights, pooling, precision and export recipe; equal fingerprints mean interchangeable vectors."""

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """Longest input the model reads, in its own tokens; longer text is cut by the model."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without the special tokens that the model adds."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimension), rows of unit length."""


class Generator(Protocol):
    """Prompts to drafts, a batch at a time."""

    @property
    def model(self) -> str:
        """The name that is logged with every answer."""

    @property
    def adapter(self) -> str | None:
        """The id of the LoRA adapter in use, or None for the base model."""

    @property
    def fingerprint(self) -> str:
        """Names weights, adapter and limits; equal fingerprints write equal drafts for equal prompts."""

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        """Write one draft per prompt, in order. Deterministic: no sampling."""
