"""Claim: an adapter of the recipe `grounded` reads passages of documents that it was never trained on.

    python benchmarks/recipes.py [--data DIR] [--home DIR] [--articles N] [--asked N] [--json FILE]

xquad en dev, a document per paragraph. Questions of the first articles are logged with their answers, the passages that
were retrieved for them, and a vote; dataset and training are those of `ragloop retrain --recipe grounded`. Base model
and adapter then answer questions of the last articles from three retrieved passages, in the prompt of the lane. Exact
match is of what they wrote without its marks. cites: a mark names the paragraph that the question was written for.
abstains: the same questions with that paragraph withheld, of which no sentence that stands in a passage is left.
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

from ragloop.answering.lanes import prompt_of
from ragloop.answering.prompts import cite
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.language.citations import cited_numbers, without_marks
from ragloop.learning.evaluation.scoring import exact_match, token_f1
from ragloop.models import Generator
from ragloop.records import LaneName, Passage, Prompt

SHOWN = 3
SETTINGS = """
[index]
chunk_tokens = 254
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


def passages_for(app: App, one: Asked, *, withheld: bool) -> tuple[Passage, ...]:
    found = app.answering.search(one.question, SHOWN + 2).passages
    return tuple(p for p in found if not (withheld and p.uri.endswith(one.document)))[:SHOWN]


def scores(generator: Generator, app: App, asked: Sequence[Asked]) -> dict[str, Any]:
    """What a generator makes of the questions, with and without the paragraph that answers."""
    ask = prompt_of(LaneName.ADAPTER_RAG, "grounded")
    shown = [passages_for(app, one, withheld=False) for one in asked]
    texts = _written(generator, [ask(one.question, held) for one, held in zip(asked, shown, strict=True)])
    bare = [without_marks(text) for text in texts]
    right = [
        [n for n, p in enumerate(held, 1) if p.uri.endswith(one.document)]
        for one, held in zip(asked, shown, strict=True)
    ]
    found: dict[str, Sequence[float]] = {
        "exact_match": [max(exact_match(b, a) for a in one.answers) for b, one in zip(bare, asked, strict=True)],
        "token_f1": [max(token_f1(b, a) for a in one.answers) for b, one in zip(bare, asked, strict=True)],
        "cites": [bool({*cited_numbers(text)} & {*numbers}) for text, numbers in zip(texts, right, strict=True)],
        "abstains wrongly": [not cite(text, held).text for text, held in zip(texts, shown, strict=True)],
        "retrieved": [bool(numbers) for numbers in right],
    }
    without = [passages_for(app, one, withheld=True) for one in asked[::2]]
    texts = _written(generator, [ask(one.question, held) for one, held in zip(asked[::2], without, strict=True)])
    found["abstains"] = [not cite(text, held).text for text, held in zip(texts, without, strict=True)]
    return {name: {"mean": round(sum(of) / len(of), 3), "n": len(of)} for name, of in found.items()}


def _written(generator: Generator, prompts: Sequence[Prompt]) -> list[str]:
    return [draft.text.strip() for draft in generator.generate(prompts)]


def measure(data: Path, place: Path, articles: int, most: int, epochs: str) -> dict[str, Any]:
    documents = place / "documents"
    documents.mkdir(exist_ok=True)
    questions = write(data, documents)
    (place / "ragloop.toml").write_text(SETTINGS.format(epochs=epochs))
    app = App(load_settings(place / "ragloop.toml", place / "home"))
    app.corpus.sync(documents)
    if not app.journal.counts()["interactions"]:
        log(app, [one for of in questions[:articles] for one in of])
    made = app.learning.retraining.build_dataset()
    adapter_id = app.learning.retraining.train(made.dataset_id, _say)
    training = app.registry.adapter(adapter_id).evidence.training
    unseen = [one for of in questions[articles:] for one in of]
    asked = unseen[:: max(1, len(unseen) // most)][:most]
    found = {}
    for name, adapter in (("base", None), ("adapter", adapter_id)):
        with app.learning.retraining.parts.generator(adapter) as generator:
            found[name] = scores(generator, app, asked)
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
    parser.add_argument("--epochs", default='"auto"', help="passes over the rows; by default the training chooses")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = given.home or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        found = measure(given.data, place, given.articles, given.asked, given.epochs)
    print(json.dumps(found, indent=2))
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
