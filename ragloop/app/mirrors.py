"""The mirror of the registry that the settings name."""

import os
from typing import TYPE_CHECKING

from ragloop.app.parts import Parts
from ragloop.config.settings import MLFLOW
from ragloop.errors import ConfigError, UsageError
from ragloop.store.files import Files, FolderFiles, open_files

if TYPE_CHECKING:
    from ragloop.registry.mirroring.mirror import Mirror
    from ragloop.registry.mirroring.reconciling import Mirroring


def mirroring(parts: Parts) -> "Mirroring":
    """Return what keeps the mirror of a home, None of it where the settings name none. Raises as open_mirror does."""
    from ragloop.registry.mirroring.reconciling import Mirroring

    return Mirroring(parts.store, parts.registry, open_mirror(parts))


def open_mirror(parts: Parts) -> "Mirror | None":
    """Open the mirror that registry.mirror names; nothing is reached before it is used.

    Raises ConfigError where the address of MLflow is missing, UsageError where the mirror lies in the home, or in a
    bucket of the store or its artifacts.
    """
    wanted = parts.settings.registry
    if not wanted.mirror:
        return None
    identity = parts.store.migrations.identity
    if wanted.mirror != MLFLOW:
        from ragloop.registry.mirroring.folder_mirror import FolderMirror

        return FolderMirror(_outside(wanted.mirror, parts), identity, parts.boundary)
    from ragloop.registry.mirroring.mlflow_mirror import MlflowMirror

    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        raise ConfigError("registry.mirror is mlflow: set MLFLOW_TRACKING_URI to the address of its server")
    return MlflowMirror(uri, wanted.mirror_name, identity, parts.boundary)


def _outside(place: str, parts: Parts) -> Files:
    files, settings = open_files(place), parts.settings
    home = settings.home.resolve()
    if isinstance(files, FolderFiles) and files.folder.resolve().is_relative_to(home):
        raise UsageError(f"{files} lies in {home}; name a place outside of it in registry.mirror")
    for one in filter(None, (settings.store, settings.artifacts, settings.backup.uri)):
        if f"{files}/".startswith(f"{one.rstrip('/')}/"):
            raise UsageError(f"{files} lies in {one}; name another place in registry.mirror")
    return files
