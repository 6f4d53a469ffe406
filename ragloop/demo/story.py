"""The whole story, a line per step. Whatever the gate says is said: no step needs the verdict one would like."""

from pathlib import Path
from typing import Any

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.demo.documents import README_CHARACTERS
from ragloop.demo.facts import Package, facts_of, installed_packages, question
from ragloop.demo.flows import Flows
from ragloop.demo.meter import Meter
from ragloop.demo.scale import DOCUMENTS, Scale, write_config
from ragloop.demo.stage import Say, Show, Stage
from ragloop.demo.steps import canary, documents_and_traffic, house_format, learning
from ragloop.demo.traffic import plan_traffic
from ragloop.models import Embedder
from ragloop.telemetry import Lines
from ragloop.telemetry import show as show_lines


def tell(
    folder: Path, scale: Scale, *, say: Say, show: Show, flows: Flows | None = None, embedder: Embedder | None = None
) -> dict[str, Any]:
    """Run the demonstration in an empty folder; returns its report. Raises what its steps raise."""
    stage = set_stage(folder, scale, say=say, show=show, flows=flows, embedder=embedder)
    documents_and_traffic.write(stage)
    documents_and_traffic.first_sync(stage)
    documents_and_traffic.ask(stage)
    documents_and_traffic.replay(stage)
    documents_and_traffic.change(stage)
    learning.measure(stage)
    adapter = learning.retrain(stage)
    live = canary.live_questions(stage)
    canary.try_adapter(stage, adapter, live)
    planted = learning.plant_bad_adapter(stage, adapter)
    canary.try_planted(stage, planted, live)
    house_format.teach_format(stage)
    learning.ask_adapter(stage, adapter)
    learning.roll_back(stage)
    return report(stage)


def set_stage(
    folder: Path, scale: Scale, *, say: Say, show: Show, flows: Flows | None, embedder: Embedder | None
) -> Stage:
    """Make everything that the steps need: write the configuration, and the tiny model where the scale has no other."""
    meter = Meter()
    packages = chosen(installed_packages(), scale)
    base = scale.base or _tiny_model(folder / "tiny-model", packages)
    config = write_config(folder, scale, base)
    show_lines(Lines(lambda line: say(f"   {line}")))
    app = App(load_settings(config, folder), embedder=embedder)
    traffic = plan_traffic(packages, scale.facts, scale.corrected)
    return Stage(folder, scale, app, packages, traffic, say, show, flows, meter)


def report(stage: Stage) -> dict[str, Any]:
    """Print the steps with their figures, and the whole in seconds and in CPU."""
    steps = [vars(step) for step in stage.meter.steps]
    return {
        "steps": steps,
        "seconds": stage.meter.seconds,
        "cpu_seconds": round(sum(step["cpu_seconds"] for step in steps), 1),
        "documents": str(stage.folder / DOCUMENTS),
        "home": str(stage.folder),
    }


def chosen(packages: list[Package], scale: Scale) -> list[Package]:
    """Return the packages with the most facts, and of those the ones with the longest READMEs."""
    telling = sorted(
        packages, key=lambda one: (-len(facts_of(one)), -min(len(one.readme), README_CHARACTERS), one.name)
    )
    return sorted(telling[: scale.packages], key=lambda one: one.name.lower())


def _tiny_model(folder: Path, packages: list[Package]) -> str:
    from ragloop.demo.tiny import save_tiny_model

    facts = [fact for package in packages for fact in facts_of(package)]
    texts = [question(fact, wording) for fact in facts for wording in range(3)] + [fact.answer for fact in facts]
    return str(save_tiny_model(folder, texts))
