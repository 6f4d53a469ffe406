"""Claim: answers that their passages bear out are right often enough to train on without a vote.

    python benchmarks/evidence.py [--data DIR] [--only xquad endoflife] [--asked N] [--json FILE]

xquad en dev, a document per paragraph, asked its own questions; the pages of endoflife.date of January 2025, asked for
the latest version of a release cycle. ragloop answers with the extractive generator, which is named a teacher, and
nobody votes. An answer is right where it holds a right answer of the data word for word, once both are normalised.

all: every answer that is not an abstention. borne out: those of which passages say every sentence. eligible: those of
them that passages also give to the question, which `ragloop dataset build --recipe grounded` takes. votes only: what is
eligible when people vote on a share of the answers and are wrong in a share of their votes, computed and not observed.
"""

import argparse
import gzip
import json
import os
import random
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.language.citations import without_marks
from ragloop.learning.evaluation.scoring import normalise
from ragloop.learning.recipes import GROUNDED
from ragloop.learning.rows.resolving import resolved

SETTINGS = """
[dataset]
teachers = ["extractive"]
max_cited_words = 400
"""
VOTED, WRONG = 0.05, 0.1
"""Share of answers that are voted on, and of votes that are wrong, as the column `votes only` assumes."""


@dataclass(frozen=True)
class Asked:
    """A question and its right answers."""

    question: str
    answers: tuple[str, ...]


def xquad(data: Path, place: Path) -> Iterator[Asked]:
    articles = json.loads((data / "xquad" / "dev" / "xquad.en.dev.json").read_text(encoding="utf-8"))["data"]
    for number, article in enumerate(articles):
        for part, paragraph in enumerate(article["paragraphs"]):
            text = f"# {article['title'].replace('_', ' ')}\n\n{paragraph['context']}\n"
            (place / f"{number:02}-{part}.md").write_text(text)
            for one in paragraph["qas"]:
                yield Asked(one["question"], tuple(a["text"] for a in one["answers"]))


def endoflife(data: Path, place: Path) -> Iterator[Asked]:
    folder = data / "endoflife-date"
    with tarfile.open(folder / "r1_2025-01-06.tar.xz") as archive:
        archive.extractall(place, filter="data")
    with gzip.open(folder / "facts_r1-r3.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            fact = json.loads(line)
            if fact["rev"].startswith("r1") and fact.get("latest") and fact["pos"] < 3:
                yield Asked(f"What is the latest version of {fact['title']} {fact['cycle']}?", (str(fact["latest"]),))


CORPORA = {"xquad": xquad, "endoflife": endoflife}


def is_right(answer: str, asked: Asked) -> bool:
    said = f" {normalise(without_marks(answer))} "
    return any(f" {normalise(one)} " in said for one in asked.answers)


def measure(name: str, data: Path, place: Path, most: int) -> dict[str, Any]:
    documents = place / name
    documents.mkdir()
    every = list(CORPORA[name](data, documents))
    asked = random.Random(0).sample(every, min(most, len(every)))
    (place / "ragloop.toml").write_text(SETTINGS)
    app = App(load_settings(place / "ragloop.toml", place / f"{name}-home"))
    app.corpus.sync(documents)
    given = app.answering.answerer.ask_all([one.question for one in asked])
    truth = {answer.interaction_id: one for answer, one in zip(given, asked, strict=True)}
    told = [(one.answer, truth[one.interaction_id]) for one in given if not one.abstained]
    parts = app.learning.retraining.parts
    curated = app.learning.retraining.curated("grounded")
    borne = resolved(parts.index, curated, GROUNDED.needs, truth).curated
    found = resolved(parts.index, curated, GROUNDED.needs, ()).curated
    everything = _precision(told)
    return {
        "asked": len(asked),
        "all": everything,
        "borne out": _precision([(one.answer, truth[one.interaction_ids[-1]]) for one in borne.examples]),
        "eligible": _precision([(one.answer, truth[one.interaction_ids[-1]]) for one in found.examples]),
        "votes only": _voted(everything),
        "funnel": {reason: count for reason, count in found.funnel.items() if count},
    }


def _precision(told: Sequence[tuple[str, Asked]]) -> dict[str, Any]:
    right = sum(is_right(answer, asked) for answer, asked in told)
    low, high = binomtest(right, max(1, len(told))).proportion_ci(method="wilson")
    return {"n": len(told), "right": round(right / max(1, len(told)), 3), "from": round(low, 3), "to": round(high, 3)}


def _voted(everything: dict[str, Any]) -> dict[str, Any]:
    right = everything["right"]
    up = right * (1 - WRONG) + (1 - right) * WRONG
    return {"n": round(everything["n"] * VOTED * up, 1), "right": round(right * (1 - WRONG) / up, 3) if up else None}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    default = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default, help="folder that holds xquad and endoflife-date")
    parser.add_argument("--only", nargs="+", choices=CORPORA, default=list(CORPORA))
    parser.add_argument("--asked", type=int, default=300)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = {}
    for name in given.only:
        with tempfile.TemporaryDirectory() as place:
            found[name] = measure(name, given.data, Path(place), given.asked)
        print(name, json.dumps(found[name], indent=2), flush=True)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
