"""`ragloop models`: prepare models and keep them in the cache."""

import typer

from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_json, say

models = typer.Typer(no_args_is_help=True, help="Prepare models and keep them in the cache.")


@models.command("prepare")
def prepare(json: Json = False) -> None:
    """Export the embedder, prepare the reranker that is at hand and convert the local model, unless the cache has them
    already."""
    app = open_app()
    reranker = app.models.reranker
    report = {
        "embedder": app.embedder.fingerprint,
        "reranker": reranker.fingerprint if reranker else "",
        "model": str(app.models.base),
        "cache": str(app.models.cache),
    }
    ready = ", ".join(filter(None, (report["embedder"], report["reranker"], app.settings.model.base)))
    print_json(report) if json else say(f"ready: {ready} in {app.models.cache}")
