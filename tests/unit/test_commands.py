"""The commands that exist."""

from collections.abc import Iterator

import typer.core
import typer.main

from ragloop.cli.main import app
from ragloop.keys import Role

COMMANDS = {
    "sync", "search", "status", "ask", "feedback", "log", "drift", "dataset", "retrain", "adapters", "init", "models",
    "up", "demo", "index", "doctor", "watch", "evaluate", "automations", "documents", "review",
    "maintain", "backup", "restore", "sources", "deploy", "serve", "keys", "golden", "calibrate", "erase", "mcp",
    "canary", "topics", "costs", "advise", "audit",
}  # fmt: skip


def test_every_command_that_the_documents_name_exists():
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    assert set(group.commands) == COMMANDS


def commands(group: typer.core.TyperGroup) -> Iterator[typer.core.TyperCommand]:
    for one in group.commands.values():
        if isinstance(one, typer.core.TyperGroup):
            yield from commands(one)
        elif isinstance(one, typer.core.TyperCommand):
            yield one


def test_the_terminal_and_not_the_source_breaks_the_lines_of_a_help_text():
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    for one in commands(group):
        assert one.help, one.name
        assert "\n" not in one.help.replace("\n\n", ""), one.help


def test_every_role_of_a_key_stands_in_the_help():
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    (roles,) = (one for command in commands(group) for one in command.params if one.name == "roles")
    assert isinstance(roles, typer.core.TyperOption)
    assert [role for role in Role if role not in (roles.help or "")] == []
