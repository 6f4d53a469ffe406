"""A streamed answer cites what the whole one cites, where it cites it, whatever its text."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ragloop.answering.retrieval import as_text
from ragloop.records import Answer, Citation, LaneName
from ragloop.service.wire.shown import show
from tests.service.conftest import make_app
from tests.support.served import Served, served, text_of

PIECES = (
    "Ada", "keeps", "the bees.", "狐狸住在森林里。", "🐝", "[x]", "rows[1]", "`a[2]`", "\n", "\n\n- ", "3.9", "e\u0301",
    "  ", "```py\nx[1] = 2\n```\n",
)  # fmt: skip
NAMES = ("Ada", "Karl", "Ida", "Bruno", "Zoe", "Nils", "Mia", "Otto", "Eva", "Jan")
THINGS = ("bees", "mill", "ferry", "oven", "lamp", "goats", "clock", "garden", "harbour", "tower")


def made_answer(rng: random.Random) -> Answer:
    """An answer of random pieces with marks among them."""
    marks = [f"[{rng.randint(1, 4)}]" for _ in range(rng.randint(0, 6))]
    words = [*rng.choices(PIECES, k=rng.randint(1, 40)), *marks]
    rng.shuffle(words)
    passages = [
        replace(
            as_text({"text": "x", "heading": "", "text_hash": "", "document_id": f"d{n}", "uri": f"file:///{n}.md"})
        )
        for n in range(1, 5)
    ]
    cited = tuple(Citation(n, passages[n - 1].uri, "", 0, 1, "c", f"d{n}", "r") for n in rng.sample(range(1, 5), 3))
    return Answer("i", "?", " ".join(words), False, cited, passages, LaneName.BASE_RAG, "m", None)


@pytest.mark.parametrize("inline_links", [False, True])
def test_a_thousand_texts_cut_into_parts_lose_no_mark(inline_links: bool) -> None:
    rng, marks = random.Random(7), 0
    for _ in range(1000):
        shown = show(made_answer(rng), inline_links=inline_links)
        parts = list(shown.parts())
        assert "".join(text for text, _ in parts) == shown.text
        assert [one for _, held in parts for one in held] == sorted(shown.annotations, key=lambda one: one.end)
        at = 0
        for text, held in parts:
            at += len(text)
            assert all(one.end <= at for one in held), "a mark is announced before it is there"
        marks += len(shown.annotations)
    assert marks > 500


def asked(services: Served, question: str) -> tuple[str, list[object]]:
    """The text and the citations of a stream."""
    events = services.events(question)
    deltas = [one["choices"][0]["delta"] for one in events if one["choices"]]
    return text_of(events), [note for one in deltas for note in one.get("annotations") or ()]


def questions() -> Iterator[str]:
    for thing in THINGS:
        yield f"Who keeps the {thing}?"
        yield f"When is the {thing} open, and who keeps it?"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    documents = {
        f"{thing}.md": f"# The {thing}\n\n{name} keeps the {thing}.\n\nThe {thing} is open from {n + 1} to {n + 9}.\n"
        for n, (thing, name) in enumerate(zip(THINGS, NAMES, strict=True))
    }
    place: Path = tmp_path_factory.mktemp("streams")
    with served(make_app(place, open_documents=documents)) as running:
        yield running


def test_questions_asked_both_ways_get_the_same_citations(full: Served) -> None:
    cited = 0
    for question in questions():
        message = full.asks(question)["choices"][0]["message"]
        text, notes = asked(full, question)
        assert (text, notes) == (message["content"], message.get("annotations") or [])
        cited += len(notes)
    assert cited >= len(THINGS)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_thousand_questions_asked_both_ways_get_the_same_citations(full: Served) -> None:
    rng, starts = random.Random(11), ("Who keeps", "When is open", "Tell me of", "What about", "Where are")
    for _ in range(1000):
        question = f"{rng.choice(starts)} the {rng.choice(THINGS)} and the {rng.choice(THINGS)}?"
        message = full.asks(question)["choices"][0]["message"]
        assert asked(full, question) == (message["content"], message.get("annotations") or [])
