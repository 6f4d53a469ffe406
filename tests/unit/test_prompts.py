"""Prompts and the citations of answers."""

from collections.abc import Sequence

import pytest

from ragloop.answering.prompts import (
    Cited,
    cite,
    cite_short,
    cited_sentences,
    closed_book_prompt,
    prompt_hash,
    rag_prompt,
)
from ragloop.records import Passage
from tests.support.cpu import cpu_seconds_below


def _passage(text: str, title: str = "", heading: str = "") -> Passage:
    return Passage(1, 1.0, 0.9, "s", "file:///x", title, heading, 0, len(text), text, "h", "c", "d", "r")


LYNX = _passage("The Eurasian lynx weighs between 18 and 30 kilograms. It hunts roe deer.", "Lynx")
OTTER = _passage("Otters eat fish, mostly at night.", "Otter")


def cited(text: str, passages: Sequence[Passage]) -> tuple[str, list[int]]:
    found = cite(text, passages)
    return found.text, found.numbers


def test_a_sentence_without_a_mark_gets_the_passage_that_supports_it() -> None:
    assert cited("Otters eat fish.", [LYNX, OTTER]) == ("Otters eat fish. [2]", [2])


def test_a_sentence_keeps_a_mark_that_its_passage_supports() -> None:
    assert cited("The lynx hunts roe deer [1].", [LYNX, OTTER]) == ("The lynx hunts roe deer. [1]", [1])


@pytest.mark.parametrize("mark", ["[0]", "[3]", "[99]", "[2]"])
def test_a_mark_that_leads_nowhere_or_to_the_wrong_passage_is_replaced(mark: str) -> None:
    assert cited(f"The lynx hunts roe deer {mark}.", [LYNX, OTTER]) == ("The lynx hunts roe deer. [1]", [1])


def test_a_sentence_that_no_passage_supports_is_dropped() -> None:
    assert cited("Otters eat fish. The moon consists of green cheese.", [LYNX, OTTER]) == ("Otters eat fish. [2]", [2])
    assert cited("The moon consists of green cheese.", [LYNX, OTTER]) == ("", [])


@pytest.mark.parametrize("text", ["", "   ", "[1]", "[1] [2]", "...", "it is"])
def test_nothing_is_cited_for_text_that_says_nothing(text: str) -> None:
    assert cite(text, [LYNX, OTTER]) == Cited()


def fenced(code: str) -> str:
    return f"```json\n{code}\n```"


@pytest.mark.parametrize("code", ['{"answer": "roe deer"}', '{"prey": {"names": ["roe deer"]}, "least": 18}'])
def test_of_a_json_object_the_values_must_be_said_and_not_its_names(code: str) -> None:
    assert cited(fenced(code), [OTTER, LYNX]) == (f"{fenced(code)}\n[2]", [2])


@pytest.mark.parametrize(
    "code",
    [
        '{"answer": "red deer"}',
        '{"prey": ["roe deer", "fish"]}',
        '{"answer": ""}',
        "[]",
        '{"prey": "red deer", "prey": "roe deer"}',
        '{"the lynx eats whales at sea": "roe deer"}',
    ],
)
def test_a_json_object_with_a_value_that_no_one_passage_says_is_dropped_whole(code: str) -> None:
    assert cited(fenced(code), [OTTER, LYNX]) == ("", [])


def test_nothing_is_cited_without_passages() -> None:
    assert cited("Otters eat fish [1].", []) == ("", [])


def test_a_mark_behind_the_last_full_stop_belongs_to_its_sentence() -> None:
    assert cited_sentences("Otters eat fish. [2] The lynx hunts. [1]") == [
        "Otters eat fish. [2]",
        "The lynx hunts. [1]",
    ]


def test_every_sentence_of_an_answer_has_a_citation_that_exists() -> None:
    text, numbers = cited("The lynx hunts roe deer.\nOtters eat fish [2]! It weighs 18 kilograms?", [LYNX, OTTER])
    assert numbers == [1, 2]
    assert text == "The lynx hunts roe deer. [1] Otters eat fish! [2] It weighs 18 kilograms? [1]"


def test_a_citation_is_stable_when_it_is_made_again() -> None:
    once = cite("The lynx hunts roe deer. Otters eat fish, mostly at night.", [LYNX, OTTER])
    assert cite(once.text, [LYNX, OTTER]) == once


@pytest.mark.parametrize(("answer", "expected"), [("roe deer", "roe deer [1]"), ("Fish [1]", "Fish [2]")])
def test_a_short_answer_cites_the_passage_that_gives_it_word_for_word(answer: str, expected: str) -> None:
    assert cite_short("What is hunted or eaten?", answer, [LYNX, OTTER]).text == expected


@pytest.mark.parametrize("answer", ["", "[1]", "deer roe", "fis", "wolves"])
def test_a_short_answer_that_no_passage_gives_is_empty(answer: str) -> None:
    assert cite_short("What is hunted or eaten?", answer, [LYNX, OTTER]) == Cited()


def test_versions_and_decimals_stay_one_sentence() -> None:
    assert cited_sentences("Version 3.10.11 needs 1.5 GB. It is slow.") == [
        "Version 3.10.11 needs 1.5 GB.",
        "It is slow.",
    ]


def test_a_prompt_numbers_passages_as_they_are_cited() -> None:
    prompt = rag_prompt("What do otters eat?", [LYNX, OTTER])
    user = prompt.messages[1]["content"]
    assert user.index("[1] Lynx:") < user.index("[2] Otter:") < user.index("Question: What do otters eat?")


def test_equal_prompts_have_equal_hashes_and_others_do_not() -> None:
    assert prompt_hash(rag_prompt("a", [LYNX])) == prompt_hash(rag_prompt("a", [LYNX]))
    others = [rag_prompt("a", [LYNX]), rag_prompt("b", [LYNX]), rag_prompt("a", [OTTER]), closed_book_prompt("a")]
    assert len({prompt_hash(one) for one in others}) == 4


def test_a_sentence_that_is_said_over_and_over_is_held_against_the_passages_once() -> None:
    numbers = _passage("1. " * 60)
    with cpu_seconds_below(0.4):
        cite("1. " * 1300, [numbers] * 5)
