"""Advice follows from measured factors, and says what would change it."""

from dataclasses import replace
from typing import Any

import pytest

from ragloop.app.migration.policies import advice_policy
from ragloop.config import Settings
from ragloop.migration.advice import Advice, Facts, Kind, advise
from ragloop.migration.costs.break_even import BreakEven

POLICY = advice_policy(Settings.model_construct())
PAYS = BreakEven("closed-book", "base+rag", 2000, 1500, 3000, asked_per_month=50_000, pays=True)
SUITED = Facts(
    answers=5000,
    days=30,
    repeat_share=0.6,
    rest_days=200,
    retraining_days=7,
    cited_share=0.2,
    labelled_share=0,
    covered_share=0.9,
    documents=40,
    rows=900,
    corrections=50,
    form_share=0.1,
    latency_ms={"base+rag": 1000, "closed-book": 990},
    break_even=(PAYS,),
)
"""Everything speaks for an adapter alone: cheap, repeated, at rest, no need to cite."""


def advised(**changes: Any) -> Advice:
    return advise(replace(SUITED, **changes), POLICY)


def test_one_day_is_told_in_the_singular() -> None:
    told = str(advised(rest_days=1.2, days=1, retraining_days=1).as_row())
    assert "not changed for 1 day (" in told
    assert "within 1 day'" in told
    assert "comes round in 1 day," in told
    assert "1 days" not in told


@pytest.mark.parametrize(
    ("changes", "expected", "why"),
    [
        ({}, Kind.FINE_TUNE, "gains cost"),
        ({"answers": 10}, Kind.NOT_YET, "100 are needed"),
        ({"rows": 10}, Kind.NOT_YET, "too few rows"),
        ({"rest_days": 3}, Kind.RAG, "change"),
        ({"rest_days": None}, Kind.RAG, "change"),
        ({"repeat_share": 0.1}, Kind.RAG, "repeats"),
        ({"retraining_days": 400}, Kind.RAG, "change"),
        ({"cited_share": 0.9}, Kind.BOTH, "citations"),
        ({"labelled_share": 0.1}, Kind.BOTH, "access"),
        ({"covered_share": 0.1}, Kind.BOTH, "scale"),
        ({"break_even": ()}, Kind.RAG, "not shown to gain"),
        ({"break_even": (replace(PAYS, pays=False),)}, Kind.RAG, "not shown to gain"),
        ({"break_even": (), "latency_ms": {"base+rag": 1000, "closed-book": 100}}, Kind.FINE_TUNE, "latency"),
        ({"break_even": (), "form_share": 0.9}, Kind.FINE_TUNE, "form"),
        ({"break_even": (), "form_share": 0.9, "corrections": 5}, Kind.RAG, "not shown to gain"),
    ],
)
def test_what_was_measured_decides(changes: dict[str, Any], expected: Kind, why: str) -> None:
    found = advised(**changes)
    assert found.advice == expected
    assert why in found.why


def test_each_factor_says_what_was_measured_and_the_deciding_ones_where_they_turn() -> None:
    found = advised(rest_days=3, rows=10)
    assert {one.name for one in found.factors} == {
        "rows", "change", "repeats", "cost", "latency", "form", "citations", "access", "scale",
    }  # fmt: skip
    assert all(one.measured for one in found.factors)
    told = " ".join(found.would_change)
    assert "rows: at least 200 rows, 10 now" in told
    assert "change: a median from 30 days on" in told
    assert "change: a median below 30 days" in " ".join(advised().would_change)


@pytest.mark.parametrize("changes", [{"rest_days": 3}, {"rows": 10}, {"repeat_share": 0.1}])
def test_what_is_said_to_change_it_changes_it(changes: dict[str, Any]) -> None:
    (name,) = changes
    assert any(one.startswith({"rest_days": "change", "rows": "rows", "repeat_share": "repeats"}[name]) for one in
               advised(**changes).would_change)  # fmt: skip
    assert advised(**{name: getattr(SUITED, name)}).advice == Kind.FINE_TUNE


def test_nothing_measured_is_no_error() -> None:
    empty = Facts(0, 30, None, None, 7, None, None, None, 0, 0, 0, None, {}, ())
    found = advise(empty, POLICY)
    assert found.advice == Kind.NOT_YET
    assert len(found.as_row()["factors"]) == 9
