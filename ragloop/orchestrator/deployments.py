"""Deploy the flows of a home to a Prefect server, under names of its own.

Prefect's own command does it, from the folder of the flows; prefect.yaml names the variables that it is given here.
"""

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from ragloop.config import Settings
from ragloop.errors import NotFoundError, UsageError, missing_package
from ragloop.orchestrator.names import Names
from ragloop.orchestrator.prefect_api import PrefectApi, named_api, named_server, without_proxy
from ragloop.orchestrator.processes import Processes
from ragloop.orchestrator.project import prefect_file, project_root

DEPLOY_TIMEOUT_S = 180.0
_NAME = "{{ $RAGLOOP_PREFECT__NAME }}"
"""What stands in prefect.yaml for the name of the home."""


@dataclass(frozen=True)
class Deployed:
    """What of a home is on a server, and the command of a worker that runs it."""

    name: str
    url: str
    pool: str
    training_pool: str
    deployments: tuple[str, ...]
    worker: str


def deploy(settings: Settings, config: Path | None, *, take_over: bool = False) -> Deployed:
    """Deploy the flows of a home to the server that is named or runs for it; again, it changes nothing.

    Raises UsageError where its name is taken there, unless another home has it and `take_over` says so; NotFoundError
    where the training pool is not there; UnavailableError where the server does not answer or Prefect fails.
    """
    must_have_prefect()
    names, api, root = Names.of(settings), named_api(settings.home), project_root()
    file = prefect_file(root, config)
    flows = flows_of(file)
    must_be_free(api, settings, flows, take_over=take_over)
    given = variables(settings, config)
    training_pool = given["RAGLOOP_PREFECT__TRAINING_POOL"]
    make_pool(api, names.pool)
    if not api.answers(f"/work_pools/{training_pool}"):
        raise NotFoundError(
            f"found no work pool {training_pool} (prefect.training_pool) on {api.url}; create it with `prefect "
            "work-pool create`, or remove the setting"
        )
    server = {name: value for name, value in named_server(settings.home).items() if value}
    others = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_API_")}
    processes = Processes()
    try:
        environment = {**others, **without_proxy(os.environ), **server, **given}
        deploying = processes.start("deploy", command(file), environment, root, aloud=False)
        processes.wait(deploying, DEPLOY_TIMEOUT_S)
    finally:
        processes.stop()
    worker = f"prefect worker start --pool {names.pool} --type process"
    deployed = tuple(names.deployment(flow) for flow in flows)
    return Deployed(names.name, api.url, names.pool, training_pool, deployed, worker)


def command(file: Path) -> list[str]:
    """Return the command that applies prefect.yaml, to be run in the folder of the flows."""
    return [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]


def variables(settings: Settings, config: Path | None) -> dict[str, str]:
    """Return the variables that prefect.yaml names."""
    names = Names.of(settings)
    return {
        "RAGLOOP_HOME": str(settings.home.expanduser().resolve()),
        "RAGLOOP_CONFIG": str(config.expanduser().resolve()) if config else "",
        "RAGLOOP_PREFECT__NAME": names.name,
        "RAGLOOP_PREFECT__TRAINING_POOL": settings.prefect.training_pool or names.pool,
    }


def flows_of(file: Path) -> list[str]:
    """Return the names of the flows that a prefect.yaml deploys, which are those of their functions.

    Raises UsageError where one of them is not named and tagged after the home, as before homes had names.
    """
    import yaml  # Prefect brings it

    deployments = yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
    for one in deployments:
        if one.get("name") != _NAME or f"ragloop-{_NAME}" not in one.get("tags", ()):
            raise UsageError(
                f"{file} deploys {one['entrypoint']} as {one.get('name')!r} with the tags {one.get('tags')}; expected "
                f"the name {_NAME} and the tag ragloop-{_NAME}, by which its home is told: compare it with the file "
                "that `ragloop init --project DIR` writes"
            )
    return sorted(one["entrypoint"].rpartition(":")[2].replace("_", "-") for one in deployments)


def must_be_free(api: PrefectApi, settings: Settings, flows: list[str], *, take_over: bool = False) -> None:
    """Raise UsageError where deploying would replace what belongs to others: of no home, or of another one."""
    names, home = Names.of(settings), str(settings.home.expanduser().resolve())
    for flow in flows:
        deployment = names.deployment(flow)
        try:
            found = api.call("GET", f"/deployments/name/{deployment}")
        except NotFoundError:
            continue
        choose = "choose another name for this one (prefect.name in ragloop.toml)"
        if names.tag not in found["tags"]:
            raise UsageError(f"found {deployment} on {api.url}, which is not ragloop's; {choose}")
        other = found["parameters"].get("home")
        if other != home and not take_over:
            raise UsageError(
                f"{deployment} on {api.url} serves the home {other}, not {home}; {choose}, or deploy with --take-over "
                f"to have {names.name} serve {home}"
            )


def make_pool(api: PrefectApi, pool: str) -> None:
    """Make a work pool of processes, where there is none of this name."""
    if not api.answers(f"/work_pools/{pool}"):
        api.call("POST", "/work_pools/", {"name": pool, "type": "process"})


def must_have_prefect() -> None:
    """Raise the error that names the extra where Prefect is not installed."""
    if importlib.util.find_spec("prefect") is None:
        raise missing_package("prefect") or AssertionError("prefect belongs to no extra")
