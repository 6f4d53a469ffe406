"""`ragloop demo`: show the whole loop on documents that every machine has."""

import tempfile
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
        bool, typer.Option("--quick", help="A tiny random model, fewer documents, no Prefect; takes a minute.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the whole loop on the Python packages installed here, from a changed file to a promoted adapter.

    All files go to --home, which must be empty, or to a new temporary folder. They are kept afterwards.
    """
    from ragloop.cli.output import fail, print_json, say
    from ragloop.demo.learning import planted_was_promoted
    from ragloop.demo.scale import FULL, QUICK
    from ragloop.demo.story import tell

    folder = _empty_folder()
    say(f"all files of this demonstration are in {folder}")
    with _flows(folder, wanted=not quick) as flows:
        report = tell(folder, QUICK if quick else FULL, say=say, show=_show, flows=flows)
    if json:
        print_json({**report, "open": how_to_open(folder)})
    else:
        _show_steps(report)
    say(f"\nSee it as an operator: {how_to_open(folder)}\n(runs, artifacts and logs are kept; ctrl-C ends it)")
    say(f"Ask it something:      ragloop ask 'Who wrote six?' {_place(folder)}")
    if planted_was_promoted(report):
        fail("the adapter that was trained on shuffled answers passed the gate and served; see its scores above", 1)


def how_to_open(folder: Path) -> str:
    """Return the command that starts the server again, on the database of this demonstration."""
    return f"ragloop up {_place(folder)}"


def _place(folder: Path) -> str:
    return f"--home {folder} --config {folder / 'ragloop.toml'}"


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
    from ragloop.cli.output import print_table

    rows = [
        {
            "step": step["name"],
            "figures": _short(step["figures"]),
            "seconds": step["seconds"],
            "CPU s": step["cpu_seconds"],
        }
        for step in report["steps"]
    ]
    total = {"step": "all", "figures": "", "seconds": report["seconds"], "CPU s": report["cpu_seconds"]}
    print_table("The loop", [*rows, total], ("step", "figures", "seconds", "CPU s"))


def _short(figures: Mapping[str, Any]) -> str:
    """Format the figures that fit on one line each: numbers, names and verdicts, one level deep."""
    from ragloop.cli.output import shown

    lines = []
    for name, value in figures.items():
        if isinstance(value, Mapping) and name in ("champion", "candidate", "training"):
            value = {key: one for key, one in value.items() if not isinstance(one, dict | list)}
        elif isinstance(value, Mapping | list | tuple):
            continue
        lines.append(f"{name} {shown(value)}")
    return "\n".join(lines)


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
