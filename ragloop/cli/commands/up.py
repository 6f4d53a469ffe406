"""`ragloop up`: run the flows on a Prefect server of this machine."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ragloop.app import App
    from ragloop.orchestrator.prefect_api import PrefectApi


def up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the Prefect server; 0 takes a free one.")] = 4200,
) -> None:
    """Start a local Prefect server, deploy the flows, start a worker, the watcher and the service (see `ragloop
    serve`); ctrl-C ends everything.

    Runs, schedules and logs are kept under the home; the next start finds them.
    """
    from ragloop.cli.options import config_file, open_app
    from ragloop.cli.output import say
    from ragloop.orchestrator.liveness import news
    from ragloop.orchestrator.local_stack import LocalStack
    from ragloop.orchestrator.processes import interruptible

    app = open_app()
    home, watches = app.settings.home, bool(app.corpus.watched() or app.corpus.folders())
    try:
        with (
            interruptible() as interrupted,
            LocalStack(app.settings, config=config_file(), port=port) as stack,
        ):
            say(f"\nPrefect UI   {stack.ui_url}\n             {stack.login}")
            say(f"Prefect API  {stack.api_url}\nhome         {home.resolve()} (on the server: {stack.names.name})\n")
            say(f"overview     {_overview(stack.api, app)}\n")
            if watches:
                stack.watch()
            stack.serve()
            say(f"ragloop finds this server through the home. For Prefect's own commands:\n{stack.exports}")
            say("Press ctrl-C here to end everything.\n")
            looks = news(stack.api, stack.names)
            while not interrupted.is_set():
                stack.processes.check()
                for line in next(looks):
                    say(line)
                time.sleep(0.5)
    except KeyboardInterrupt:
        pass
    say("all processes have ended")


def _overview(api: "PrefectApi", app: "App") -> str:
    """Make the overview of the home and return its address; a store that cannot be read stops nothing here."""
    from ragloop.errors import RagloopError
    from ragloop.orchestrator.overview.page import publish

    try:
        return publish(api, app)
    except RagloopError as error:
        return f"cannot be made: {error}"
