"""The command that brings the flows up on this machine."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ragloop.cli.prefect_api import PrefectApi

_LOOK_EVERY_S = 30.0
"""How often `up` looks whether schedules, triggers and the worker do their work."""


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
            looks = _what_stands_still(stack.api)
            while not interrupted.is_set():
                stack.processes.check()
                for told in next(looks):
                    say(told)
                time.sleep(0.5)
    except KeyboardInterrupt:
        pass
    say("all processes have ended")


def _what_stands_still(api: "PrefectApi") -> Iterator[list[str]]:
    """Yield what began or ceased to stand still since the last look; nothing between looks."""
    from ragloop.cli.liveness import problems
    from ragloop.errors import RagloopError

    known: set[str] = set()
    looked = time.monotonic()
    while True:
        if time.monotonic() - looked < _LOOK_EVERY_S:
            yield []
            continue
        try:
            found = set(problems(api))
        except RagloopError:  # a server that has died is told of by its process, a busy one is asked again
            found = known
        yield [f"problem: {one}" for one in sorted(found - known)] + [
            f"no longer: {one}" for one in sorted(known - found)
        ]
        known, looked = found, time.monotonic()
