"""Claim: an adapter of the recipe `grounded` reads passages of documents that it was never trained on.

    python benchmarks/recipes.py [--data DIR] [--home DIR] [--articles N] [--asked N] [--chunk-tokens N]
        [--json FILE]

xquad en dev, a document per paragraph. Questions of the first articles are logged with their answers, the passages that
were retrieved for them, and a vote; dataset and training are those of `ragloop retrain --recipe grounded`. Base model
and adapter then answer questions of the last articles from three retrieved passages, in the prompt of the lane. Exact
match is of what they wrote without its marks. cites: a mark names the paragraph that the question was written for.
abstains: every second question with that paragraph withheld, of which no sentence that stands in a passage is left.
retrieved: a passage of that paragraph holds a right answer. Intervals are Wilson's of 95 %.
A folder for the home keeps what was trained, so that a run that was killed goes on.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from ragloop.answering.lanes import prompt_of
from ragloop.answering.prompts import cite
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.language.citations import cited_numbers, without_marks
from ragloop.learning.evaluation.scoring import exact_match, token_f1
from ragloop.models import Generator
from ragloop.records import LaneName, Passage

SHOWN, FOUND = 3, 8
"""Passages that are shown, and found: one paragraph may be several of them, and is withheld from some."""
SETTINGS = """
[index]
chunk_tokens = {chunk_tokens}
[retrieval]
reranker = "none"
[dataset]
eval_share = 0.02
[training]
recipe = "grounded"
checkpoint_steps = 25
epochs = {epochs}
[model]
max_new_tokens = 24
"""


@dataclass(frozen=True)
class Asked:
    """A question, its right answers, and the document of the paragraph that it was written for."""

    question: str
    answers: tuple[str, ...]
    document: str


def write(data: Path, place: Path) -> list[list[Asked]]:
    """Write a document per paragraph; return the questions of each article."""
    found = []
    articles = json.loads((data / "xquad" / "dev" / "xquad.en.dev.json").read_text(encoding="utf-8"))["data"]
    for number, article in enumerate(articles):
        questions = []
        for part, paragraph in enumerate(article["paragraphs"]):
            name = f"{number:02}-{part}.md"
            (place / name).write_text(f"# {article['title'].replace('_', ' ')}\n\n{paragraph['context']}\n")
            questions += [
                Asked(one["question"], tuple(dict.fromkeys(a["text"] for a in one["answers"])), name)
                for one in paragraph["qas"]
            ]
        found.append(questions)
    return found


def log(app: App, asked: Sequence[Asked]) -> None:
    """Log each question with its answer and the passages that are found for it, voted up."""
    ids = [
        app.answering.log(one.question, one.answers[0], app.answering.search(one.question, SHOWN).passages, "people")
        for one in asked
    ]
    app.journal.give_all_feedback([(one, "correction", a.answers[0]) for one, a in zip(ids, asked, strict=True)])


@dataclass(frozen=True)
class Shown:
    """A question with the passages that were found for it; `right` are those of the paragraph that answers."""

    asked: Asked
    passages: tuple[Passage, ...]

    @classmethod
    def found(cls, app: App, asked: Asked) -> "Shown":
        return cls(asked, app.answering.search(asked.question, FOUND).passages)

    @property
    def top(self) -> tuple[Passage, ...]:
        return self.passages[:SHOWN]

    @property
    def right(self) -> set[int]:
        return {n for n, p in enumerate(self.top, 1) if p.uri.endswith(self.asked.document)}

    @property
    def gives(self) -> bool:
        """Whether a passage of that paragraph holds a right answer."""
        return any(answer in self.passages[n - 1].text for n in self.right for answer in self.asked.answers)

    def withheld(self) -> "Shown":
        left = tuple(p for p in self.passages if not p.uri.endswith(self.asked.document))
        return Shown(self.asked, left[:SHOWN])


def scores(generator: Generator, shown: Sequence[Shown]) -> dict[str, Any]:
    """What a generator makes of the questions, with and without the paragraph that answers."""
    texts, found = _written(generator, shown), [one.asked.answers for one in shown]
    bare = [without_marks(text) for text in texts]
    silent = [not cite(text, one.top).text for text, one in zip(texts, shown, strict=True)]
    withheld = [one.withheld() for one in shown[::2]]
    held = [not cite(text, one.top).text for text, one in zip(_written(generator, withheld), withheld, strict=True)]
    return {
        "exact_match": _share([max(exact_match(b, a) for a in of) for b, of in zip(bare, found, strict=True)]),
        "token_f1": _mean([max(token_f1(b, a) for a in of) for b, of in zip(bare, found, strict=True)]),
        "cites": _share([bool({*cited_numbers(t)} & one.right) for t, one in zip(texts, shown, strict=True)]),
        "abstains wrongly": _share(silent),
        "abstains": _share(held),
        "abstention f1": round(2 * sum(held) / max(1, sum(held) + sum(silent) + len(held)), 3),
        "retrieved": _share([one.gives for one in shown]),
    }


def _written(generator: Generator, shown: Sequence[Shown]) -> list[str]:
    ask = prompt_of(LaneName.ADAPTER_RAG, "grounded")
    drafts = generator.generate([ask(one.asked.question, one.top) for one in shown])
    return [draft.text.strip() for draft in drafts]


def _mean(values: Sequence[float]) -> dict[str, float]:
    return {"mean": round(sum(values) / len(values), 3), "n": len(values)}


def _share(values: Sequence[float]) -> dict[str, float]:
    low, high = binomtest(round(sum(values)), len(values)).proportion_ci(method="wilson")
    return _mean(values) | {"low": round(low, 3), "high": round(high, 3)}


def measure(data: Path, place: Path, articles: int, most: int, settings: str) -> dict[str, Any]:
    documents = place / "documents"
    documents.mkdir(exist_ok=True)
    questions = write(data, documents)
    (place / "ragloop.toml").write_text(settings)
    app = App(load_settings(place / "ragloop.toml", place / "home"))
    app.corpus.sync(documents)
    if not app.journal.counts()["interactions"]:
        log(app, [one for of in questions[:articles] for one in of])
    made = app.learning.retraining.build_dataset()
    adapter_id = app.learning.retraining.train(made.dataset_id, _say)
    training = app.registry.adapter(adapter_id).evidence.training
    unseen = [one for of in questions[articles:] for one in of]
    asked = unseen[:: max(1, len(unseen) // most)][:most]
    shown, found = [Shown.found(app, one) for one in asked], {}
    for name, adapter in (("base", None), ("adapter", adapter_id)):
        with app.learning.retraining.parts.generator(adapter) as generator:
            found[name] = scores(generator, shown)
        print(name, json.dumps(found[name]), flush=True)
    facts = {
        name: getattr(training, name) for name in ("rows", "seconds", "cpu_seconds", "tokens", "final_loss", "chosen")
    }
    return {"articles trained on": articles, "dataset": made.train, "funnel": made.funnel, "training": facts, **found}


def _say(progress: Any) -> None:
    if progress.step % 10 == 0:
        print(f"step {progress.step}/{progress.steps} loss {progress.loss:.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    default = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default, help="folder that holds xquad")
    parser.add_argument("--home", type=Path, help="folder that keeps the home; by default one that is removed")
    parser.add_argument("--articles", type=int, default=16, help="articles that are trained on")
    parser.add_argument("--asked", type=int, default=120, help="questions of other articles that are asked")
    parser.add_argument("--chunk-tokens", type=int, default=96, help="longest passage")
    parser.add_argument("--epochs", default='"auto"', help="passes over the rows; by default the training chooses")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = given.home or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        settings = SETTINGS.format(chunk_tokens=given.chunk_tokens, epochs=given.epochs)
        found = measure(given.data, place, given.articles, given.asked, settings)
    print(json.dumps(found, indent=2))
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
