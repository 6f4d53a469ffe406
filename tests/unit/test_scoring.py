"""Exact match and token F1."""

import pytest

from ragloop.learning.evaluation.scoring import exact_match, normalise, token_f1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Apache License.", "apache  license"),
        ("BSD-3-Clause", "bsd-3-clause"),
        (">= 3.9", ">=3.9"),
        (">=3.9, <4", ">=3.9,<4"),
        ("1,000", "1000"),
        ("3.9.", "3.9"),
        ("“Curly quotes”", '"curly quotes"'),
        ("ＡＢＣ", "abc"),
        ("Straße", "STRASSE"),
        ("¿Qué?", "qué"),
        ("- 5", "5"),
    ],
)
def test_wordings_of_one_answer_are_equal(one: str, other: str) -> None:
    assert exact_match(one, other) == 1.0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3.9", "39"),
        (">=3.9", "3.9"),
        ("<3.9", ">=3.9"),
        (">=3.9,<4", ">=3.9"),
        ("1-2", "12"),
        ("3,9", "39"),
        ("3.1,4.2", "3.14.2"),
        ("-5", "5"),
        ("C++", "C"),
        ("C#", "C"),
        ("A", "the"),
        ("", "!"),
        ("MIT", "BSD"),
    ],
)
def test_different_answers_are_not_equal(one: str, other: str) -> None:
    assert exact_match(one, other) == 0.0


def test_normalising_twice_changes_nothing_for_common_answers() -> None:
    for text in ("The Apache-2.0 License", ">= 3.9, < 4", "c++ and c#", "1,234,567 rows", "-5 °C", "a"):
        assert normalise(normalise(text)) == normalise(text)


def test_token_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    assert token_f1("the cat sat", "a cat sat down") == pytest.approx(2 * 2 / (2 + 3))
    assert token_f1("cat cat", "cat") == pytest.approx(2 / 3)
    assert token_f1("dog", "cat") == 0.0


def test_an_empty_answer_scores_nothing_against_a_reference_and_one_against_none() -> None:
    assert (token_f1("", "cat"), token_f1("", ""), exact_match("", "")) == (0.0, 1.0, 1.0)
