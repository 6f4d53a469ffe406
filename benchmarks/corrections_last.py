"""Do corrections outlast edits that leave their facts alone, and fall with those that do not?

    python benchmarks/corrections_last.py [--data DIR] [--starts N]

Takes the weekly states of endoflife-date: asks for values of its release cycles, corrects every answer with the true
one, syncs the states of later weeks, and curates. What a front matter says in that week is the truth. Prints one
Markdown table: of the rows whose fact still holds, the share that is left, beside the share that would be left were
they held against whole revisions; and how many of the rows whose fact changed are left, which must be none.
"""

import argparse
import io
import os
import random
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from ragloop.app import App
from ragloop.config import Settings
from ragloop.models import Embedder

DATA = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parent.parent.parent / "shared" / "data"))
BUNDLE = "endoflife-date/history-weekly-2025-01_2026-01.bundle"
LATER = (1, 4, 8)
WORDINGS = {
    "latest": "What is the latest release of {title} {cycle}?",
    "latestReleaseDate": "When was the latest release of {title} {cycle} published?",
    "eol": "When does support for {title} {cycle} end?",
    "eoas": "When does active support for {title} {cycle} end?",
    "releaseDate": "When was {title} {cycle} released?",
}
CORRECTIONS = ("{value}", "It is {value}.", "{value}, as of now")
SETTINGS = {
    "sync": {"guard_share": 1.0},
    "retrieval": {"min_similarity": -1.0, "top_k": 8},
}

Pages = Mapping[str, bytes]
Fact = tuple[str, str, str, str]
"""Page, product, cycle, field."""


@dataclass(frozen=True)
class Weeks:
    """Rows some weeks after they were given: those whose fact holds, of these what is left, and by whole revisions;
    those whose fact changed, and of these what is left."""

    start: int
    later: int
    hold: int
    left: int
    by_revision: int
    changed: int
    stale: int


def clone(data: Path, place: Path) -> list[str]:
    """The history as a repository in `place`; returns its commits, oldest first."""
    subprocess.run(["git", "clone", "-q", str(data / BUNDLE), "-b", "dev", str(place)], check=True)
    return _git(place, "log", "--reverse", "--format=%H").decode().split()


def _git(place: Path, *words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=place, check=True, capture_output=True).stdout


def pages(repository: Path, commit: str, every: int = 1) -> Pages:
    """Every so-many-th page of a week, chosen by its name alone."""
    with tarfile.open(fileobj=io.BytesIO(_git(repository, "archive", commit, "products"))) as tar:
        files = [one for one in tar.getmembers() if one.isfile() and sum(one.name.encode()) % every == 0]
        return {Path(one.name).name: tar.extractfile(one).read() for one in files}  # type: ignore[union-attr]


def facts(page: str, text: bytes) -> Iterator[tuple[Fact, str]]:
    """What the front matter of a page says of its release cycles, where it is a version or a date."""
    front = yaml.load(text.decode().split("\n---", 1)[0].removeprefix("---\n"), Loader=yaml.BaseLoader)
    for row in front.get("releases", []):
        for name in WORDINGS.keys() & row.keys():
            if isinstance(row[name], str) and any(one.isdigit() for one in row[name]):
                yield (page, front["title"], row["releaseCycle"], name), row[name]


def bring(folder: Path, wanted: Pages) -> None:
    """Make the folder hold these pages, touching only files that differ."""
    folder.mkdir(exist_ok=True)
    for file in folder.iterdir():
        if file.name not in wanted:
            file.unlink()
    for name, data in wanted.items():
        if not (folder / name).exists() or (folder / name).read_bytes() != data:
            (folder / name).write_bytes(data)


def ask_and_correct(app: App, week: Pages, count: int, dice: random.Random) -> dict[str, tuple[Fact, str]]:
    """The fact and its value behind each interaction."""
    known = sorted({fact: value for name, text in week.items() for fact, value in facts(name, text)}.items())
    chosen = dice.sample(known, min(count, len(known)))
    asked = [WORDINGS[name].format(title=title, cycle=cycle) for (_, title, cycle, name), _ in chosen]
    answers = app.answering.answerer.ask_all(asked)
    given = [
        (answer.interaction_id, "correction", dice.choice(CORRECTIONS).format(value=value))
        for answer, (_, value) in zip(answers, chosen, strict=True)
    ]
    app.journal.give_all_feedback(given)
    return {answer.interaction_id: one for answer, one in zip(answers, chosen, strict=True)}


def eligible(app: App) -> set[str]:
    """The interactions that may be trained on."""
    return {one for example in app.learning.retraining.curated().examples for one in example.interaction_ids}


def measure(
    repository: Path, commits: Sequence[str], start: int, home: Path, embedder: Embedder | None = None, *,
    every: int = 1, count: int = 400,
) -> tuple[float, list[Weeks]]:  # fmt: skip
    """The share of corrections that are eligible when they are given, and what becomes of them."""
    folder = home.with_name(home.name + "-pages")
    first = pages(repository, commits[start], every)
    bring(folder, first)

    def app() -> App:
        return App(Settings.model_validate({"home": home, **SETTINGS}), embedder=embedder)

    app().corpus.sync(folder)
    asked = ask_and_correct(app(), first, count, random.Random(start))
    rows = eligible(app())
    found = []
    for later in LATER:
        week = pages(repository, commits[start + later], every)
        bring(folder, week)
        app().corpus.sync(folder, confirm_deletes=True)
        said = {fact: value for name, text in week.items() for fact, value in facts(name, text)}
        hold = {one for one in rows if said.get(asked[one][0]) == asked[one][1]}
        same = {one for one in hold if week[asked[one][0][0]] == first[asked[one][0][0]]}
        left = eligible(app())
        found.append(Weeks(start, later, len(hold), len(hold & left), len(same), len(rows - hold), len(left - hold)))
    return len(rows) / len(asked), found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds endoflife-date")
    parser.add_argument("--starts", type=int, default=9, help="weeks to begin in, spread over the year")
    given = parser.parse_args()
    print("| first week | eligible | weeks later | fact holds | left | by whole revisions | fact changed | stale |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as scratch:
        commits = clone(given.data, Path(scratch) / "history")
        last = len(commits) - 1 - LATER[-1]
        for start in sorted({round(n * last / max(1, given.starts - 1)) for n in range(given.starts)}):
            share, found = measure(Path(scratch) / "history", commits, start, Path(scratch) / f"home-{start}")
            for one in found:
                kept, revised = one.left / one.hold, one.by_revision / one.hold
                cells = f"{start} | {share:.1%} | {one.later} | {one.hold} | {kept:.1%} | {revised:.1%}"
                print(f"| {cells} | {one.changed} | {one.stale} |", flush=True)


if __name__ == "__main__":
    main()
