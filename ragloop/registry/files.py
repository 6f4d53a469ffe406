"""The files of an adapter: whether they are those that were registered, and fit the base model."""

import hashlib
import json
from pathlib import Path

from ragloop.errors import MismatchError
from ragloop.hashes import sha256_of
from ragloop.registry.adapter import Adapter
from ragloop.store.names import inside

WEIGHTS, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"


def files_are_whole(artifacts: Path, path: str, sha256: str) -> bool:
    """Return whether the adapter at this path has the files of this `adapter_sha256`."""
    try:
        return adapter_sha256(inside(artifacts, path)) == sha256
    except MismatchError:
        return False


def file_state(folder: Path) -> str:
    """Return sizes, times and numbers of an adapter's files, which change with them."""
    found = (path.stat() for name in (WEIGHTS, ADAPTER_CONFIG) if (path := folder / name).is_file())
    return " ".join(f"{one.st_size}-{one.st_mtime_ns}-{one.st_ctime_ns}-{one.st_ino}" for one in found)


def other_base(adapter: Adapter, name: str, sha256: str) -> str:
    """Return why an adapter is not one of the base model `name` with weights `sha256`, or an empty string.

    The weights decide, whatever the model is called: a folder may have been moved. Where those of either side are not
    known, the names must be equal.
    """
    if adapter.base_sha256 and sha256:
        if adapter.base_sha256 == sha256:
            return ""
        return (
            f"adapter {adapter.adapter_id} was trained on the weights {adapter.base_sha256[:12]} of {adapter.base}, "
            f"found {sha256[:12]} in model.base {name}: set model.base to the model that it was trained on, or retrain"
        )
    if adapter.base == name:
        return ""
    return (
        f"adapter {adapter.adapter_id} was trained on the base model {adapter.base}, found {name} in model.base: set "
        "it back, or retrain"
    )


def adapter_sha256(folder: Path) -> str:
    """SHA-256 over an adapter's weights and its configuration. Raises MismatchError when either is not there.

    The configuration decides as much as the weights do (alpha scales them). It is hashed by its values: PEFT keeps
    names of modules in a set and writes them in any order.
    """
    for name in (WEIGHTS, ADAPTER_CONFIG):
        if not (folder / name).is_file():
            raise MismatchError(f"found no {name} in {folder}; retrain, or restore it from a backup")
    try:
        config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    except ValueError:
        raise MismatchError(f"{folder / ADAPTER_CONFIG} is damaged; retrain, or restore it from a backup") from None
    values = {name: sorted(map(str, one)) if isinstance(one, list) else one for name, one in config.items()}
    content = [sha256_of(folder / WEIGHTS), json.dumps(values, sort_keys=True)]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()
