"""`ragloop maintain`: compact tables, drop what has expired."""

from dataclasses import asdict

import typer

from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_json, print_table, say
from ragloop.cli.progress import progress

_MIB = 2**20


def maintain(json: Json = False) -> None:
    """Compact every table, and remove old versions, generations, vectors and kept answers past their retention.

    Where the settings name a mirror of the registry, it is brought in line. Exit code 1 when a table cannot be read, or
    the mirror not be reached.
    """
    app = open_app()
    with progress("maintain", "tables") as advance:
        done = app.corpus.maintain(advance)
    app.learning.maintain()
    left = app.safekeeping.follow_mirror()
    problems = [*done.problems, *filter(None, [left])]
    if json:
        print_json(
            {
                **asdict(done),
                "problems": problems,
                "versions_removed": done.versions_removed,
                "bytes_freed": done.bytes_freed,
            }
        )
    else:
        rows = [asdict(one) for one in done.tables]
        print_table("Tables", rows, ["name", "rows", "files_before", "files", "bytes", "versions_removed"])
        say(f"{done.versions_removed:,} old versions removed, {done.bytes_freed / _MIB:,.1f} MiB freed")
    for problem in problems:
        say(f"problem: {problem}")
    if problems:
        raise typer.Exit(1)
