"""What plans cost, and the worked examples of published comparisons of RAG with fine-tuning.

The examples give results only; the inputs below are chosen so that each result follows, and say what it would take.
"""

from math import inf

import pytest

from ragloop.migration.costs.arithmetic import Plan, turning_questions, turning_updates
from ragloop.migration.costs.estimates import rounded

QUESTIONS = 100_000
"""Questions a month in the examples."""
RAG = Plan(month_usd=300, question_usd=0.0133)
"""A vector database for 300 dollars a month, 13.3 dollars for a thousand questions: long prompts."""
TUNED = Plan(month_usd=0, question_usd=0.0043, update_usd=600)
"""Short prompts, and 600 dollars for a training with its evaluation."""


def test_a_month_of_rag_costs_1630_dollars_and_of_a_tuned_model_430() -> None:
    assert RAG.usd(QUESTIONS) == pytest.approx(1630)
    assert TUNED.usd(QUESTIONS) == pytest.approx(430)


def test_two_retrainings_a_month_turn_it() -> None:
    assert turning_updates(RAG, TUNED, QUESTIONS) == pytest.approx(2)
    assert TUNED.usd(QUESTIONS, updates_per_month=2) == pytest.approx(RAG.usd(QUESTIONS, updates_per_month=2))
    assert turning_updates(RAG, TUNED, 1_000_000) > 2 > turning_updates(RAG, TUNED, 10_000)


def test_a_year_costs_15500_dollars_against_10900() -> None:
    """RAG: 3,500 dollars to build, 1,000 a month. Tuned: 2,500 to build, 400 a month, 900 for each of 4 trainings."""
    rag = Plan(once_usd=3500, month_usd=200, question_usd=0.008)
    tuned = Plan(once_usd=2500, month_usd=100, question_usd=0.003, update_usd=900)
    assert rag.usd(QUESTIONS, months=12) == pytest.approx(15_500)
    assert tuned.usd(QUESTIONS, updates_per_month=4 / 12, months=12) == pytest.approx(10_900)


def test_a_month_costs_750_to_1100_dollars_against_590() -> None:
    """RAG: 300 dollars for the database, 4.5 to 8 for a thousand questions. Both: 200 for it, 3.9 for a thousand."""
    ends = [Plan(month_usd=300, question_usd=usd).usd(QUESTIONS) for usd in (0.0045, 0.008)]
    assert ends == pytest.approx([750, 1100])
    assert Plan(month_usd=200, question_usd=0.0039).usd(QUESTIONS) == pytest.approx(590)


@pytest.mark.parametrize(
    ("updates_a_year", "cheaper", "rag_usd", "tuned_usd"),
    [
        (365, "RAG", 19_925, 552_660),
        (12, "RAG", 19_572, 23_160),
        (4, "tuned", 19_564, 11_160),
        (1, "tuned", 19_561, 6_660),
    ],
    ids=["daily", "monthly", "quarterly", "annual"],
)
def test_how_often_documents_change_decides(
    updates_a_year: int, cheaper: str, rag_usd: float, tuned_usd: float
) -> None:
    """A sync costs a dollar; a retraining 1,500 with data, evaluation and approval."""
    rag = Plan(RAG.once_usd, RAG.month_usd, RAG.question_usd, update_usd=1)
    tuned = Plan(TUNED.once_usd, TUNED.month_usd, TUNED.question_usd, update_usd=1500)
    found = {"RAG": rag.usd(QUESTIONS, updates_a_year / 12, 12), "tuned": tuned.usd(QUESTIONS, updates_a_year / 12, 12)}
    assert found == pytest.approx({"RAG": rag_usd, "tuned": tuned_usd})
    assert min(found, key=lambda one: found[one]) == cheaper


def test_from_how_many_questions_on_a_plan_pays() -> None:
    one, other = Plan(question_usd=0.01), Plan(question_usd=0.004, update_usd=30)
    assert turning_questions(one, other, updates_per_month=2) == pytest.approx(10_000)
    assert turning_questions(one, other, updates_per_month=0) == 0
    assert turning_questions(other, one, updates_per_month=0) == inf, (
        "its questions are dearer, and nothing else differs"
    )
    assert turning_questions(one, one, updates_per_month=0) == inf
    assert turning_questions(Plan(month_usd=5), Plan(question_usd=0.01), updates_per_month=0) == 0
    assert turning_questions(one, Plan(question_usd=0.02, update_usd=1), updates_per_month=1) == inf
    assert turning_updates(one, other, 0) == 0
    assert turning_updates(one, Plan(), 10) == inf


@pytest.mark.parametrize(
    ("usd", "shown"),
    [(None, None), (0, 0), (12.3456789, 12.345679), (-1.23456789e-8, -1.23457e-8), (5e-324, 5e-324), (inf, None)],
)
def test_small_amounts_keep_six_digits_and_what_is_no_number_is_not_shown(
    usd: float | None, shown: float | None
) -> None:
    assert rounded(usd) == shown
