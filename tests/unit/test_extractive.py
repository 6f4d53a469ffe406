"""Sentences quoted from passages. To the embedder here all sentences are equally far, so that words decide."""

import re
from collections.abc import Sequence

import numpy as np
import pytest

from ragloop.answering.prompts import cite, rag_prompt
from ragloop.models import Vectors
from ragloop.models.generation.extractive import SHORTLIST_CHARACTERS, ExtractiveGenerator
from ragloop.records import Passage
from tests.support.constant_embedder import ConstantEmbedder


class Impartial(ConstantEmbedder):
    """The first text, which is the question, is orthogonal to all others."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.embedded.extend(texts)
        vectors = np.tile(np.float32([0, 1]), (len(texts), 1))
        vectors[0] = [1, 0]
        return vectors


def passage(text: str, heading: str = "", title: str = "") -> Passage:
    return Passage(1, 1.0, 0.5, "s", "file:///x", title, heading, 0, len(text), text, "h", "c", "d", "r")


def answer(question: str, *passages: Passage) -> str:
    draft = ExtractiveGenerator(Impartial()).generate([rag_prompt(question, passages)])[0].text
    return cite(draft, passages).text


FACTS = "- Version: 26.1.0\n- License: MIT\n- Author: Hynek Schlawack\n- Requires-Python: >=3.10"


@pytest.mark.parametrize(
    "text",
    [
        FACTS,
        "Version: 26.1.0\nLicense: MIT\nAuthor: Hynek Schlawack",
        ":Version: 26.1.0\n:License: MIT\n:Author: Hynek Schlawack",
        "| Version | 26.1.0 |\n| License | MIT |\n| Author | Hynek Schlawack |",
        "1. Version: 26.1.0\n2. License: MIT\n3. Author: Hynek Schlawack",
        "---\nversion: 26.1.0\nlicense: MIT\nauthor: Hynek Schlawack\n---",
    ],
)
def test_the_line_that_answers_is_quoted_from_lists_tables_and_fields(text: str) -> None:
    quoted = answer("What licence does attrs use?", passage(text, "attrs"))
    assert re.search(r"License\W+MIT", quoted, re.IGNORECASE)
    assert "26.1.0" not in quoted
    assert "Hynek" not in quoted
    assert quoted.endswith("[1]")


def test_a_line_under_the_heading_that_the_question_names_comes_before_the_same_line_elsewhere() -> None:
    other, asked = passage("- License: BSD", "numpy"), passage("- License: MIT", "attrs")
    assert answer("What licence does attrs use?", other, asked) == "License: MIT [2]"


def test_a_line_is_embedded_with_the_heading_that_it_stands_under() -> None:
    embedder = Impartial()
    prompt = rag_prompt("What licence does attrs use?", [passage("- License: MIT\n- attrs is fun.", "attrs > Facts")])
    ExtractiveGenerator(embedder).generate([prompt])
    assert embedder.embedded == [prompt.question, "attrs: License: MIT", "attrs is fun."]


def test_an_initial_ends_no_sentence() -> None:
    text = answer("Who is the author of h11?", passage("The author of h11 is Nathaniel J. Smith. It needs Python."))
    assert text == "The author of h11 is Nathaniel J. Smith. [1]"


def test_questions_and_announcements_are_not_quoted() -> None:
    text = passage("Why Pendulum?\n\nThe features of Pendulum are:\n\nPendulum makes datetimes easy.")
    assert answer("What does Pendulum do?", text) == "Pendulum makes datetimes easy. [1]"


def test_an_address_answers_who_asks_for_it_and_no_one_else() -> None:
    text = passage("- Home-page: https://www.attrs.org\n- License: MIT", "attrs")
    assert answer("What is the home page of attrs?", text).startswith("Home-page: https://www.attrs.org [1]")
    assert answer("What licence does attrs use?", text) == "License: MIT [1]"


@pytest.mark.parametrize("text", ["", "\n\n", "---", "* * *", "?", "![](https://example.org/badge.svg)"])
def test_a_passage_without_a_sentence_gives_no_answer(text: str) -> None:
    assert answer("What is it?", passage(text)) == ""


def test_what_looks_like_a_citation_in_a_document_is_quoted_as_text() -> None:
    first, second = passage("Bees fly far, as measured [2]."), passage("Bees fly far.")
    assert "(2). [1]" in answer("How far do bees fly, as measured?", first, second)


def test_sentences_end_where_no_spaces_stand_between_words() -> None:
    text = passage("蜜蜂住在磨坊后面。渡船九点开。面包需要一天。")
    assert answer("渡船几点开？", text) == "渡船九点开。 [1]"


def test_few_characters_are_embedded_however_long_the_passages_are() -> None:
    embedder = Impartial()
    long = [passage(" ".join(f"Sentence {n} of {m} says something of bees." for n in range(100))) for m in range(5)]
    ExtractiveGenerator(embedder).generate([rag_prompt("What of bees?", long)])
    assert sum(map(len, embedder.embedded[1:])) <= SHORTLIST_CHARACTERS


def test_the_best_sentence_is_embedded_even_when_it_is_longer_than_all_that_are_embedded() -> None:
    text = "bees " * SHORTLIST_CHARACTERS
    assert answer("What of bees?", passage(text)).startswith("bees bees")


def test_a_text_that_several_prompts_share_is_embedded_once(embedder: ConstantEmbedder) -> None:
    shared = passage("The licence of attrs is MIT.", "attrs", "attrs")
    prompts = [rag_prompt(question, [shared]) for question in ("Which licence has attrs?", "How is attrs licensed?")]
    ExtractiveGenerator(embedder).generate(prompts)
    assert len(embedder.embedded) == len(set(embedder.embedded)) == 3


def test_the_number_that_a_question_names_leads_to_what_stands_below_it() -> None:
    other = passage("4.1 Noise\n\nEngines are off at night.", "Harbour > 4.1 Noise")
    asked = passage("4.2 Waste\n\nOil goes to the shed.", "Harbour > 4.2 Waste")
    assert answer("What does rule 4.2 say?", other, asked).startswith("Oil goes to the shed. [2]")


def test_a_title_is_no_answer() -> None:
    assert (
        answer("What of the waste?", passage("Waste\n\nOil goes to the shed.", "Waste")) == "Oil goes to the shed. [1]"
    )


def test_who_asks_how_is_told_what_to_use() -> None:
    plain = [f"A crate is weighed on scale {one}." for one in "abcd"]
    text = "\n\n".join([*plain, "A crate is weighed by `harbour weigh`."])
    assert "harbour weigh" in answer("How is a crate weighed?", passage(text))
    assert "harbour weigh" not in answer("Who says that a crate is weighed?", passage(text))
