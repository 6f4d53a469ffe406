"""The champion against the base model after its promotion: what is asked, what is kept, and what it changes."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ragloop.answering.prompts import closed_book_prompt
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.learning.evaluation.measures import Part, Question
from ragloop.learning.evaluation.review import Review, review, reviews
from ragloop.records import Draft, Prompt
from ragloop.registry import Registry, VerdictKind
from ragloop.store import Store
from tests.support.policies import gate_policy
from tests.support.registered import register


@dataclass
class Parrot:
    """Answers each question with the same word, and counts what it was asked."""

    word: str
    asked: list[str] = field(default_factory=list)

    @property
    def fingerprint(self) -> str:
        return self.word

    @property
    def model(self) -> str:
        return self.word

    @property
    def adapter(self) -> str | None:
        return None

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        self.asked += [one.question for one in prompts]
        return [Draft(self.word) for _ in prompts]


QUESTIONS = [
    Question(part, closed_book_prompt(f"{part} {number}?"), "Ada")
    for part in (Part.TARGET, Part.ELSEWHERE)
    for number in range(120)
]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    registry = Registry(Store.open(tmp_path / "home"))
    register(registry, "a1", verdict=VerdictKind.PROMOTE)
    registry.promote("a1", "test")
    return registry


def reviewed(registry: Registry, home: Path, champion: str, base: str = "nothing") -> tuple[Review, list[str]]:
    """The review, and what the two were asked."""
    asked: list[str] = []
    parrots = {None: Parrot(base, asked), "a1": Parrot(champion, asked)}
    made = review(
        Store.open(home), registry, lambda _: (QUESTIONS, ["one left out."]),
        lambda adapter_id: nullcontext(parrots[adapter_id]), gate_policy(),
    )  # fmt: skip
    assert made is not None
    return made, asked


def test_a_champion_that_still_knows_what_the_base_model_does_not_holds_its_place(
    registry: Registry, tmp_path: Path
) -> None:
    made, _ = reviewed(registry, tmp_path / "home", "Ada")
    assert (made.verdict.verdict, made.worse, made.notes) == ("promote", False, ("one left out.",))
    assert (made.scores["champion"]["exact_match"], made.scores["base"]["exact_match"]) == (1, 0)


def test_a_champion_that_is_worse_than_the_base_model_is_said_to_be_and_goes_on_serving(
    registry: Registry, tmp_path: Path
) -> None:
    made, _ = reviewed(registry, tmp_path / "home", "Eve", base="Ada")
    assert made.worse
    serving = registry.champion()
    assert serving is not None
    assert (serving.adapter_id, serving.verdict) == ("a1", "promote")
    assert len(registry.history()) == 1


def test_answers_to_unchanged_prompts_are_not_generated_again_and_every_review_is_kept(
    registry: Registry, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    asked = [len(reviewed(registry, home, "Ada")[1]) for _ in range(2)]
    assert asked == [2 * len(QUESTIONS), 0]
    kept = reviews(Store.open(home))
    assert [(one["subject"], one["verdict"]) for one in kept] == [("a1", "promote")] * 2
    assert "Ada" not in json.dumps(kept)


def test_while_the_base_model_serves_there_is_nothing_to_review(registry: Registry, tmp_path: Path) -> None:
    registry.rollback("test")
    assert App(load_settings(home=tmp_path / "home")).learning.review() is None
