"""The shape of a base model, read from its configuration; its weights stay where they are."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ragloop.models.chat import cannot_be_loaded
from ragloop.models.generation.smollm2 import NAME
from ragloop.models.hub import must_be_within_reach
from ragloop.models.training.defaults import Base


def base_shape(place: Path | str, name: str) -> Base:
    """Read type, width and layers of the model in a folder or of a hub. Raises NotFoundError where it is not there."""
    config = configuration(place)
    config = config.get("text_config") or config
    return Base(
        str(config.get("model_type", "")),
        int(config.get("hidden_size") or config.get("n_embd") or config.get("d_model") or 2000),
        int(config.get("num_hidden_layers") or config.get("n_layer") or 1),
        packaged=name == NAME,
    )


def configuration(place: Path | str) -> Mapping[str, Any]:
    """Read the configuration of the model in a folder or of a hub; code from hubs is never run. Raises NotFoundError
    where it is not there."""
    file = Path(place) / "config.json"
    if file.is_file():
        return dict(json.loads(file.read_text(encoding="utf-8")))
    from transformers import AutoConfig

    try:
        must_be_within_reach(str(place))
        return dict(AutoConfig.from_pretrained(str(place)).to_dict())
    except (OSError, ValueError) as error:
        raise cannot_be_loaded(place, error) from error
