"""ragloop keeps a RAG index true to its sources and turns its traffic into LoRA adapters that earn their place.

`open` opens a home for a program or a notebook. Importing this package loads nothing heavy; the rooms below it import
what they need.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragloop.deferred import defer
from ragloop.errors import RagloopError
from ragloop.records import Answer, Citation, Passage

if TYPE_CHECKING:
    from ragloop.app.library import Ragloop

__all__ = ["Answer", "Citation", "Passage", "Ragloop", "RagloopError", "open"]

# An update of the vectors' index may split its partitions; LanceDB then warns of each that older parts do not have.
os.environ.setdefault("LANCEDB_LOG", "warn,lance::index::vector=error")

# ONNX Runtime keeps an id of the machine in the user's cache and reports its use to Microsoft; Ray and Hugging Face
# report theirs. Whoever wants that sets the variable.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

# Before anything imports LanceDB: what nothing here uses of it is imported when it is used.
defer()

__version__ = "0.1.0"


def open(home: str | Path | None = None, *, config: str | Path | None = None) -> "Ragloop":
    """Open a home, the folder that keeps all state; nothing is made or read before something is asked of it.

    Settings are those of the commands: `config`, by default `ragloop.toml` in the working folder if it is there, and
    `RAGLOOP_*` variables; `home` wins over both. Raises NotFoundError and ConfigError, which are RagloopErrors.
    """
    from ragloop.app.library import Ragloop

    return Ragloop.open(Path(home) if home is not None else None, Path(config) if config is not None else None)


def __getattr__(name: str) -> Any:
    """Return the class `Ragloop`, for annotations; it loads LanceDB."""
    if name != "Ragloop":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ragloop.app.library import Ragloop

    return Ragloop
