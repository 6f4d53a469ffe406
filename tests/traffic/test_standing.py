"""Whether a passage still stands in a document: exact about facts, lenient about where another service cuts."""

import pytest

from ragloop.traffic.resolving.document import DocumentWords, KeptChunk, KnownDocument
from ragloop.traffic.resolving.standing import where_it_stands
from ragloop.traffic.resolving.words import tokens

FERRY = (
    "The ferry leaves the north pier at nine and comes back at five. It does not run on Sundays. "
    "A ticket costs 4 euros for adults and 2.5 euros for children. Dogs are allowed on the upper deck."
)
LATER = "Luggage is carried free of charge up to 20 kg for each passenger. It does not run on Mondays."


def document(*texts: str, heading: str = "The ferry", key: str = "ferry.md") -> DocumentWords:
    chunks = [KeptChunk(str(at), f"h{at}", heading, text, 0, 1) for at, text in enumerate(texts)]
    return DocumentWords(KnownDocument("d", "s", key, f"file:///{key}", "r"), chunks)


def stands(passage: str, *texts: str) -> bool:
    return bool(where_it_stands(passage, document(*(texts or (FERRY, LATER)))))


@pytest.mark.parametrize(
    "passage",
    [
        FERRY,
        f"{FERRY} {LATER}",
        "# The ferry\n\n" + FERRY,
        "pier at nine and comes back at five. It does not run on Sundays. A ticket costs 4 eur",
        FERRY.replace(" ", "\n"),
        FERRY.replace("ferry", "**ferry**").replace("upper deck", "`upper deck`"),
        "on Sundays.",
    ],
)
def test_what_is_said_as_before_stands_wherever_it_is_cut(passage: str) -> None:
    assert stands(passage)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("at nine", "at ten"), ("does not run", "does run"), ("north pier", "south pier"), ("4 euros", "-4 euros"),
        ("2.5 euros", "25 euros"), ("4 euros", "4% euros"), ("upper deck.", "upper deck except on Sundays."),
        ("Sundays. A", "Sundays unless it is summer. A"), ("ferry leaves", "Ferry leaves"),
    ],
)  # fmt: skip
def test_one_other_fact_makes_it_changed(before: str, after: str) -> None:
    assert not stands(FERRY, FERRY.replace(before, after), LATER), "the document changed since"
    assert not stands(FERRY.replace(before, after).rstrip(".") + ". It", FERRY, LATER), (
        "or the passage is of a later one"
    )


def test_a_sentence_that_stands_elsewhere_does_not_stand_in_for_the_one_that_changed() -> None:
    now = FERRY.replace("It does not run on Sundays.", "It does not run on Mondays.")
    assert not stands(FERRY, now, LATER.replace("Mondays", "Sundays"))


def test_an_inserted_paragraph_costs_nothing() -> None:
    first, rest = FERRY.split("A ticket")
    assert stands(FERRY, first, "The crew speaks three languages and sells coffee.", f"A ticket{rest}")


def test_a_comparison_is_a_fact() -> None:
    text = "The valve opens when the pressure is >= 3 bar and the pump of the tank runs."
    assert stands(text, text)
    assert not stands(text, text.replace(">=", "<="))


def test_roles_and_titles_of_restructuredtext_read_as_their_text() -> None:
    text = "See :ref:`the guide <howto>` for how :class:`~pier.Ferry` is moored at the north quay of the island."
    assert stands("See the guide for how Ferry is moored at the north quay of the island.", text)
    raw = ".. _howto:\n\nMooring\n=======\n\n" + text
    assert where_it_stands(raw, document(text, heading="Mooring", key="ferry.rst"))


def test_statements_and_chunks_are_those_that_the_passage_touches() -> None:
    words = document(FERRY, LATER)
    runs = where_it_stands("A ticket costs 4 euros for adults and 2.5 euros for children.", words)
    assert [one.chunk_id for one in words.chunks_of(runs)] == ["0"]
    assert len(words.digests(runs)) == 1
    assert len(words.digests(where_it_stands(FERRY, words))) == 4


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-5 °C, 3-4", ["-5", "C", "3-4"]), ("$20 or 5%", ["$20", "or", "5%"]), ("C++ and C#", ["C++", "and", "C#"]),
        ("===== |---|", []), ("a == b", ["a", "==", "b"]), ("**bold** _it_", ["bold", "it"]),
        ("v1.2.3.", ["v1.2.3", "."]),
    ],
)  # fmt: skip
def test_words_keep_what_makes_another_value(text: str, found: list[str]) -> None:
    assert tokens(text) == found
