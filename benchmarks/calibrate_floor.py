"""Where should ragloop abstain? The claim: the default of retrieval.min_similarity keeps answerable questions.

    python benchmarks/calibrate_floor.py [--data DIR] [--files "xquad/dev/xquad.en*.json"]

Takes files in SQuAD form. Every other article is indexed, then the rest: each question is asked once of the index that
holds its paragraph and once of the one that holds none of its article. Prints per file one Markdown table: at each
floor on the best cosine, the share of answerable questions that abstain, of unanswerable ones that are answered, and
balanced accuracy; then the quantiles of the cosine.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragloop.answering.floors import DEFAULT
from ragloop.app import App
from ragloop.config import load_settings

DATA = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parent.parent.parent / "shared" / "data"))
FLOORS = (0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60)
QUANTILES = (0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99)

Cosines = NDArray[np.float64]


def best_cosines(articles: list[dict[str, Any]]) -> tuple[Cosines, Cosines]:
    """The best cosine of every question where its paragraph is indexed, and where its article is not."""
    inside: list[float] = []
    outside: list[float] = []
    for half in (0, 1):
        with tempfile.TemporaryDirectory() as folder:
            app = indexed(articles[half::2], Path(folder))
            inside += [similarity(app, one) for one in questions(articles[half::2])]
            outside += [similarity(app, one) for one in questions(articles[1 - half :: 2])]
    return np.array(inside), np.array(outside)


def indexed(articles: list[dict[str, Any]], folder: Path) -> App:
    """The paragraphs as text files, synced."""
    (folder / "documents").mkdir()
    paragraphs = [paragraph["context"] for article in articles for paragraph in article["paragraphs"]]
    for number, text in enumerate(paragraphs):
        (folder / "documents" / f"p{number:04}.txt").write_text(text, encoding="utf-8")
    app = App(load_settings(home=folder / "home"))
    app.corpus.sync(folder / "documents")
    return app


def questions(articles: list[dict[str, Any]]) -> list[str]:
    return [one["question"] for article in articles for part in article["paragraphs"] for one in part["qas"]]


def similarity(app: App, question: str) -> float:
    found = app.answering.search(question).top_similarity
    return -1.0 if found is None else found


def report(name: str, inside: Cosines, outside: Cosines) -> None:
    """One file's table."""
    every = np.unique(np.concatenate([inside, outside]).round(3))
    accuracy = [balanced(inside, outside, floor) for floor in every]
    best = float(every[int(np.argmax(accuracy))])
    default = DEFAULT
    print(f"\n{name}: {len(inside)} answerable, {len(outside)} unanswerable; the default is {default}\n")
    print("| floor | abstains though answerable | answers though unanswerable | balanced accuracy |")
    print("|---:|---:|---:|---:|")
    for floor in sorted({*FLOORS, default, best}):
        mark = " (best)" if floor == best else ""
        wrong, false = (inside < floor).mean(), (outside >= floor).mean()
        print(f"| {floor:.3f}{mark} | {wrong:.3f} | {false:.3f} | {balanced(inside, outside, floor):.3f} |")
    for which, cosines in (("answerable", inside), ("unanswerable", outside)):
        values = ", ".join(f"{q:.0%} {v:.2f}" for q, v in zip(QUANTILES, np.quantile(cosines, QUANTILES), strict=True))
        print(f"\nbest cosine, {which}: {values}")


def balanced(inside: Cosines, outside: Cosines, floor: float) -> float:
    return float(((inside >= floor).mean() + (outside < floor).mean()) / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds the files")
    parser.add_argument("--files", default="xquad/dev/xquad.en*.json", help="glob below the folder")
    given = parser.parse_args()
    files = sorted(given.data.glob(given.files))
    if not files:
        print(f"found no {given.files} in {given.data}: pass --data DIR and --files GLOB, or set RAGLOOP_REALDATA")
        sys.exit(0)
    for file in files:
        report(file.stem, *best_cosines(json.loads(file.read_text(encoding="utf-8"))["data"]))


if __name__ == "__main__":
    main()
