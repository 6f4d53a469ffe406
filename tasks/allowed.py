"""What a run may name that a server started: its own home and configuration, and folders that these know.

The parameters of such a run come from whoever emits an event or fills in a form; neither may choose what the worker
reads. A flow that is called in Python takes any home and folder, since its caller could open them without it.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import get_client, runtime

from ragloop.errors import UsageError

if TYPE_CHECKING:
    from ragloop.app import App


@dataclass(frozen=True)
class Place:
    """A home and a configuration file; None stands for what the environment of the worker names."""

    home: Path | None
    config: Path | None


def of_deployment() -> Place | None:
    """Return the home and configuration that the deployment of this run has as parameters; None in any other run.

    Only who may edit deployments sets these, and may run any code by that. Those of the run itself may be an event's.
    """
    deployment = runtime.deployment.id
    if deployment is None:
        return None
    with get_client(sync_client=True) as client:
        given = client.read_deployment(deployment).parameters
    return Place(*(Path(given[name]) if given.get(name) else None for name in ("home", "config")))


def accepted(home: Path | None, config: Path | None) -> Place:
    """Return the place that a run works on. Raises UsageError where it names another than its own."""
    own = of_deployment()
    if own is None:
        return Place(home, config)
    from ragloop.config import load_settings

    _same("home", home, load_settings(own.config, own.home).home)
    _same("config", config, own.config or of_environment())
    return own


def accept_folder(app: "App", folder: Path | None) -> None:
    """Raise UsageError where a run names a folder that is neither configured nor synced by its path before."""
    if folder is not None and runtime.deployment.id is not None and not app.corpus.knows(folder):
        raise UsageError(
            f"found the folder {folder}, expected a source of this home; add it to ragloop.toml, or sync it once on "
            f"the worker with `ragloop sync`"
        )


def of_environment() -> Path | None:
    """Return the configuration file that the environment of the worker leads to; None where there is none."""
    from ragloop.config import find_config

    named = os.environ.get("RAGLOOP_CONFIG")
    file = Path(named) if named else find_config()
    return file if file and file.exists() else None


def _same(what: str, named: Path | None, own: Path | None) -> None:
    if named is not None and (own is None or named.expanduser().resolve() != own.expanduser().resolve()):
        raise UsageError(
            f"the run names the {what} {named}, its deployment is that of {own or 'none'}; leave `{what}` as it is, or "
            f"deploy the other one too: `ragloop --{what} {named} deploy`"
        )
