"""The files of an adapter: whether they are those that were registered, and fit the base model."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from ragloop.errors import MismatchError, NotFoundError
from ragloop.registry.adapter import Adapter
from ragloop.store.files import Files, FolderFiles

WEIGHTS, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"


def files_are_whole(files: Files, path: str, sha256: str) -> bool:
    """Return whether the adapter at this path has the files of this `adapter_sha256`."""
    try:
        return sha256_in(files, path) == sha256
    except MismatchError:
        return False


def state_of_files(files: Files, path: str) -> str:
    """Return what changes with the files of the adapter at this path, without reading them."""
    found = files.list(f"{path}/")
    return " ".join(found[name].stamp for one in (WEIGHTS, ADAPTER_CONFIG) if (name := f"{path}/{one}") in found)


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
    """Return the SHA-256 of an adapter in a folder of this machine; see sha256_in."""
    return sha256_in(FolderFiles(folder.parent), folder.name)


def sha256_in(files: Files, path: str) -> str:
    """Return the SHA-256 over an adapter's weights and its configuration. Raises MismatchError when either is not
    there.

    The configuration decides as much as the weights do (alpha scales them). It is hashed by its values: PEFT keeps
    names of modules in a set and writes them in any order.
    """
    weights = hashlib.sha256()
    for part in _read(files, path, WEIGHTS):
        weights.update(part)
    try:
        config = json.loads(b"".join(_read(files, path, ADAPTER_CONFIG)))
    except ValueError:
        raise MismatchError(
            f"{files}/{path}/{ADAPTER_CONFIG} is damaged; retrain, or restore it from a backup"
        ) from None
    values = {name: sorted(map(str, one)) if isinstance(one, list) else one for name, one in config.items()}
    content = [weights.hexdigest(), json.dumps(values, sort_keys=True)]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()


def _read(files: Files, path: str, name: str) -> Iterator[bytes]:
    try:
        yield from files.read(f"{path}/{name}")
    except NotFoundError:
        raise MismatchError(f"found no {name} in {files}/{path}; retrain, or restore it from a backup") from None


def is_dora(folder: Path) -> bool:
    """Return whether the adapter in a folder learned the lengths of columns apart (training.method dora)."""
    return bool(json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8")).get("use_dora"))
