"""What every embedder promises."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ragloop.models import Embedder
from ragloop.models.cache import default_cache
from ragloop.models.embedding.runtimes import DEFAULT_EMBEDDER, open_embedder
from tests.support.constant_embedder import ConstantEmbedder

TEXTS = [
    "Python 3.11 reaches its end of life in October 2027.",
    "A cake needs flour, eggs and sugar.",
    "",
    "réindexer 北京 🙂 и\tdone",
    "The retention of old revisions is set in days. " * 12,
    "short",
]
AGREEMENT = 0.9999
IN_PACKAGES = ("bge-small-en-v1.5", "multilingual-e5-small")
REAL = ("onnx", "sentence-transformers", "onnx-int8", *IN_PACKAGES)
REALMODEL = (pytest.mark.realmodel,)
MARKS = {"onnx-int8": (*REALMODEL, pytest.mark.long)}  # its first use exports the model


@cache  # a real model takes seconds to load
def opened(kind: str) -> Embedder:
    if kind == "constant":
        return ConstantEmbedder()
    # The model cache is shared with everything else that runs on this machine: what is in it was built once.
    if kind in IN_PACKAGES:
        return open_embedder(kind, default_cache())
    return open_embedder(DEFAULT_EMBEDDER, default_cache(), backend=kind)


@pytest.fixture(
    scope="module", params=["constant", *(pytest.param(kind, marks=MARKS.get(kind, REALMODEL)) for kind in REAL)]
)
def any_embedder(request: pytest.FixtureRequest) -> Embedder:
    return opened(request.param)


def similarity(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.sum(left * right, axis=1)


def test_vectors_have_the_stated_shape_and_unit_length(any_embedder: Embedder) -> None:
    vectors = any_embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), any_embedder.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_vectors_of_the_stated_dimension(any_embedder: Embedder) -> None:
    assert any_embedder.embed([]).shape == (0, any_embedder.dimension)
    assert any_embedder.count_tokens([]) == []


def test_vectors_come_in_the_order_of_the_texts(any_embedder: Embedder) -> None:
    forth, back = any_embedder.embed(TEXTS), any_embedder.embed(TEXTS[::-1])[::-1]
    assert similarity(forth, back).min() >= AGREEMENT
    assert similarity(forth[:-1], forth[1:]).max() < AGREEMENT


def test_a_text_has_one_vector_whatever_it_is_embedded_with(any_embedder: Embedder) -> None:
    together = any_embedder.embed(TEXTS)
    alone = np.vstack([any_embedder.embed([text]) for text in TEXTS])
    assert similarity(together, alone).min() >= AGREEMENT


def test_embedding_again_gives_equal_vectors(any_embedder: Embedder) -> None:
    np.testing.assert_array_equal(any_embedder.embed(TEXTS), any_embedder.embed(TEXTS))


def test_tokens_are_counted_per_text_and_beyond_what_the_model_reads(any_embedder: Embedder) -> None:
    counts = any_embedder.count_tokens(["", "one", "one two", " ".join(["one"] * 2 * any_embedder.max_tokens)])
    assert counts == [0, 1, 2, 2 * any_embedder.max_tokens]


def test_a_lone_surrogate_is_embedded_as_something(any_embedder: Embedder) -> None:
    assert any_embedder.embed(["broken \ud800 text"]).shape == (1, any_embedder.dimension)
    assert any_embedder.count_tokens(["broken \ud800 text"])[0] >= 3


def test_the_fingerprint_can_stand_in_a_table_name(any_embedder: Embedder) -> None:
    assert set(any_embedder.fingerprint) <= set("abcdefghijklmnopqrstuvwxyz0123456789-._")


@pytest.mark.realdata
def test_naughty_strings_are_embedded(any_embedder: Embedder, realdata: Path) -> None:
    # Every fourth: they come in runs of one kind, and torch takes half a minute for all.
    strings = json.loads((realdata / "naughty-strings" / "blns.json").read_text(encoding="utf-8"))[::4]
    vectors = any_embedder.embed(strings)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert len(any_embedder.count_tokens(strings)) == len(strings)


@pytest.mark.realmodel
@pytest.mark.parametrize("kind", REAL)
def test_text_beyond_what_the_model_reads_changes_nothing(kind: str) -> None:
    embedder = opened(kind)
    whole = " ".join(["one"] * embedder.max_tokens)
    assert embedder.count_tokens([whole]) == [embedder.max_tokens]
    whole_vector, cut_vector, shorter_vector = embedder.embed([whole, whole + " cake flour", whole[: -len(" one")]])
    assert float(whole_vector @ cut_vector) >= AGREEMENT
    assert not np.array_equal(whole_vector, shorter_vector)


@pytest.mark.realmodel
@pytest.mark.parametrize("kind", REAL)
def test_a_paraphrase_is_nearer_than_another_subject(kind: str) -> None:
    question, paraphrase, other = opened(kind).embed(
        ["When does Python 3.11 stop getting fixes?", TEXTS[0], "A cake needs flour, eggs and sugar."]
    )
    assert question @ paraphrase > question @ other + 0.3


@pytest.mark.realmodel
def test_runtimes_with_one_fingerprint_agree() -> None:
    onnx, torch = (opened(kind) for kind in ("onnx", "sentence-transformers"))
    assert (onnx.fingerprint, onnx.dimension, onnx.max_tokens) == (torch.fingerprint, torch.dimension, torch.max_tokens)
    assert onnx.count_tokens(TEXTS) == torch.count_tokens(TEXTS)
    assert similarity(onnx.embed(TEXTS), torch.embed(TEXTS)).min() >= AGREEMENT


@pytest.mark.realmodel
def test_rounded_weights_give_vectors_of_their_own_that_are_near() -> None:
    exact, rounded = opened("onnx"), opened("onnx-int8")
    assert exact.fingerprint != rounded.fingerprint
    assert 0.99 <= similarity(exact.embed(TEXTS), rounded.embed(TEXTS)).min() < AGREEMENT
