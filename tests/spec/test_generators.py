"""What every Generator promises; each implementation answers to the same suite."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ragloop.models import Generator
from ragloop.models.generation.extractive import ExtractiveGenerator
from ragloop.models.generation.local import LocalGenerator
from ragloop.records import Draft, Passage, Prompt
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.tiny_model import FACTS, chat, save_tiny_model

Make = Callable[[], Generator]


@pytest.fixture(scope="module")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture(scope="module")
def local(tiny_base: Path) -> Make:
    return lambda: LocalGenerator(tiny_base, name="tiny", max_new_tokens=8, threads=1)


@pytest.fixture(scope="module")
def extractive() -> Make:
    return lambda: ExtractiveGenerator(ConstantEmbedder())


IMPLEMENTATIONS = ["local", "extractive"]
"""Names of fixtures that return a `Make`."""


@pytest.fixture(params=IMPLEMENTATIONS)
def generator(request: pytest.FixtureRequest) -> Generator:
    make: Make = request.getfixturevalue(request.param)
    return make()


def passage(text: str, rank: int = 1) -> Passage:
    return Passage(
        rank=rank,
        score=1.0,
        similarity=0.9,
        source="docs",
        uri="docs/bees.md",
        title="Bees",
        heading="",
        start=0,
        end=len(text),
        text=text,
        text_hash=f"hash-{rank}",
        chunk_id=f"chunk-{rank}",
        document_id="document",
        revision="revision",
    )


def prompt(question: str) -> Prompt:
    passages = (passage("Ada keeps the bees. The ferry leaves at nine."), passage("The code is 4711.", rank=2))
    return Prompt(question, passages, chat(question))


def test_no_prompts_give_no_drafts(generator: Generator) -> None:
    assert generator.generate([]) == []


def test_each_prompt_gets_one_draft_in_order(generator: Generator) -> None:
    questions = list(FACTS)
    together = generator.generate([prompt(question) for question in questions])
    alone = [generator.generate([prompt(question)])[0] for question in questions]
    assert len(together) == len(questions)
    assert [draft.text for draft in together] == [draft.text for draft in alone]


def test_the_same_prompt_gives_the_same_draft(generator: Generator) -> None:
    asked = [prompt("Who keeps the bees?")]
    assert generator.generate(asked) == generator.generate(asked)


def test_a_draft_counts_its_tokens(generator: Generator) -> None:
    draft = generator.generate([prompt("Who keeps the bees?")])[0]
    assert isinstance(draft, Draft)
    assert draft.prompt_tokens >= 0
    assert draft.completion_tokens >= 0


def test_a_question_without_passages_is_answered_or_left_empty(generator: Generator) -> None:
    draft = generator.generate([Prompt("Who keeps the bees?")])[0]
    assert isinstance(draft.text, str)


def test_a_generator_names_its_model_and_its_adapter(generator: Generator) -> None:
    assert generator.model
    assert generator.adapter is None


def test_a_fingerprint_stays_while_nothing_changes(generator: Generator) -> None:
    before = generator.fingerprint
    generator.generate([prompt("Who keeps the bees?")])
    assert before == generator.fingerprint
