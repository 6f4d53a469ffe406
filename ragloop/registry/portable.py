"""An adapter as other programs take it: PEFT's two files, and a third one of JSON that says where it is to be asked."""

import json
import math
from pathlib import Path
from typing import Any

from ragloop.registry.adapter import Adapter
from ragloop.registry.files import ADAPTER_CONFIG

ABOUT = "ragloop.json"
"""Says which adapter this is, and in which lane and by which recipe it is to be asked."""


def about(adapter: Adapter, form: str) -> dict[str, str]:
    """Return what stands in ABOUT; `form` is what lies beside it."""
    return {
        "adapter_id": adapter.adapter_id,
        "format": form,
        "base": adapter.base,
        "base_sha256": adapter.base_sha256,
        "sha256": adapter.sha256,
        "recipe": adapter.recipe,
        "lane": str(adapter.lane),
        "dataset_id": adapter.dataset_id,
    }


def config_for_others(files: Path, base_name: str) -> str:
    """Return PEFT's configuration with the base as the settings named it, not by the folder of this machine."""
    config: dict[str, Any] = json.loads((files / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    return json.dumps(config | {"base_model_name_or_path": base_name}, indent=2) + "\n"


def figures(adapter: Adapter) -> dict[str, float]:
    """Return the numbers of an adapter's evidence, by name; no reasons and no notes, which may name documents."""
    evidence, found = adapter.evidence, dict[str, Any]()
    if evidence.training:
        found |= {f"training.{name}": value for name, value in vars(evidence.training).items()}
    if evidence.evaluation:
        found |= {f"champion.{name}": value for name, value in evidence.evaluation.incumbent.items()}
        found |= {f"candidate.{name}": value for name, value in evidence.evaluation.challenger.items()}
    for one in evidence.criteria:
        found |= {f"gate.{one.name}.{name}": value for name, value in vars(one).items()}
    numbers = {name: float(value) for name, value in found.items() if type(value) in (int, float)}
    return {name: value for name, value in numbers.items() if math.isfinite(value)}
