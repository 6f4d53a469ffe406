"""The command that brings the flows up on this machine."""

import time
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(up)


def up(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where the Prefect server listens; 0 takes a free port.")
    ] = 4200,
) -> None:
    """Start a local Prefect server, deploy the flows, start a worker and the watcher; ctrl-C ends all of it.

    Runs, schedules and logs are kept under the home, so that the next start finds them.
    """
    from ragloop.cli.context import config_file, open_app
    from ragloop.cli.local_stack import LocalStack
    from ragloop.cli.output import say
    from ragloop.cli.processes import interruptible

    app = open_app()
    notify = app.settings.notify.block
    home, watches = app.settings.home, bool(app.watched() or app.folders())
    try:
        with (
            interruptible() as interrupted,
            LocalStack(home, config=config_file(), port=port, say=say, notify=notify) as stack,
        ):
            say(f"\nPrefect UI   {stack.ui_url}\n             {stack.login}")
            say(f"Prefect API  {stack.api_url}\nhome         {home.resolve()}\n")
            if watches:
                stack.watch()
            say(f"Commands of ragloop find it by the home; for those of Prefect in another terminal:\n{stack.exports}")
            say("ctrl-C here ends all.\n")
            while not interrupted.is_set():
                stack.processes.check()
                time.sleep(0.5)
    except KeyboardInterrupt:
        pass
    say("all processes have ended")
