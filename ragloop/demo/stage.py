"""What every step of the demonstration needs: the application, its folder, the traffic, and where people watch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragloop.config.overrides import overridden
from ragloop.demo.meter import Meter
from ragloop.demo.scale import DOCUMENTS

if TYPE_CHECKING:
    from ragloop.app import App
    from ragloop.demo.facts import Package
    from ragloop.demo.flows import FlowEnd, Flows
    from ragloop.demo.scale import Scale
    from ragloop.demo.traffic import Traffic

PLAN = (
    "index the READMEs of the Python packages installed here, and answer three questions with citations",
    "replay questions with known answers, so that the log fills with answers and votes; halfway people begin to ask "
    "for other things",
    "edit three documents, rename one, delete one, and sync again",
    "measure drift, which rings for a retraining",
    "train an adapter, compare it with what serves, and let it answer a quarter of the questions, then half, then all, "
    "while simulated readers vote",
    "train another on shuffled answers, which must be rejected; give it half of the questions all the same, until the "
    "canary rolls it back",
    "train a third adapter to answer in the format of a house; its training is killed and goes on",
    "answer a trained question through the first adapter, and roll back",
)
"""The steps as the README numbers them; a number may cover several."""

Say = Callable[[str], None]
Show = Callable[[str, Sequence[Mapping[str, Any]], Sequence[str]], None]
"""Takes a title, rows and the columns to show of them."""


@dataclass
class Stage:
    """One demonstration. `flows` of None calls the core instead of deployments."""

    folder: Path
    scale: "Scale"
    app: "App"
    packages: "list[Package]"
    traffic: "Traffic"
    say: Say
    show: Show
    flows: "Flows | None" = None
    meter: Meter = field(default_factory=Meter)

    @cached_property
    def readers(self) -> "App":
        """The application that readers ask by the hundred: the reranker takes a third of a second for each question."""
        from ragloop.app import App

        return App(overridden(self.app.settings, "rerank=off"), embedder=self.app.embedder)

    @property
    def documents(self) -> Path:
        """The folder of the documents."""
        return self.folder / DOCUMENTS

    @contextmanager
    def step(self, number: int, name: str) -> Iterator[dict[str, Any]]:
        """Announce a step of the plan and measure it; what the block puts into the yielded mapping are its figures."""
        self.say(f"\n── Step {number} of {len(PLAN)}. {name}  ({self.meter.seconds:.0f} s)")
        with self.meter.step(name) as figures:
            yield figures

    def tell(self, end: "FlowEnd") -> None:
        """Say how a run on the server ended."""
        self.say(f"   flow run {end.state}: {end.message}")
        self.say(f"   {end.url}")
