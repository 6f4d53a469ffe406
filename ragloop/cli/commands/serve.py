"""`ragloop serve`: answer over HTTP."""

from typing import Annotated

import typer

from ragloop.cli.options import open_app
from ragloop.cli.output import say


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; default service.host. Any but loopback needs a key.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on, 0 takes a free one; default service.port.")
    ] = None,
) -> None:
    """Answer over HTTP: an OpenAI-compatible API at /v1, the ask page at /; ctrl-C ends it.

    Changes of documents, adapters and keys take effect without a restart.
    """
    from ragloop.service.server import serve as run

    app = open_app()
    given = {name: one for name, one in (("host", host), ("port", port)) if one is not None}
    settings = app.settings.service.model_copy(update=given)
    run(app, settings, _say_where)
    say("the service has ended")


def _say_where(address: str) -> None:
    say(f"ask page  {address}/\nAPI       {address}/v1\nPress ctrl-C here to end it.")
