"""The command that shows the whole loop on documents which every machine has."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.corpus import Json

if TYPE_CHECKING:
    from ragloop.cli.local_stack import FlowRun, LocalStack
    from ragloop.demo.flows import FlowEnd

_PATIENCE_S = 120.0
"""How long to wait for a run that an event starts to appear."""
_GIVES_WAY = 5
"""How often a run may give way to a scheduled one."""
_BETWEEN_TRIES_S = 3.0
_BETWEEN_LINES_S = 8.0
"""Seconds between two lines about a training."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(demo)


def demo(
    quick: Annotated[
        bool, typer.Option("--quick", help="A tiny random model, fewer documents, no Prefect: in a minute.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the whole loop on the packages that are installed here, from a changed file to a promoted adapter.

    Everything lies in --home, which must be empty, or else in a new temporary folder; it is kept for a look afterwards.
    """
    from ragloop.cli.output import fail, print_json, say
    from ragloop.demo.learning import planted_was_promoted
    from ragloop.demo.scale import FULL, QUICK
    from ragloop.demo.story import tell

    folder = _empty_folder()
    say(f"everything of this demonstration lies in {folder}")
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
    """The command that brings the server up again, on the database of this demonstration."""
    return f"ragloop up {_place(folder)}"


def _place(folder: Path) -> str:
    return f"--home {folder} --config {folder / 'ragloop.toml'}"


def _empty_folder() -> Path:
    """The given home, or a new temporary folder. Raises UsageError for a home that holds something."""
    from ragloop.cli.context import given_home
    from ragloop.errors import UsageError

    home = given_home()
    if home is None:
        return Path(tempfile.mkdtemp(prefix="ragloop-demo-"))
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise UsageError(f"found something in {home}; the demonstration needs an empty folder: name another --home")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home.resolve()


# --- tables ----------------------------------------------------------------------------------------------------------


def _show(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """A table on stderr, where all of the story is told; stdout is for the report."""
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
    """The figures that fit a line each: numbers, names and verdicts, one level deep."""
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


class PrefectFlows:
    """The deployments of prefect.yaml on a server of their own, which comes up in a thread beside the story."""

    def __init__(self, stack: "LocalStack", say: Callable[[str], None]) -> None:
        self._stack, self._say = stack, say
        self._started: float | None = None
        self._took = 0.0
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._bring_up, name="bring up Prefect", daemon=True)

    def start(self) -> None:
        """Begin to bring the server up, without waiting for it."""
        if self._started is None:
            self._started = time.perf_counter()
            self._thread.start()

    def _bring_up(self) -> None:
        started = time.perf_counter()
        try:
            self._stack.__enter__()
        except BaseException as error:  # noqa: BLE001 - raised again where the story waits for it
            self._failure = error
        self._took = time.perf_counter() - started

    def wait_until_up(self) -> float:
        """Wait until the server and its worker are up; returns the seconds that their start took."""
        self.start()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return round(self._took, 1)

    def stop(self) -> None:
        """End whatever has been started, also where it is still coming up."""
        if self._started is not None:
            # First the processes: their death is what ends a thread that waits for them.
            self._stack.processes.stop()
            self._thread.join()
            if self._failure is None:
                self._stack.__exit__(None, None, None)

    def run(self, deployment: str) -> "FlowEnd":
        """Run a deployment and wait for its end; one that gives way to a scheduled run is started again after it.

        Raises UnavailableError where it does not complete.
        """
        run = self._stack.run_deployment(deployment)
        for _ in range(_GIVES_WAY):
            if run.state_type != "CANCELLED":
                break
            self._say(f"   {run.name} gave way to a scheduled run of the same deployment; once more")
            time.sleep(_BETWEEN_TRIES_S)
            run = self._stack.run_deployment(deployment)
        return _end(run)

    def follow(self, deployment: str) -> "FlowEnd":
        """Wait for the run of a deployment that an event starts, and for its end.

        Raises UnavailableError where none comes, or where it does not complete.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while not (runs := self._stack.flow_runs(deployment)):
            if time.monotonic() > deadline:
                from ragloop.errors import UnavailableError

                raise UnavailableError(f"no run of {deployment} came within {_PATIENCE_S:g} s of its event; see the UI")
            time.sleep(0.5)
        return _end(self._watch(deployment, runs[0]))

    def _watch(self, deployment: str, run: "FlowRun") -> "FlowRun":
        """Say what the run's bar says, until it ends."""
        said = ""
        while not run.ended:
            if (now := self._bar(run) or run.state_name) != said:
                self._say(f"   {run.name}: {now}")
                said = now
            time.sleep(_BETWEEN_LINES_S if "step" in now else 0.5)
            run = next((one for one in self._stack.flow_runs(deployment) if one.run_id == run.run_id), run)
        return run

    def _bar(self, run: "FlowRun") -> str:
        wanted = {"artifacts": {"flow_run_id": {"any_": [run.run_id]}, "type": {"any_": ["progress"]}}}
        bars = self._stack.api.call("POST", "/artifacts/filter", wanted)
        return str(bars[0]["description"]) if bars else ""


def _end(run: "FlowRun") -> "FlowEnd":
    """How a run ended. Raises UnavailableError unless it did what it had to, in whole or (a sync) in part."""
    from ragloop.demo.flows import FlowEnd
    from ragloop.errors import UnavailableError

    if run.state_type != "COMPLETED" and not run.message.startswith("done in part"):
        raise UnavailableError(f"flow run {run.name} is {run.state_name}: {run.message or 'no message'}; see {run.url}")
    return FlowEnd(run.state_name, run.message, run.url)


@contextmanager
def _flows(folder: Path, *, wanted: bool) -> Iterator[PrefectFlows | None]:
    """The server's flows for as long as the story lasts. Its log goes to a file: the story has lines of its own."""
    if not wanted:
        yield None
        return
    from ragloop.cli.local_stack import LocalStack
    from ragloop.cli.output import say
    from ragloop.cli.processes import interruptible

    with (folder / "prefect.log").open("w", encoding="utf-8", buffering=1) as log, interruptible():
        stack = LocalStack(folder, config=folder / "ragloop.toml", say=lambda line: print(line, file=log))
        flows = PrefectFlows(stack, say)
        say(f"a Prefect server will be on {stack.ui_url} while this runs; {stack.login}")
        try:
            yield flows
        except KeyboardInterrupt:
            say("ending what was started")
            raise
        finally:
            flows.stop()
