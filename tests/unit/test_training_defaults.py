"""What a training takes where the settings leave the choice, and what it refuses."""

from dataclasses import replace

import pytest

from ragloop.models.training.defaults import EXPONENTS, Base, Learned, choices, lacking

LLAMA = Base("llama", 2048, 16)
FACTS = Learned(200, 600, reads=False)
PACKAGED = Base("llama", 576, 30, packaged=True)
READING = replace(FACTS, reads=True)


def values(base: Base, learned: Learned) -> dict[str, float]:
    return {name: one.value for name, one in choices(base, learned).items()}


@pytest.mark.parametrize("learned", [FACTS, READING])
@pytest.mark.parametrize("base", [LLAMA, Base("unheard-of", 576, 30), Base("llama", 576, 30, packaged=True)])
def test_every_value_says_where_it_comes_from(base: Base, learned: Learned) -> None:
    for name, one in choices(base, learned).items():
        assert one.value > 0 or name in {"frozen_share", "held_out_share"}
        assert (
            name == "max_length" or not one.value or any(mark in one.reason for mark in ("20", "arXiv", "benchmarks/"))
        ), one


def test_the_values_of_the_packaged_model_are_those_of_no_other() -> None:
    packaged, alike = Base("llama", 576, 30, packaged=True), Base("llama", 576, 30)
    assert values(packaged, FACTS)["learning_rate"] == 3e-3
    assert values(packaged, FACTS)["frozen_share"] == 0.75
    assert values(alike, FACTS)["learning_rate"] < 3e-3
    assert values(alike, FACTS)["frozen_share"] == 0


def test_a_wider_model_learns_slower_and_an_unknown_one_no_faster_than_any_known() -> None:
    rates = [values(replace(LLAMA, width=width), FACTS)["learning_rate"] for width in (576, 2048, 8192)]
    assert rates == sorted(rates, reverse=True)
    for width in (576, 8192):
        unknown = values(Base("unheard-of", width, 16), FACTS)["learning_rate"]
        assert unknown <= min(values(Base(one, width, 16), FACTS)["learning_rate"] for one in EXPONENTS)


def test_facts_are_seen_more_often_than_a_way_to_answer_and_many_rows_less_often_than_few() -> None:
    assert values(LLAMA, FACTS)["epochs"] > values(LLAMA, READING)["epochs"]
    passes = [values(LLAMA, replace(READING, rows=rows))["epochs"] for rows in (10, 200, 20_000)]
    assert passes == [15, 3, 1]


def test_the_rank_grows_with_what_the_answers_say() -> None:
    ranks = [values(LLAMA, replace(FACTS, answer_words=words))["rank"] for words in (100, 10**7, 10**9)]
    assert ranks == [16, 64, 256]


def test_many_rows_of_a_way_to_answer_are_held_out_and_facts_and_comparisons_never() -> None:
    many = replace(READING, rows=500)
    assert values(LLAMA, many)["held_out_share"] == 0.05
    others = (replace(many, rows=499), replace(many, compares=True), replace(FACTS, rows=500))
    assert {values(base, one)["held_out_share"] for base in (LLAMA, PACKAGED) for one in others} == {0}


def test_too_few_rows_are_refused_with_how_many_would_help() -> None:
    assert lacking(10, 10) == ""
    assert "found 6 rows" in lacking(6, 10)
    assert "4 more would do" in lacking(6, 10)
    assert "44 to 94 more" in lacking(6, 10)
    assert lacking(150, 200).endswith("50 more would do"), "nothing is promised of rows beyond those of the guide"
    assert lacking(99, 100).endswith("1 more would do")
