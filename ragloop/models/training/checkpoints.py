"""Checkpoints of a training: which one it goes on from, and what had been spent by then."""

import json
import shutil
from pathlib import Path
from typing import Any

COMPLETE = "complete.json"
"""Marks a checkpoint whose files are all written; one without it is thrown away."""


def newest_complete(checkpoints: Path, digest: str) -> Path | None:
    """Return the newest checkpoint of this spec whose marker is there; remove all others, half-written ones too."""
    found = sorted(checkpoints.glob("checkpoint-*"), key=lambda path: int(path.name.removeprefix("checkpoint-")))
    usable = [path for path in found if _marker(path).get("digest") == digest]
    for path in found:
        if path not in usable:
            shutil.rmtree(path)
    return usable[-1] if usable else None


def _marker(checkpoint: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((checkpoint / COMPLETE).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def spent(checkpoint: Path | None) -> dict[str, float]:
    """Return the seconds that the training had taken at a checkpoint: wall clock, training alone, CPU."""
    marker = _marker(checkpoint) if checkpoint else {}
    return {name: float(marker.get(name, 0)) for name in ("seconds", "training_seconds", "cpu_seconds")}


def processes_before(checkpoint: Path | None) -> int | None:
    """Return how many processes trained up to a checkpoint; None where there is none, or it does not say."""
    return _marker(checkpoint).get("processes") if checkpoint else None
