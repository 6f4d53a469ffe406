"""`ragloop demo`: show the whole loop on documents that every machine has."""

import shlex
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.options import Json

if TYPE_CHECKING:
    from ragloop.orchestrator.demo_flows import PrefectFlows


def demo(
    quick: Annotated[
        bool, typer.Option("--quick", help="A tiny random model, fewer documents, no Prefect; two to three minutes.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the whole loop on the Python packages installed here, from a changed file to adapters that serve or go.

    All files go to --home, which must be empty, or to a new temporary folder. They are kept afterwards.
    """
    from ragloop.cli.output import fail, print_json, say, write
    from ragloop.demo.closing import closing
    from ragloop.demo.scale import FULL, QUICK
    from ragloop.demo.steps.learning import planted_was_promoted
    from ragloop.demo.story import tell

    folder = _empty_folder()
    _say_plan(quick=quick)
    say(f"All its files go to {folder} and are kept.")
    with _flows(folder, wanted=not quick) as flows:
        report = tell(folder, QUICK if quick else FULL, say=say, show=_show, flows=flows)
    if json:
        print_json({**report, "open": how_to_open(folder)})
    else:
        _show_steps(report)
        width = shutil.get_terminal_size().columns
        write("\n" + "\n\n".join(textwrap.fill(one, width) for one in closing(report)))
    say(f"\nAsk it something:\n  {_program()} ask {shlex.quote(_asked(report))} {_place(folder)}")
    say(f"See it as an operator, until ctrl-C:\n  {how_to_open(folder)}")
    if planted_was_promoted(report):
        fail("the adapter that was trained on shuffled answers passed the gate; see its scores above", 1)


def how_to_open(folder: Path) -> str:
    """Return the command that starts the server again, on the database of this demonstration."""
    return f"{_program()} up {_place(folder)}"


def _program() -> str:
    """Return what a shell starts ragloop with: its name where PATH leads to this one, else its path."""
    this = Path(sys.argv[0])
    found = shutil.which("ragloop")
    is_this = this.name != "ragloop" or (found is not None and Path(found).resolve() == this.resolve())
    return "ragloop" if is_this else shlex.quote(str(this))


def _place(folder: Path) -> str:
    return f"--home {shlex.quote(str(folder))} --config {shlex.quote(str(folder / 'ragloop.toml'))}"


def _asked(report: Mapping[str, Any]) -> str:
    return next(str(step["figures"]["asked"]) for step in report["steps"] if "asked" in step["figures"])


def _say_plan(*, quick: bool) -> None:
    """Say what will happen and how long it takes, before anything does."""
    from ragloop.cli.output import say
    from ragloop.demo.stage import PLAN

    takes = (
        "two to three minutes, on a tiny random model" if quick else "15 to 40 minutes on two cores, and all of them"
    )
    say(f"This shows the whole loop, offline; it takes {takes}. It will")
    for number, step in enumerate(PLAN, 1):
        text = textwrap.wrap(step + (";" if number < len(PLAN) else "."), 72)
        say("\n     ".join([f"  {number}. {text[0]}", *text[1:]]))
    if not quick:
        say("Sync of step 3, drift check of step 4 and training of step 5 are Prefect flows on a local server.")


def _empty_folder() -> Path:
    """Return the given home, or a new temporary folder. Raises UsageError for a home that is not empty."""
    from ragloop.cli.options import given_home
    from ragloop.errors import UsageError

    home = given_home()
    if home is None:
        return Path(tempfile.mkdtemp(prefix="ragloop-demo-"))
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise UsageError(f"{home} is not empty; the demonstration needs an empty folder: name another --home")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home.resolve()


# --- tables ----------------------------------------------------------------------------------------------------------


def _show(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print a table on stderr, beside the lines of the story; stdout is for the report."""
    from ragloop.cli.output import print_table

    print_table(title, rows, columns, aside=True)


def _show_steps(report: Mapping[str, Any]) -> None:
    from ragloop.cli.output import duration, print_table

    rows = [
        {"step": step["name"], "time": duration(step["seconds"]), "CPU": duration(step["cpu_seconds"])}
        for step in (*report["steps"], {"name": "all", **report})
    ]
    print_table("What it cost", rows, ("step", "time", "CPU"))


# --- Prefect ---------------------------------------------------------------------------------------------------------


@contextmanager
def _flows(folder: Path, *, wanted: bool) -> Iterator["PrefectFlows | None"]:
    """Run the server's flows while the story lasts. Its log goes to a file, apart from the lines of the story."""
    if not wanted:
        yield None
        return
    from ragloop.cli.output import say
    from ragloop.config import Settings
    from ragloop.orchestrator.demo_flows import PrefectFlows
    from ragloop.orchestrator.local_stack import LocalStack
    from ragloop.orchestrator.processes import interruptible
    from ragloop.telemetry import Lines, diverted

    own = "ragloop.orchestrator.local_stack", "ragloop.orchestrator.processes"
    with (
        (folder / "prefect.log").open("w", encoding="utf-8", buffering=1) as log,
        diverted(Lines(lambda line: print(line, file=log)), own),
        interruptible(),
    ):
        stack = LocalStack(Settings(home=folder), config=folder / "ragloop.toml")
        flows = PrefectFlows(stack)
        say(f"a Prefect server will be on {stack.ui_url} while this runs; {stack.login}")
        try:
            yield flows
        except KeyboardInterrupt:
            say("stopping the Prefect server and the worker")
            raise
        finally:
            flows.stop()
