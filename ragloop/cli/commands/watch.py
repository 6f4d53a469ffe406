"""`ragloop watch`: ring for changes in queues and folders, or apply them."""

from contextlib import ExitStack
from functools import partial
from typing import Annotated

import typer

from ragloop.errors import UsageError


def watch(
    index: Annotated[
        bool, typer.Option("--index", help="Apply changes in this process, with models loaded, instead of ringing.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between checks.")] = 3.0,
) -> None:
    """Watch folders, and queues that buckets notify, and have their changes indexed; ctrl-C ends it.

    With --index this process applies the changes itself within a second or two, and needs no Prefect. If
    PREFECT_API_URL is set, it reports each batch as a flow run.

    Without --index it changes nothing itself. It emits an event on a Prefect server, which starts the flow
    index-changes on a worker. PREFECT_API_URL names the server; the default is that of `ragloop up`, which starts a
    watcher itself.
    """
    from ragloop.cli.options import config_file, open_app
    from ragloop.cli.output import say
    from ragloop.orchestrator.names import Names
    from ragloop.orchestrator.prefect_api import named_api
    from ragloop.orchestrator.processes import interruptible
    from ragloop.orchestrator.watching.batch_runs import note
    from ragloop.orchestrator.watching.doorbell import WatchedFolder, WatchedQueue, apply, ring
    from ragloop.records import address

    app = open_app()
    queues, folders = app.corpus.watched(), app.corpus.folders()
    if not queues and not folders:
        raise UsageError("found nothing to watch; add a folder, or a bucket with sources.queue, to ragloop.toml")
    looks: list[WatchedQueue | WatchedFolder] = [WatchedQueue(app, one) for one in queues]
    with ExitStack() as stack:
        looks += [stack.enter_context(WatchedFolder(app, one)) for one in folders]
        for one in looks:
            say(f"watching {one.place}")
        try:
            with interruptible() as interrupted:
                if index:
                    apply(app, looks, every, partial(note, app, config_file()), interrupted)
                else:
                    api = named_api(app.settings.home)
                    place = address(app.settings.home, config_file())
                    ring(api, Names.of(app.settings), looks, every, place, interrupted)
        except KeyboardInterrupt:
            pass
        say("stopped watching")
