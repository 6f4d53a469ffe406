"""Settings that differ in a few values are named as people name them, and checked as the file is."""

import pytest

from ragloop.config import Settings
from ragloop.config.overrides import SECTIONS, names, overridden
from ragloop.errors import UsageError


def test_names_may_be_full_short_or_aliases() -> None:
    changed = overridden(Settings(), "rerank=off, top_k=7,retrieval.rrf_k=20,lane=closed-book,floor=0.5")
    assert changed.retrieval.reranker == "none"
    assert (changed.retrieval.top_k, changed.retrieval.rrf_k, changed.retrieval.min_similarity) == (7, 20, 0.5)
    assert changed.answers.lane == "closed-book"
    assert overridden(changed, "rerank=on").retrieval.reranker == "auto"


@pytest.mark.parametrize(
    ("word", "meant"),
    [("Off", "none"), ("NONE", "none"), ("false", "none"), ("On", "auto"), ("Yes", "auto"), ("Qwen/R", "Qwen/R")],
)
def test_words_for_a_value_may_have_any_case(word: str, meant: str) -> None:
    assert overridden(Settings(), f"rerank={word},floor=Auto").retrieval.reranker == meant


def test_what_is_not_named_stays() -> None:
    settings = Settings(retrieval={"candidates": 99})
    assert overridden(settings, "") == settings
    assert overridden(settings, "top_k=3").retrieval.candidates == 99


def test_a_text_that_looks_like_a_number_stays_a_text_where_one_is_wanted() -> None:
    assert overridden(Settings(), "model.base=7").model.base == "7"


def test_every_setting_that_is_offered_exists() -> None:
    settings = Settings()
    assert {one.partition(".")[0] for one in names()} == set(SECTIONS)
    assert all(hasattr(getattr(settings, table), key) for table, key in (one.split(".") for one in names()))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("rerankk=off", r"did you mean rerank\?.*retrieval\.top_k"),
        ("index.embedder=x", "expected one of"),
        ("top_k", "expected NAME=VALUE"),
        ("top_k=0", r"retrieval\.top_k is '0'"),
        ("top_k=4,top_k=8", r"found retrieval\.top_k twice"),
        ("rerank=off,retrieval.reranker=auto", r"found retrieval\.reranker twice"),
        ("lane=nowhere", r"answers\.lane is 'nowhere'"),
        ("top_k=many", r"retrieval\.top_k is 'many'"),
    ],
)
def test_what_is_wrong_is_refused_with_what_exists(given: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        overridden(Settings(), given)
