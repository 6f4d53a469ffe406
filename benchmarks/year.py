"""A year of questions over documents that change every week: ragloop beside RAG only, a cache and fine-tuning.

    make bench-year    or    python benchmarks/year.py [--quick] [--weeks N] [--asked N] [--products N] [--train WHAT]
                             [--place DIR] [--json FILE] [--plot FILE] [--seed N]

Documents: the weekly states of endoflife.date from January 2025 to January 2026 (in RAGLOOP_REALDATA), of which a seed
chooses the products and their popularity. A page is written as the site shows it, its release cycles as a table. The
questions of a week are drawn by a Zipf law over the facts of its pages, in three wordings each; an answer is right
where it states the value of that week for the release cycle that is asked about, stale where it states an earlier one
instead. One answer in ten is voted on, one vote in ten is wrong, half of the votes down come with the right answer. In
one week a document of an attacker is there, in one nine votes in ten are wrong, and from one on a page is erased:
questions about it are still asked, and only an abstention is right.

RAG only: ragloop with reuse off, in base+rag. Where ragloop wrote an answer in base+rag that week, it is that one,
since the generator is deterministic; all others are answered anew, each wording once a week.
Cache without validation: gives the answer of the nearest earlier question again from a cosine of .95 on, else RAG only.
Fine-tuning on a cadence (--train): an adapter of the most popular facts, trained anew every so many weeks and asked
without passages.
ragloop: the product, by a clock that the weeks set. Each question is asked, logged and voted on, twenty at once. Each
week ends with a drift check, a retraining where it is due by drift or by the same cadence (--train), moves of topics,
maintenance. Settings that are not the defaults: answers.cache is on, there is no reranker, no guard of deletes, and
drift looks at 250 questions.

The extractive generator writes, so tokens are counted as if a model did; see simulated_year/judging.py for the rule.
Latencies are those of this machine, of batches, and with each text embedded once. A run that was stopped goes on at its
week if it has a --place.
Everything but latencies follows from the seed.
"""

import argparse
import json
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from corrections_last import clone, pages
from simulated_year.counting import Tokens
from simulated_year.facts import KINDS, chosen, page_of, shown, truth_of
from simulated_year.home import Cadence, Clock, Home, Model
from simulated_year.kept import Kept
from simulated_year.policies import CosineCache, FineTuning
from simulated_year.report import as_markdown, as_svg, summary
from simulated_year.scenario import State, Year
from simulated_year.weeks import fine_tuned, run_week

from ragloop.models.cache import default_cache
from ragloop.models.generation.smollm2 import NAME, resolve_base

DATA = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
WHOLE = {"weeks": 53, "asked": 300, "products": 30, "train": "packaged"}
QUICK = {"weeks": 10, "asked": 200, "products": 30, "train": "none"}
FINE_TUNING = "fine-tuning on a cadence"
FIRST_MONDAY = datetime(2025, 1, 6, 6, tzinfo=UTC)
GOLDEN, GOLDEN_WORDING = 120, "On what date did the first build of {name} appear?"
"""Golden questions of the gate: release dates, which do not change, in a wording that nobody asks."""


def states(data: Path, place: Path, weeks: int, products: int, seed: int) -> tuple[list[State], list[str]]:
    """Read the history; return the first weeks, and the products by popularity."""
    repository = place / "history"
    commits = clone(data, repository) if not repository.exists() else _commits(repository)
    history = [{name: text.decode() for name, text in pages(repository, commit).items()} for commit in commits[:weeks]]
    shuffled = sorted(history[0])
    Random(seed).shuffle(shuffled)
    order = chosen(history[0], products, shuffled)
    found = []
    for week, texts in enumerate(history):
        known = {name: page_of(texts[name]) for name in order if name in texts}
        truth = {fact: value for name, page in known.items() for fact, value in truth_of(name, page).items()}
        monday = FIRST_MONDAY + timedelta(weeks=week)
        found.append(State(monday, {name: shown(page) for name, page in known.items()}, truth))
    return found, order


def _commits(repository: Path) -> list[str]:
    import subprocess

    log = ["git", "log", "--reverse", "--format=%H"]
    return subprocess.run(log, cwd=repository, check=True, capture_output=True, text=True).stdout.split()


def write_golden(state: State, place: Path) -> None:
    """Write the golden questions of the first week."""
    facts = [fact for fact in state.truth if fact.kind == KINDS[2]][:GOLDEN]
    rows = [{"question": GOLDEN_WORDING.format(name=one.name), "answer": state.truth[one]} for one in facts]
    (place / "golden.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def model_of(train: str, place: Path, state: State, threads: int) -> Model:
    """Return the base model that trains; the tiny one is made of the words of the first week."""
    if train == "tiny":
        from ragloop.demo.tiny import save_tiny_model

        folder = place / "tiny"
        if not folder.exists():
            save_tiny_model(folder, [*state.pages.values(), "system user assistant"])
        return Model(str(folder.resolve()), str(folder.resolve()), "20", threads)
    base = str(resolve_base(NAME, default_cache())) if train == "packaged" else NAME
    return Model(NAME, base, '"auto"', threads)


def measure(given: argparse.Namespace, place: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Live through the weeks that are not done yet; return the figures of all, and their sums."""
    found, order = states(given.data, place, given.weeks, given.products, given.seed)
    write_golden(found[0], place)
    model = model_of(given.train, place, found[0], given.threads)
    trains = given.train != "none"
    year = Year(found, order, given.asked, given.seed, trains, given.every)
    kept, clock = Kept(place), Clock(FIRST_MONDAY)
    done = kept.weeks()
    kept.restore(len(done))
    tokens = Tokens()
    home = Home(place, clock, tokens, model, Cadence(given.every * 7, max(10, given.asked // 50)))
    cache = CosineCache(home.app.embedder)
    if done:
        cache.restore(json.loads(kept.cache_file(len(done) - 1).read_text()))
    for week in range(len(done), len(found)):
        began, spent = time.perf_counter(), time.process_time()
        kept.begin(week)
        figures = run_week(year, week, home, clock, cache)
        figures["seconds"], figures["cpu_seconds"] = time.perf_counter() - began, time.process_time() - spent
        kept.end(figures, cache)
        done.append(figures)
        _say(figures)
    if trains:
        _fine_tune(year, FineTuning(place, model, given.facts), tokens, kept, done)
    return done, summary(done)


def _fine_tune(year: Year, policy: FineTuning, tokens: Tokens, kept: Kept, weeks: list[dict[str, Any]]) -> None:
    """Add the policy that only trains to the weeks that lack it."""
    for one in weeks:
        if FINE_TUNING not in one["policies"]:
            one["policies"][FINE_TUNING], one["cadence"] = fine_tuned(year, one["week"], policy, tokens)
            kept.write(one)


def _say(figures: dict[str, Any]) -> None:
    shares = {
        name: ", ".join(f"{of[one]} {one}" for one in ("right", "stale", "wrong", "abstained") if of[one])
        for name, of in figures["policies"].items()
    }
    spent = f"{figures['seconds']:.0f} s, {figures['cpu_seconds']:.0f} CPU s"
    print(f"week {figures['week'] + 1} ({figures['monday']}), {spent}: {shares}", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="ten weeks, 200 questions each, 30 products, no training")
    parser.add_argument("--weeks", type=int)
    parser.add_argument("--asked", type=int, help="questions a week")
    parser.add_argument("--products", type=int)
    parser.add_argument("--train", choices=("none", "tiny", "packaged"), help="the base model of all trainings")
    parser.add_argument("--facts", type=int, default=100, help="facts that the cadence trains on")
    parser.add_argument("--every", type=int, default=13, help="weeks between trainings")
    parser.add_argument("--threads", type=int, default=2, help="threads of trainings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds endoflife-date")
    parser.add_argument("--place", type=Path, help="folder that keeps the run; by default one that is removed")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    for name, value in (QUICK if given.quick else WHOLE).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    return given


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        place = (given.place or Path(scratch)).resolve()
        place.mkdir(parents=True, exist_ok=True)
        weeks, found = measure(given, place)
    print(as_markdown(found))
    if given.json:
        given.json.write_text(json.dumps({"summary": found, "weeks": weeks}, indent=1))
    if given.plot:
        given.plot.write_text(as_svg(weeks), encoding="utf-8")


if __name__ == "__main__":
    main()
