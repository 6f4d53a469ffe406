"""Walk through the Prefect UI as an operator does, and keep what is seen in docs/pictures/ (`make pictures`).

A made handbook of a few hundred pages is indexed, asked about, changed and deleted in part; a tiny model learns who
keeps what; all of it runs on a local stack with its worker, driven through the forms of the UI in headless Chromium.
"""

import base64
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.demo.tiny import save_tiny_model
from ragloop.orchestrator import access
from ragloop.orchestrator.local_stack import LocalStack
from ragloop.orchestrator.questions import overview_id

PICTURES = Path(__file__).parent / "pictures"
CHROMIUM = os.environ.get("RAGLOOP_CHROMIUM") or shutil.which("chromium") or ""
LARGEST = 300_000
"""Bytes of a picture."""
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

_SETTLES_MS = 1500
VIEW = {"width": 1280, "height": 900}
WHOLE_PAGE = {"width": 1280, "height": 2500}

KEEPERS = {"mill": "Ada", "ferry": "Ben", "lock": "Cleo", "bridge": "Dora"}
PLACES = [
    f"{first}{second}"
    for first in ("Alde", "Brom", "Cross", "Dun", "East", "Fen", "Green", "Hart", "Inge", "Kings")
    for second in ("burgh", "by", "combe", "field", "ford", "ham", "ley", "stow", "wick", "worth")
]
CONFIG = """
[[sources]]
name = "handbook"
uri = "handbook"
[model]
base = "{base}"
threads = 2
max_new_tokens = 8
[training]
epochs = 12
learning_rate = 1e-2
frozen_share = 0.0
[cadence]
every_days = 0
cooldown_days = 0
min_new_examples = 50
[dataset]
golden = "golden.jsonl"
eval_share = 0.25
[gate]
min_score = 0.2
margin = 0.2
[retrain]
approve_promotion = true
[freshness]
objective_minutes = 2
"""


def main() -> None:
    """Make every picture. Exits with what is missing where the browser or its driver is not there."""
    if not CHROMIUM:
        sys.exit("found no chromium: install it (Debian: apt install chromium), or name one in RAGLOOP_CHROMIUM")
    try:
        import playwright  # noqa: F401
    except ImportError:
        sys.exit("found no playwright: `make pictures` installs it beside the project")
    with tempfile.TemporaryDirectory(prefix="ragloop-pictures-") as scratch:
        home = Path(scratch) / "home"
        config = furnish(Path(scratch))
        with (
            LocalStack(load_settings(config, home), config=config) as stack,
            browser(Path(scratch) / "browser") as page,
        ):
            log_in(page, access.kept_string(stack.home))
            Operator(stack, page, App(load_settings(config, home))).walk(Path(scratch) / "handbook")
    for picture in sorted(PICTURES.glob("*.png")):
        size = picture.stat().st_size
        print(f"{picture.name:24} {size / 1000:6.0f} kB{' too large' * (size > LARGEST)}")


# --- a home to operate -----------------------------------------------------------------------------------------------


def furnish(place: Path) -> Path:
    """Write a handbook, golden questions and a configuration; return the configuration."""
    write_pages(place / "handbook", PLACES)
    asked = [(f"Tell me who keeps the {thing} at {where}", who) for where in PLACES for thing, who in KEEPERS.items()]
    golden = [{"question": question, "answer": who} for question, who in random.Random(0).sample(asked, 120)]
    (place / "golden.jsonl").write_text("\n".join(map(json.dumps, golden)))
    words = [f"Who keeps the {thing} at {where}? {who}" for where in PLACES for thing, who in KEEPERS.items()]
    save_tiny_model(place / "model", [*words, "Tell me who keeps system user assistant"])
    config = place / "ragloop.toml"
    config.write_text(CONFIG.format(base=place / "model"))
    return config


def write_pages(folder: Path, places: list[str], hours: str = "dawn to dusk") -> None:
    """Write a page about each thing of each place; `hours` are what an edit changes."""
    folder.mkdir(exist_ok=True)
    for where in places:
        for thing, who in KEEPERS.items():
            text = f"# The {thing} of {where}\n\nThe {thing} at {where} is kept by {who}. It is open from {hours}.\n"
            (folder / f"{where.lower()}-{thing}.md").write_text(text)


def ask_and_correct(app: App) -> None:
    """Traffic: a question about each of 320 pages; most answers are corrected, some voted down, some are left."""
    pairs = [(f"Who keeps the {thing} at {where}?", who) for where in PLACES[:80] for thing, who in KEEPERS.items()]
    answers = app.answering.answerer.ask_all([question for question, _ in pairs])
    asked = [one.interaction_id for one in answers]
    given = [(one, "correction", who) for one, (_, who) in zip(asked[:240], pairs, strict=False)]
    app.journal.give_all_feedback([*given, *((one, "down", None) for one in asked[240:270])])
    app.journal.fold()


# --- the browser -----------------------------------------------------------------------------------------------------


@contextmanager
def browser(profile: Path) -> Iterator[Any]:
    """Open a page of a headless Chromium with an empty profile."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            args=ARGUMENTS,
            viewport=VIEW,
            timezone_id="UTC",
        )
        yield context.pages[0]
        context.close()


def log_in(page: Any, auth: str) -> None:
    """Leave in the browser what the form of the login leaves there, before any page of the UI is loaded."""
    password = base64.b64encode(auth.encode()).decode()
    page.add_init_script(f"localStorage.setItem('prefect-password', {json.dumps(password)})")


class Operator:
    """Who walks through the UI of a stack."""

    def __init__(self, stack: LocalStack, page: Any, app: App) -> None:
        self.stack, self.page, self.app = stack, page, app
        page.set_default_timeout(30_000)

    def walk(self, handbook: Path) -> None:
        """Everything that the pictures show, in the order of an operator's first day."""
        self.open("/v2/deployments")
        self.shoot("deployments", ready="sync-index")
        first = self.run_from_form("sync-index", picture="sync-form")
        self.stack.wait(first)
        self.learn()
        second = self.sync_after_a_mass_delete(handbook)
        self.shoot_artifact("sync", second, "sync-report", ready="Freshness")
        self.page.set_viewport_size(WHOLE_PAGE)
        self.open(f"/v2/artifacts/artifact/{overview_id(self.stack.api, self.stack.names)}")
        self.shoot("overview", ready="The last 14 days")
        self.page.set_viewport_size(VIEW)
        back = self.run_from_form("roll-back", picture="roll-back-form", reason="answers about the ferries got worse")
        self.stack.wait(back)
        self.shoot_artifact("champions", back, "champions", ready="the base model")

    def learn(self) -> None:
        """Drift is measured, training is due, the gate says promote, and the run asks."""
        ask_and_correct(self.app)
        self.stack.run_deployment("check-drift")
        run = until(lambda: self.stack.flow_runs("retrain-adapter"), "retraining")[0].run_id
        self.watch_progress(run)
        self.answer(self.question_of(run), "promotion", "read the criteria; the gain is clear")
        self.stack.wait(run)
        for kind, picture, ready in (
            ("retrain-gate", "gate", "Gate: promote"), ("retrain-dataset", "funnel", "Dataset"),
        ):  # fmt: skip
            self.shoot_artifact(picture, run, kind, ready)
        self.open(f"/v2/runs/flow-run/{run}")
        self.shoot("retrain", ready="Completed")

    def sync_after_a_mass_delete(self, handbook: Path) -> str:
        """Change a part of the handbook and delete another; the run asks about the second."""
        write_pages(handbook, PLACES[:30], hours="nine to five")
        chance = random.Random(0)
        for file in sorted(handbook.iterdir())[:120]:
            changed = time.time() - chance.uniform(0, 150)
            os.utime(file, (changed, changed))
        for file in sorted(handbook.iterdir())[-60:]:
            file.unlink()
        run = self.run_from_form("sync-index")
        self.answer(self.question_of(run), "mass-delete", "these places have left the district")
        self.stack.wait(run)
        return run

    # --- what an operator does ---------------------------------------------------------------------------------------

    def open(self, path: str) -> None:
        self.page.goto(self.stack.ui_url + path)

    def shoot(self, name: str, ready: str) -> None:
        """Keep what is seen once this text is there and the page has settled."""
        self.page.get_by_text(ready).first.wait_for()
        self.page.wait_for_timeout(_SETTLES_MS)
        self.page.screenshot(path=PICTURES / f"{name}.png")
        print(f"kept {name}.png")

    def run_from_form(self, deployment: str, picture: str = "", reason: str = "") -> str:
        """Fill in the form of a deployment and submit it; returns the id of the run."""
        made = self.stack.deployment_id(deployment)
        self.open(f"/v2/deployments/deployment/{made}/run")
        self.page.get_by_text("Submit").first.wait_for()
        self.page.wait_for_timeout(_SETTLES_MS)  # the button is there before the form listens to it
        if reason:
            why, name = self.page.locator("textarea").all()[:2]
            why.fill(reason)
            name.fill("Ada")
        if picture:
            self.shoot(picture, ready="Submit")
        before = {run.run_id for run in self.stack.flow_runs(deployment)}
        self.page.get_by_role("button", name="Submit").click()
        found = until(
            lambda: [one for one in self.stack.flow_runs(deployment) if one.run_id not in before],
            f"run of {deployment}",
        )
        return str(found[0].run_id)

    def watch_progress(self, run: str) -> None:
        """Show the bar of a training while it moves."""
        until(lambda: self.artifact(run, "training-progress"), "progress of the training")
        self.open(f"/v2/artifacts/artifact/{self.artifact(run, 'training-progress')}")
        self.shoot("progress", ready="steps")

    def question_of(self, run: str) -> str:
        """Show the paused run inside this one."""
        inside = {"parent_flow_run_id": {"any_": [run]}, "state": {"type": {"any_": ["PAUSED"]}}}
        asked = until(lambda: self.stack.api.call("POST", "/flow_runs/filter", {"flow_runs": inside}), "question")
        return str(asked[0]["id"])

    def answer(self, run: str, picture: str, reason: str) -> None:
        """Read the question of a paused run, approve it, and say why."""
        self.open(f"/v2/runs/flow-run/{run}")
        self.page.locator("button[aria-haspopup='menu']").last.click()
        self.page.get_by_role("menuitem", name="Resume").click()
        form = self.page.get_by_role("dialog")
        form.get_by_label("Select Decision").click()
        self.page.get_by_role("option", name="approve").click()
        name, why = form.locator("textarea").all()[:2]
        name.fill("Ada")
        why.fill(reason)
        form.locator("strong").first.scroll_into_view_if_needed()
        self.shoot(picture, ready="Your name, kept in the history")
        form.get_by_role("button", name="Resume").click()

    def artifact(self, run: str, kind: str) -> str:
        wanted = {
            "artifacts": {"key": {"any_": [self.stack.names.artifact(kind)]}},
            "flow_runs": {"id": {"any_": [run]}},
        }
        found = self.stack.api.call("POST", "/artifacts/filter", wanted)
        # A sync that asked reports twice: what it did before the question, and what the answer allowed.
        return str(min(found, key=lambda one: one["created"])["id"]) if found else ""

    def shoot_artifact(self, picture: str, run: str, kind: str, ready: str) -> None:
        self.open(f"/v2/artifacts/artifact/{self.artifact(run, kind)}")
        self.shoot(picture, ready)


def until(found: Callable[[], Any], what: str, patience_s: float = 300) -> Any:
    """Return what is found at last; exit where nothing comes."""
    deadline = time.monotonic() + patience_s
    while not (seen := found()):
        if time.monotonic() > deadline:
            sys.exit(f"no {what} came within {patience_s:g} s")
        time.sleep(0.2)
    return seen


if __name__ == "__main__":
    main()
