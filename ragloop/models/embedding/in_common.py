"""What the vectors of an embedder have in common, script by script, and how it is taken out of them.

Texts that have nothing to do with each other have a cosine of .4 to bge-small-en-v1.5 and of .75 to .8 to
multilingual-e5-small, since all vectors point in one direction, and those of one language even more so. Without the
mean of their language, vectors say what a text is about (Libovický et al., 2020, https://arxiv.org/abs/2004.05160; Mu
and Viswanath, 2018, https://arxiv.org/abs/1702.01417): a cosine means about the same with every embedder and in every
language, so that a threshold holds for all, and a question finds a passage in another language.

The script of a text stands for its language. The means are measured on words of the model's vocabulary in no order,
which say nothing: no corpus is needed.
"""

import random
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ragloop.language.words import has_unspaced
from ragloop.models import Vectors

COMMON = "common.npz"
"""The file in the folder of an embedder. Without it nothing is taken out."""
SAMPLES, PASSAGE_WORDS, QUESTION_WORDS = 16, 24, 8
"""Texts of a script whose mean is taken, and words of each."""
FEWEST_WORDS = 100
"""Words that the vocabulary must have of a script; of others the mean of all scripts is taken out."""
LOOKED_AT = 400
"""Characters of a text that tell its script."""
OTHER = ""
LETTERS = {"CJK": 3, "HIRAGANA": 2, "KATAKANA": 2, "HANGUL": 3}
"""Letters of Latin that say about as much as one character."""
_ONE_NAME = {"CJK": "HAN", "HIRAGANA": "KANA", "KATAKANA": "KANA"}

Embed = Callable[[Sequence[str]], Vectors]


def script_of(text: str) -> str:
    """Name the script that most of a text is of, as Unicode does; empty for a text without letters.

    A character that is a word or a syllable counts as several letters: Chinese with English names in it is Chinese.
    """
    start = text[:LOOKED_AT]
    if start.isascii():
        return "LATIN"
    counts = Counter(unicodedata.name(one, "").partition(" ")[0] for one in start if one.isalpha())
    names: Counter[str] = Counter()
    for name, count in counts.items():
        names[_ONE_NAME.get(name, name)] += count * LETTERS.get(name, 1)
    return max(sorted(names), key=lambda one: names[one], default=OTHER)


@dataclass(frozen=True, eq=False)
class Common:
    """The mean vectors of questions and of passages, shape (scripts + 1, dimension): the last row is that of all."""

    scripts: tuple[str, ...]
    questions: Vectors
    passages: Vectors

    @classmethod
    def measured(cls, words: Iterable[str], embed_questions: Embed, embed_passages: Embed) -> "Common":
        """Measure it on words of a vocabulary; which ones stand together follows from a fixed seed."""
        by_script: dict[str, list[str]] = {}
        for word in sorted(words):
            by_script.setdefault(script_of(word), []).append(word)
        scripts = tuple(sorted(one for one, held in by_script.items() if len(held) >= FEWEST_WORDS))
        drawn = random.Random(0)

        def sample(script: str, count: int) -> list[str]:
            texts = [drawn.sample(by_script[script], count) for _ in range(SAMPLES)]
            return [("" if has_unspaced(one[0]) else " ").join(one) for one in texts]

        asked = [embed_questions([f"{one}?" for one in sample(script, QUESTION_WORDS)]) for script in scripts]
        told = [embed_passages(sample(script, PASSAGE_WORDS)) for script in scripts]
        return cls(scripts, *(_means(side) for side in (asked, told)))

    @classmethod
    def read(cls, folder: Path) -> "Common | None":
        """Read it from the folder of an embedder; None where it has none."""
        if not (folder / COMMON).exists():
            return None
        with np.load(folder / COMMON, allow_pickle=False) as held:
            return cls(tuple(held["scripts"].tolist()), held["questions"], held["passages"])

    def write(self, folder: Path) -> None:
        np.savez(folder / COMMON, scripts=np.array(self.scripts), questions=self.questions, passages=self.passages)

    def rows(self, texts: Sequence[str]) -> list[int]:
        """Return for each text the row of its script."""
        row = {script: at for at, script in enumerate(self.scripts)}
        return [row.get(script_of(text), len(self.scripts)) for text in texts]


def _means(by_script: Sequence[Vectors]) -> Vectors:
    means = [vectors.mean(axis=0) for vectors in by_script]
    return np.stack([*means, np.mean(means, axis=0)]).astype(np.float32)
