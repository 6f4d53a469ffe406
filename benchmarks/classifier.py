"""Which topic or knowledge base is a question about? A head that is trained on the embedder, beside what needs none.

    python benchmarks/classifier.py [--sdists DIR]

The claim that was tried: multinomial logistic regression on the vectors of logged questions, calibrated by a
temperature, tells topic and knowledge base in less than 10 ms, better than what ragloop has anyway: the nearest mean of
a topic's questions (`migration.topics`), the nearest question, or the document of the nearest text. Texts are
paragraphs of xquad, elsewhere the first 600 characters of each page, which is less than an index has.

Topics: articles of xquad, of which six, drawn anew with each seed, are known to nobody: their questions belong nowhere.
Knowledge bases: the questions of real_questions.jsonl and other_questions.jsonl over six documentations, those that no
page answers belong nowhere; and Django's own FAQ, headings of KEDA's pages (it has no questions) and made-up questions
about products of endoflife.date, where all other questions belong nowhere. Half of the questions are trained on, drawn
at random as a log would repeat itself, or by paragraph or page, as new questions come. Weight decay is 1e-3 throughout,
the temperature is fitted on four folds of the training half. Means of five seeds.
"""

import argparse
import gzip
import json
import os
import re
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from real_questions import OTHER_SDISTS, OTHERS, QUESTIONS, SDISTS, documentation, questions

from ragloop.app import App
from ragloop.config import Settings

DATA = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
SEEDS, UNKNOWN, DECAY, STEPS, INNER = 5, 6, 1e-3, 300, 4
ASKED_OF_A_PRODUCT = (
    "When does {title} {cycle} reach its end of life?",
    "What is the latest release of {title} {cycle}?",
    "When was {title} {cycle} released?",
    "Is {title} {cycle} still supported?",
)
PRODUCTS, BEGINNING = 120, 600
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """A question, its class (empty: nowhere) and the paragraph or page that it is about."""

    question: str
    kind: str
    place: str


@dataclass(frozen=True)
class Texts:
    """Questions, and texts with their classes."""

    rows: Sequence[Row]
    texts: Sequence[tuple[str, str]]


def xquad() -> Texts:
    found = json.loads((DATA / "xquad" / "dev" / "xquad.en.dev.json").read_text(encoding="utf-8"))["data"]
    paragraphs = [(f"{n:02}", f"{n}:{at}", one) for n, a in enumerate(found) for at, one in enumerate(a["paragraphs"])]
    rows = [Row(qa["question"], kind, place) for kind, place, one in paragraphs for qa in one["qas"]]
    return Texts(rows, [(one["context"], kind) for kind, _, one in paragraphs])


def documentations(sdists: Path, folder: Path) -> Texts:
    documentation({**SDISTS, **OTHER_SDISTS}, sdists, folder)
    asked = [*questions(QUESTIONS), *questions(OTHERS)]
    places = [one.documents[0] if one.documents else "" for one in asked]
    rows = [Row(one.question, place.partition("/")[0], place) for one, place in zip(asked, places, strict=True)]
    return Texts(rows, _pages(folder))


def knowledge_bases(folder: Path) -> Texts:
    for name, archive in (("django", "django-docs/v5.1"), ("keda", "keda-docs/v2.19"), ("endoflife", _endoflife())):
        with tarfile.open(DATA / f"{archive}.tar.xz") as packed:
            packed.extractall(folder / name, filter="data")
    faq = map(json.loads, (DATA / "django-docs" / "faq_pairs.jsonl").read_text(encoding="utf-8").splitlines())
    rows = list({one["question"]: Row(one["question"], "django", one["file"]) for one in faq}.values())
    for page in sorted((folder / "keda").rglob("*.md")):
        headings = re.findall(r"^##+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)[:3]
        plain = [re.sub(r"[`*\[\]]|\(.*?\)", "", one) for one in headings]
        rows += [Row(one, "keda", page.name) for one in plain if len(one.split()) >= 3]
    return Texts([*rows, *_products()], _pages(folder))


def _endoflife() -> str:
    return "endoflife-date/" + next((DATA / "endoflife-date").glob("r2_*")).name.removesuffix(".tar.xz")


def _products() -> list[Row]:
    with gzip.open(DATA / "endoflife-date" / "facts_r1-r3.jsonl.gz", "rt", encoding="utf-8") as file:
        facts = {one["file"]: one for one in map(json.loads, file) if one["rev"].startswith("r2")}
    drawn = np.random.default_rng(0).permutation(sorted(facts))[:PRODUCTS]
    return [
        Row(ASKED_OF_A_PRODUCT[n % len(ASKED_OF_A_PRODUCT)].format(**facts[one]), "endoflife", one)
        for n, one in enumerate(drawn)
    ]


def _pages(folder: Path) -> list[tuple[str, str]]:
    files = sorted(one for one in folder.rglob("*") if one.suffix in {".md", ".rst", ".txt"} and one.is_file())
    read = ((one.read_text(encoding="utf-8", errors="replace"), one.relative_to(folder).parts[0]) for one in files)
    return [(text[:BEGINNING], kind) for text, kind in read if text.strip()]


def softmax(logits: Array) -> Array:
    raised = np.exp(logits - logits.max(1, keepdims=True))
    shares: Array = raised / raised.sum(1, keepdims=True)
    return shares


def head(vectors: Array, kinds: NDArray[np.int64], count: int) -> Array:
    """Fit multinomial logistic regression by accelerated gradient descent; the last column is the bias."""
    inputs, wanted = np.c_[vectors, np.ones(len(vectors))], np.eye(count)[kinds]
    weights = before = np.zeros((count, inputs.shape[1]))
    for step in range(STEPS):
        ahead = weights + step / (step + 3) * (weights - before)
        slope = (softmax(inputs @ ahead.T) - wanted).T @ inputs / len(inputs)
        slope[:, :-1] += DECAY * ahead[:, :-1]
        before, weights = weights, ahead - slope
    return weights


def logits(weights: Array, vectors: Array) -> Array:
    found: Array = vectors @ weights[:, :-1].T + weights[:, -1]
    return found


def temperature(found: Array, kinds: NDArray[np.int64]) -> float:
    tried = np.exp(np.linspace(-3, 3, 121))
    lost = [-np.log(softmax(found / one)[np.arange(len(kinds)), kinds] + 1e-12).mean() for one in tried]
    return float(tried[int(np.argmin(lost))])


def folds(places: Sequence[str], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    of_place = {one: n % count for n, one in enumerate(rng.permutation(sorted(set(places))))}
    return np.array([of_place[one] for one in places])


def apart(known: Array, others: Array) -> float:
    """The area under the curve of confidence, of questions that belong somewhere and of those that belong nowhere."""
    return float((known[:, None] > others).mean() + 0.5 * (known[:, None] == others).mean())


def error(confidence: Array, right: NDArray[np.bool_]) -> tuple[float, list[str]]:
    """Expected calibration error in ten bins, and each bin as confidence, share that is right and number."""
    bins = np.minimum((confidence * 10).astype(int), 9)
    held = [(bins == one) for one in range(10) if (bins == one).any()]
    gaps = [one.mean() * abs(confidence[one].mean() - right[one].mean()) for one in held]
    return float(sum(gaps)), [f"{confidence[one].mean():.2f}: {right[one].mean():.2f} ({one.sum()})" for one in held]


def tried(
    rows: Sequence[Row], vectors: Array, nowhere: Array, texts: tuple[Array, Sequence[str]], seed: int, *, grouped: bool
) -> tuple[dict[str, tuple[float, float]], tuple[float, list[str]]]:
    """Accuracy and area of each way, and how the head is calibrated."""
    rng = np.random.default_rng(seed)
    names = sorted({one.kind for one in rows})
    kinds = np.array([names.index(one.kind) for one in rows])
    places = [one.place if grouped else str(at) for at, one in enumerate(rows)]
    train = folds(places, 2, rng) == 0
    given, wanted, asked, right = vectors[train], kinds[train], vectors[~train], kinds[~train]
    inner = folds([one for one, kept in zip(places, train, strict=True) if kept], INNER, rng)
    out_of_fold = np.zeros((len(given), len(names)))
    for fold in range(INNER):
        weights = head(given[inner != fold], wanted[inner != fold], len(names))
        out_of_fold[inner == fold] = logits(weights, given[inner == fold])
    scale, weights = temperature(out_of_fold, wanted), head(given, wanted, len(names))
    means = np.stack(
        [given[wanted == one].mean(0) if (wanted == one).any() else 0 * given[0] for one in range(len(names))]
    )
    of_text = [at for at, one in enumerate(texts[1]) if one in names]
    text_kinds = np.array([names.index(texts[1][at]) for at in of_text])
    ways: Mapping[str, Callable[[Array], Array]] = {
        "head": lambda one: softmax(logits(weights, one) / scale),
        "nearest mean": lambda one: one @ means.T,
        "nearest question": lambda one: _best(one @ given.T, wanted, len(names)),
        "nearest text": lambda one: _best(one @ texts[0][of_text].T, text_kinds, len(names)),
    }
    found = {name: (way(asked), way(nowhere)) for name, way in ways.items()}
    scores = {
        name: (float((own.argmax(1) == right).mean()), apart(own.max(1), others.max(1)))
        for name, (own, others) in found.items()
    }
    shares = found["head"][0]
    return scores, error(shares.max(1), shares.argmax(1) == right)


def _best(alike: Array, kinds: NDArray[np.int64], count: int) -> Array:
    """The largest cosine to each class."""
    return np.stack([alike[:, kinds == one].max(1, initial=-1.0) for one in range(count)], axis=1)


def report(name: str, held: Texts, vectors: Array, texts: Array, elsewhere: Array | None) -> None:
    for grouped in (False, True):
        every: list[Mapping[str, tuple[float, float]]] = []
        errors = []
        for seed in range(SEEDS):
            unknown = {""}
            if name == "topics":
                articles = sorted({one.kind for one in held.rows})
                unknown = set(np.random.default_rng(seed).permutation(articles)[:UNKNOWN].tolist())
            known = np.array([one.kind not in unknown for one in held.rows])
            rows = [one for one in held.rows if one.kind not in unknown]
            nowhere = vectors[~known] if elsewhere is None else elsewhere
            kinds = [kind for _, kind in held.texts]
            scores, calibrated = tried(rows, vectors[known], nowhere, (texts, kinds), seed, grouped=grouped)
            every.append(scores)
            errors.append(calibrated)
        print(f"{name}, {'new places' if grouped else 'at random'}: {len(rows)} questions, {len(nowhere)} nowhere")
        for way in every[0]:
            right, area = np.mean([one[way] for one in every], axis=0)
            spread = np.std([one[way][0] for one in every], ddof=1)
            print(f"  {way:16}  accuracy {right:.3f} (SD of seeds {spread:.3f})  apart from nowhere {area:.3f}")
        print(f"  calibration error of the head {np.mean([one for one, _ in errors]):.3f}; first seed {errors[0][1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Topics and knowledge bases of questions.")
    parser.add_argument("--sdists", type=Path, help="where sdists are kept and found again")
    options = parser.parse_args()
    embedder = App(Settings()).embedder

    def embedded(texts: Sequence[str]) -> Array:
        found: Array = embedder.embed(list(texts)).astype(np.float64)
        return found

    with tempfile.TemporaryDirectory() as scratch:
        sdists = options.sdists or Path(scratch, "sdists")
        for one in (sdists, Path(scratch, "six"), Path(scratch, "three")):
            one.mkdir(parents=True, exist_ok=True)
        sets = {
            "topics": xquad(),
            "six documentations": documentations(sdists, Path(scratch, "six")),
            "three knowledge bases": knowledge_bases(Path(scratch, "three")),
        }
    asked = {name: embedded([one.question for one in held.rows]) for name, held in sets.items()}
    for name, held in sets.items():
        elsewhere = None
        if name == "three knowledge bases":
            elsewhere = np.concatenate([asked["topics"], asked["six documentations"]])
        report(name, held, asked[name], embedded([one for one, _ in held.texts]), elsewhere)
    _time(embedder.embed, [one.question for one in sets["topics"].rows], asked["topics"])


def _time(embed: Callable[[list[str]], object], texts: Sequence[str], vectors: Array) -> None:
    weights = head(vectors, np.arange(len(vectors)) % 24, 24)
    spent: list[tuple[float, float]] = []
    for at, text in enumerate(texts[:100]):
        began = time.process_time()
        embed([text])
        embedded = time.process_time()
        softmax(logits(weights, vectors[at : at + 1]))
        spent.append((embedded - began, time.process_time() - embedded))
    took = np.median(spent, axis=0) * 1000
    print(f"CPU ms of a question, median of 100: embedding {took[0]:.2f}, head {took[1]:.3f}")


if __name__ == "__main__":
    main()
