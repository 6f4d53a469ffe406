"""Which mean cosine makes topics of questions: `topics.likeness`, and how stable topics are.

    python benchmarks/topics.py

The claim: by the default likeness, questions about one paragraph or one article stand together more than by chance, and
a topic keeps its id when a tenth of the questions is new. xquad's English questions have the paragraph and the article
that they are about. The default is the lowest likeness whose purity is at least .98 on the articles at even places;
those at odd places report on it. Agreement is the adjusted Rand index (Hubert and Arabie 1985), purity the share of
questions that are of the commonest article of their topic: a topic moves as a whole, and with it what does not belong.
"""

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np

from ragloop.app import App
from ragloop.config import Settings
from ragloop.migration.topics.clustering import groups, means, nearest
from ragloop.migration.topics.matching import matched
from ragloop.models import Vectors

LIKENESS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7)
DATA = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parents[2] / "shared" / "data"))


def questions(half: int) -> tuple[list[str], list[str], list[str]]:
    """Return questions with the article and the paragraph of each, of every second article."""
    found = json.loads((DATA / "xquad" / "dev" / "xquad.en.dev.json").read_text())["data"]
    rows = [
        (qa["question"], f"{number}", f"{number}:{place}")
        for number, article in enumerate(found)
        if number % 2 == half
        for place, paragraph in enumerate(article["paragraphs"])
        for qa in paragraph["qas"]
    ]
    return tuple(map(list, zip(*rows, strict=True)))  # type: ignore[return-value]


def agreement(one: list[int], other: list[str]) -> float:
    """Return the adjusted Rand index of two partitions."""

    def pairs(counts: Counter[object]) -> float:
        return sum(count * (count - 1) / 2 for count in counts.values())

    both = pairs(Counter(zip(one, other, strict=True)))
    of_one, of_other, every = pairs(Counter(one)), pairs(Counter(other)), len(one) * (len(one) - 1) / 2
    expected = of_one * of_other / every
    return (both - expected) / ((of_one + of_other) / 2 - expected)


def purity(labels: list[int], articles: list[str]) -> float:
    best = Counter[int]()
    for (label, _), count in Counter(zip(labels, articles, strict=True)).items():
        best[label] = max(best[label], count)
    return sum(best.values()) / len(labels)


def kept(vectors: Vectors, likeness: float, seed: int) -> float:
    """Return the share of questions whose topic has the same id after a tenth more was grouped with them anew."""
    order = np.random.default_rng(seed).permutation(len(vectors))
    old = order[: int(0.9 * len(order))]
    before = {str(at): str(label) for at, label in zip(old, groups(vectors[old], likeness), strict=True)}
    labels = groups(vectors[order], likeness)
    parts = [{str(order[at]) for at in np.flatnonzero(labels == label)} for label in range(int(labels.max()) + 1)]
    ids = matched(parts, before, ())
    now = {one: topic for topic, part in zip(ids, parts, strict=True) for one in part}
    return sum(now[one] == topic for one, topic in before.items()) / len(before)


def joined(vectors: Vectors, articles: list[str], likeness: float, seed: int) -> tuple[float, float]:
    """Return of new questions the share that joins a topic, and of these the share whose article is the topic's."""
    order = np.random.default_rng(seed).permutation(len(vectors))
    old, new = np.split(order, [int(0.9 * len(order))])
    labels = groups(vectors[old], likeness)
    found = nearest(vectors[new], means(vectors[old], labels), likeness)
    common = [
        Counter(articles[old[at]] for at in np.flatnonzero(labels == n)).most_common(1)[0][0]
        for n in range(labels.max() + 1)
    ]
    right = [common[label] == articles[at] for label, at in zip(found, new, strict=True) if label >= 0]
    return len(right) / len(new), float(np.mean(right)) if right else 0.0


def main() -> None:
    embedder = App(Settings()).embedder
    for half, name in ((0, "chosen on"), (1, "reported on")):
        texts, articles, paragraphs = questions(half)
        vectors = embedder.embed(texts)
        print(f"{name}: {len(texts)} questions, {len(set(articles))} articles, {len(set(paragraphs))} paragraphs")
        for likeness in LIKENESS:
            labels = groups(vectors, likeness).tolist()
            sizes = Counter(labels)
            in_large = sum(size for size in sizes.values() if size >= 5) / len(labels)
            same = np.mean([kept(vectors, likeness, seed) for seed in range(5)])
            joins, right = np.mean([joined(vectors, articles, likeness, seed) for seed in range(5)], axis=0)
            print(
                f"  {likeness:.2f}  topics {len(sizes):4}  in topics of 5 or more {in_large:.2f}  "
                f"ARI article {agreement(labels, articles):.3f} paragraph {agreement(labels, paragraphs):.3f}  "
                f"purity {purity(labels, articles):.3f}  same id {same:.3f}  "
                f"new questions join {joins:.2f}, rightly {right:.2f}"
            )


if __name__ == "__main__":
    main()
