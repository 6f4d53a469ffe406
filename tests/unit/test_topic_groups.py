"""Questions become groups, groups keep the topics that they were, and topics get names."""

import tracemalloc

import numpy as np
import pytest

from ragloop.migration.topics import clustering
from ragloop.migration.topics.clustering import NONE, groups, means, nearest
from ragloop.migration.topics.matching import matched
from ragloop.migration.topics.naming import counted, shortened, terms, typical
from ragloop.models import Vectors


def clouds(counts: list[int], spread: float = 0.2, seed: int = 0) -> tuple[Vectors, list[int]]:
    """Unit vectors around as many directions as there are counts, shuffled, and the direction of each."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    centres = np.eye(len(counts), 16)
    vectors = centres[labels] + rng.normal(0, spread / 4, (len(labels), 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), labels.tolist()


def partition(labels: list[int]) -> set[frozenset[int]]:
    return {frozenset(at for at, one in enumerate(labels) if one == label) for label in set(labels)}


def test_clouds_of_vectors_are_found_whatever_their_sizes() -> None:
    vectors, labels = clouds([1, 3, 40, 7])
    assert partition(groups(vectors, 0.5).tolist()) == partition(labels)


def test_groups_are_those_of_average_linkage_done_pair_by_pair() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(0, 1, (40, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert partition(groups(vectors, 0.35).tolist()) == by_pairs(vectors, 0.35)


def by_pairs(vectors: Vectors, likeness: float) -> set[frozenset[int]]:
    """Join the two groups whose mean cosine is highest, until none is high enough: what the chain must equal."""
    alike, held = vectors @ vectors.T, [[at] for at in range(len(vectors))]
    while len(held) > 1:
        pairs = [(float(alike[np.ix_(a, b)].mean()), n, m) for n, a in enumerate(held) for m, b in enumerate(held[:n])]
        best, n, m = max(pairs)
        if best < likeness:
            break
        held[m] += held.pop(n)
    return set(map(frozenset, held))


def test_what_does_not_fit_at_once_joins_the_groups_that_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, labels = clouds([20, 20, 20])
    monkeypatch.setattr(clustering, "AT_ONCE", 8)
    assert partition(groups(vectors, 0.5).tolist()) == partition(labels)


def test_no_question_makes_no_group() -> None:
    assert groups(np.zeros((0, 4), np.float32), 0.5).tolist() == []
    assert nearest(np.zeros((0, 4), np.float32), np.zeros((2, 4), np.float32), 0.5).tolist() == []


def test_a_question_joins_the_nearest_centre_or_none() -> None:
    vectors, labels = clouds([5, 5, 5])
    centres = means(vectors[:10], groups(vectors[:10], 0.5))
    found = nearest(vectors, centres, 0.5)
    assert partition(found.tolist()) == partition(labels)
    assert nearest(-vectors[:1], centres, 0.5).tolist() == [NONE]


def test_a_topic_is_the_group_that_has_most_of_it_and_a_named_one_comes_first() -> None:
    before = dict.fromkeys("abcdef", "large") | dict.fromkeys("uv", "small")
    assert matched([frozenset("abcd"), frozenset("efg")], before, ()) == ["large", None]
    assert matched([frozenset("abcdefuv")], before, ()) == ["large"]
    assert matched([frozenset("abcdefuv")], before, {"small"}) == ["small"]
    assert matched([frozenset("xyz")], before, ()) == [None]


def test_a_name_is_the_question_in_the_middle_and_weighs_how_often_it_was_asked() -> None:
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    assert typical(["left", "middle", "right"], vectors, [1, 1, 1]) == "middle"
    assert typical(["left", "middle", "right"], vectors, [1, 1, 50]) == "right"
    assert shortened("a " * 200).endswith("…")


def test_terms_set_a_topic_apart() -> None:
    own = ["Where are bees kept?", "Who keeps bees?", "Do bees sleep at the mill?"]
    every = [*own, "Who keeps the mill?", "Who keeps the ferry?", "When does the ferry leave the mill?"]
    assert terms(own, counted(every), len(every)) == ("bees",)
    assert terms(["Bees?"], counted(["Bees?"]), 1) == ("bees",)


def test_many_questions_are_held_against_many_centres_in_little_memory() -> None:
    vectors = np.ones((20_000, 4), np.float32) / 2
    tracemalloc.start()
    found = nearest(vectors, vectors[:2_000], 0.9)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found == 0).all()
    assert peak < 40e6
