"""`ragloop automations`: make the automations of this home match flows/automations.json."""

from dataclasses import asdict

import typer

from ragloop.cli.options import Json, settings
from ragloop.cli.output import print_json, print_table

automations = typer.Typer(no_args_is_help=True, help="Manage Prefect automations (alerts).")


@automations.command("apply")
def apply_command(json: Json = False) -> None:
    """Make the automations of this home match flows/automations.json; repeating it changes nothing.

    Those of other homes and teams on the same Prefect server are left alone.

    PREFECT_API_URL names the server; the default is that of `ragloop up` on this home. Alerts are sent to notify.block
    if it is set.
    """
    from ragloop.orchestrator.automations import apply, wanted
    from ragloop.orchestrator.names import Names
    from ragloop.orchestrator.prefect_api import named_api
    from ragloop.orchestrator.project import project_root

    chosen = settings()
    api = named_api(chosen.home)
    names = Names.of(chosen)
    done = asdict(apply(api, names, wanted(project_root(), names), chosen.notify.block))
    if json:
        print_json(done)
        return
    rows = [{"automation": name, "": what} for what, names in done.items() for name in names]
    print_table(f"Automations of {api.url}", rows, ["automation", ""])
