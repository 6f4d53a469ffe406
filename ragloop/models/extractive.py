"""A generator without a language model: the sentences of the passages that answer, quoted and cited."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragloop.models import Embedder, Vectors
from ragloop.records import Draft, Passage, Prompt

SHORTLIST = 12
"""Sentences that are embedded per question, after they are ranked by words: one takes a few milliseconds."""
MOST_SENTENCES = 3
WORDS_WEIGHT = 0.5
"""Weight of the shared words beside the cosine."""
KNOWN_TEXTS = 8_192
"""Vectors that are kept, of 1.5 kB each: the sentences of a passage are ranked for one question after another."""
KEEP_SHARE = 0.9
"""Further sentences must score at least this share of the best one."""

_BREAK = re.compile(r"(?<=[.!?。！？])\s+(?=[^\sa-z])|\n\s*\n|\n(?=\s*(?:[-*+#|]|\d+[.)])\s?)")
_WORD = re.compile(r"\w[\w.+-]*\w|\w")


@dataclass(frozen=True)
class _Sentence:
    text: str
    passage: int
    words: frozenset[str]


class ExtractiveGenerator:
    """Ranks the sentences of the passages by the words and the meaning that they share with the question."""

    model = "extractive"
    adapter: str | None = None

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        """One draft per prompt; empty where a prompt has no passages."""
        return [self._answer(prompt) for prompt in prompts]

    def _answer(self, prompt: Prompt) -> Draft:
        found = [s for n, passage in enumerate(prompt.passages, 1) for s in _split(passage, n)]
        if not found:
            return Draft("")
        asked = _stems(prompt.question)
        shared = _shared_words(asked, found)
        order = sorted(range(len(found)), key=lambda i: (-shared[i] - 0.1 / found[i].passage, i))[:SHORTLIST]
        vectors = self._vectors([prompt.question, *(found[i].text for i in order)])
        cosine = vectors[1:] @ vectors[0]
        scores = {i: float(c) + WORDS_WEIGHT * shared[i] for i, c in zip(order, cosine, strict=True)}
        best = sorted(scores, key=lambda i: (-scores[i], i))[:MOST_SENTENCES]
        kept = sorted(i for i in best if scores[i] >= KEEP_SHARE * scores[best[0]])
        return Draft(" ".join(f"{_quoted(found[i].text)} [{found[i].passage}]" for i in kept))

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimension); texts that came lately are not embedded again."""
        if len(self._known) > KNOWN_TEXTS:
            self._known = {}
        known = self._known  # it only grows, so that a thread that clears it takes nothing from another
        if new := [text for text in dict.fromkeys(texts) if text not in known]:
            known.update(zip(new, self._embedder.embed(new), strict=True))
        return np.stack([known[text] for text in texts])


def _split(passage: Passage, number: int) -> list[_Sentence]:
    parts = [" ".join(part.split()) for part in _BREAK.split(passage.text)]
    context = _stems(f"{passage.title} {passage.heading}")
    return [_Sentence(part, number, _stems(part) | context) for part in dict.fromkeys(parts) if len(part) > 2]


def _shared_words(asked: frozenset[str], found: Sequence[_Sentence]) -> list[float]:
    """Per sentence, the share of the question's words that it holds, rare words weighing more (inverse frequency)."""
    frequency = Counter(word for sentence in found for word in sentence.words)
    weight = {word: math.log(1 + len(found) / (1 + frequency[word])) for word in asked}
    total = sum(weight.values()) or 1.0
    return [sum(weight[word] for word in asked & sentence.words) / total for sentence in found]


def _stems(text: str) -> frozenset[str]:
    """Lower-case words without the commonest English endings, so that plural and singular meet."""
    return frozenset(re.sub(r"(?<=\w{3})(?:ing|ed|es|s)$", "", word) for word in _WORD.findall(text.lower()))


def _quoted(sentence: str) -> str:
    """A sentence of the document; it ends with a mark of its own, so that the next one is not taken for its rest."""
    return sentence if sentence[-1:] in ".!?。！？" else sentence + "."
