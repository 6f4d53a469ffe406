"""Every error that ragloop raises on purpose.

    RagloopError
    ├── UsageError              exit 2   what was asked cannot be done as it was asked
    │   ├── ConfigError                  a setting is unknown, of the wrong type or out of range
    │   ├── NotFoundError                an id, a folder or a model that does not exist
    │   └── MismatchError                what is stored was made by another fingerprint or a newer schema
    ├── DocumentError           exit 1   one document cannot be read; it is quarantined, the rest goes on
    │   └── PassingDocumentError         for a reason that is not in it; it is tried again, ever later
    │       └── ParserStoppedError       its parser was killed at a limit, or crashed
    ├── TrainingError           exit 1   a training process failed; the champion keeps serving
    ├── StoreDamagedError       exit 2   files of the store were read and are not as they were written
    └── UnavailableError        exit 3   something that is needed cannot be reached now (transient)
        ├── StoreBusyError               another process holds the writer's lease
        ├── StoreChangedError            what a backup copies was changed or removed meanwhile
        └── StorageFullError             the disk under the store is full

A message says what was found, what was expected and what to do. Only transient errors are worth a retry.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class RagloopError(Exception):
    """Base of the tree. `exit_code` is what the command line exits with."""

    exit_code = 2
    transient = False


class UsageError(RagloopError):
    """What was asked cannot be done as it was asked."""


class ConfigError(UsageError):
    """A setting is unknown, of the wrong type or out of range."""


class NotFoundError(UsageError):
    """An id, a folder or a model that does not exist."""


class MismatchError(UsageError):
    """What is stored was made by another fingerprint or a newer schema."""


_BRINGS = {
    "models": ("torch", "transformers", "sentence_transformers", "onnx", "safetensors", "gguf"),
    "train": ("peft", "trl", "accelerate", "datasets"),
    "remote": ("openai", "circuitbreaker"),
    "s3": ("boto3", "botocore"),
    "dask": ("dask", "distributed"),
    "ray": ("ray",),
    "serve": ("fastapi", "uvicorn", "prometheus_client"),
    "mcp": ("mcp",),
    "mlflow": ("mlflow",),
    "tensorboard": ("tensorboardX",),
    "qlora": ("bitsandbytes",),
    "train,flows": ("prefect", "matplotlib"),
}
"""The packages that an extra of pyproject.toml brings; a flow trains, so flows without train would stop half-way."""


def missing_package(name: str | None) -> NotFoundError | None:
    """Return the error for a module that cannot be imported because an extra is not installed; None for any other
    module."""
    package = (name or "").split(".")[0]
    for extra, packages in _BRINGS.items():
        if package in packages:
            return NotFoundError(
                f"found no package {package}; expected the extra `{extra.split(',')[-1]}` to be installed: run "
                f"`pip install --editable '.[{extra}]'` in the folder of the project"
            )
    return None


class DocumentError(RagloopError):
    """One document cannot be read; it is quarantined with this message as its reason."""

    exit_code = 1


class PassingDocumentError(DocumentError):
    """What keeps a document from being read is not in it and may pass: another try may end otherwise."""


class ParserStoppedError(PassingDocumentError):
    """The parser of a document was killed at a limit on time or memory, or crashed: another try may end otherwise."""


class TrainingError(RagloopError):
    """A training process failed; the champion keeps serving."""

    exit_code = 1


class StoreDamagedError(RagloopError):
    """Files of the store were read and are not as they were written; what merely cannot be read now is unavailable."""


class UnavailableError(RagloopError):
    """Something that is needed cannot be reached now; a later try may succeed."""

    exit_code = 3
    transient = True


class StoreBusyError(UnavailableError):
    """Another process holds the writer's lease."""


class StoreChangedError(UnavailableError):
    """What a backup copies was changed or removed meanwhile."""


class StorageFullError(UnavailableError):
    """The disk under the store is full; nothing of the interrupted write is visible."""


@contextmanager
def full_disk_is_an_error(place: Path | str) -> Iterator[None]:
    """Turn ENOSPC, which LanceDB reports as text inside an OSError or RuntimeError, into StorageFullError."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        code = getattr(error, "errno", None)
        if code in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error):
            raise StorageFullError(
                f"no space left on the disk that holds {place}; nothing was lost: "
                "free some space and run the same command again"
            ) from error
        raise
