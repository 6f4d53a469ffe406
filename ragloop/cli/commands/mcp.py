"""`ragloop mcp`: give agents search, ask and feedback as tools."""

from ragloop.cli.options import Labels, labels_of, open_app


def mcp(labels: Labels = None) -> None:
    """Give agents search, ask and feedback as tools of the Model Context Protocol, on standard input and output.

    An agent starts this command by itself; its caller sees the documents that --as lets it see.
    """
    from ragloop.service.mcp_server import mcp_server

    app = open_app()
    app.store  # noqa: B018 - a home that is not there is said before an agent waits for it
    mcp_server(app, labels_of(labels)).run("stdio")
