"""The commands that exist."""

import typer.core
import typer.main

from ragloop.cli.main import app

COMMANDS = {
    "sync", "search", "status", "ask", "feedback", "log", "drift", "dataset", "retrain", "adapters", "init", "models",
    "up", "demo", "index", "doctor", "watch", "evaluate", "automations", "documents",
    "maintain", "backup", "restore", "sources", "deploy", "serve", "keys",
}  # fmt: skip


def test_every_command_that_the_documents_name_exists():
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    assert set(group.commands) == COMMANDS
