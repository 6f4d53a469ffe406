"""Neural networks and what stands in for them: embedders, rerankers, generators, LoRA training.

The Protocols here are what the rooms above rely on; each has one contract suite that runs on every implementation.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class ReadsQuestions(Protocol):
    """An embedder that may read questions in another way than passages."""

    @property
    def questions_differ(self) -> bool:
        """Whether a text has one vector as a question and another as a passage."""

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimension), rows of unit length, to be compared with vectors of passages or questions."""


def question_vectors(embedder: Embedder, questions: Sequence[str]) -> Vectors:
    """Embed texts as questions, where the embedder knows a difference; shape (len(questions), dimension)."""
    if isinstance(embedder, ReadsQuestions):
        return embedder.embed_questions(questions)
    return embedder.embed(questions)


def questions_differ(embedder: Embedder) -> bool:
    """Return whether an embedder gives a text one vector as a question and another as a passage."""
    return isinstance(embedder, ReadsQuestions) and embedder.questions_differ


@runtime_checkable
class KnowsWords(Protocol):
    """An embedder that can tell how much of a text it knows."""

    def known_shares(self, texts: Sequence[str]) -> list[float]:
        """Return of each text the share of its letters that stand in known pieces of more than one letter."""


class Reranker(Protocol):
    """Scores of passages for a question, each read together with it."""

    @property
    def fingerprint(self) -> str:
        """Names the weights and their precision; equal fingerprints give equal scores."""

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """Score each text, the higher the likelier it answers; the scale is the model's own."""


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


@runtime_checkable
class Trained(Protocol):
    """A generator that may wear an adapter, which is asked in the form that it was trained in."""

    @property
    def recipe(self) -> str:
        """The recipe that its adapter was trained by; empty without an adapter, and where nothing says it."""
