"""Which answers are in the format of the demonstration's house."""

import pytest

from ragloop.demo.steps.house_format import formatted, is_formatted


def test_an_answer_in_the_format_with_a_citation_below_is_valid() -> None:
    assert is_formatted(f"{formatted('MIT')}\n[1]")
    assert is_formatted(f"{formatted('3 “quoted” words')}\n[2]\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The licence of attrs is MIT. [1]",
        formatted("MIT"),
        f"It is:\n{formatted('MIT')}\n[1]",
        f"{formatted('MIT')}\n[1] [2]",
        f"{formatted('')}\n[1]",
        '```json\n{"answer": "MIT", "also": "BSD"}\n```\n[1]',
        '```json\n["answer"]\n```\n[1]',
        '```json\n{"answer": "MIT"\n```\n[1]',
    ],
)
def test_whatever_else_stands_there_is_not(text: str) -> None:
    assert not is_formatted(text)
