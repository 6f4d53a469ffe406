"""`ragloop deploy`: deploy the flows of this home to a Prefect server."""

from dataclasses import asdict
from typing import Annotated

import typer

from ragloop.cli.options import Json, config_file, settings
from ragloop.cli.output import print_json, print_table, say


def deploy(
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Take the name from another home that has it on this server.")
    ] = False,
    json: Json = False,
) -> None:
    """Deploy the flows of this home to a Prefect server, from any folder; repeating it changes nothing.

    PREFECT_API_URL names the server; the default is that of `ragloop up` on this home. The deployments are called
    FLOW/NAME and wait in the work pool ragloop-NAME, which is created; NAME is prefect.name.
    """
    from ragloop.orchestrator.deployments import deploy as deploy_flows

    done = deploy_flows(settings(), config_file(), take_over=take_over)
    if json:
        print_json(asdict(done))
        return
    print_table(f"Deployed to {done.url}", [{"deployment": one} for one in done.deployments], ["deployment"])
    say(f"run `{done.worker}` where the home and its sources are, and `ragloop automations apply` once")
