"""The champion against the base model after its promotion: what is asked, what is kept, and what it changes."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ragloop.answering.prompts import closed_book_prompt, rag_prompt
from ragloop.app import App
from ragloop.cli.commands.evaluate import reviews_as_json
from ragloop.config import load_settings
from ragloop.errors import MismatchError
from ragloop.learning.evaluation.measures import Part, Question
from ragloop.learning.evaluation.review import Review, reviews, reviews_of_lanes
from ragloop.learning.recipes import STYLE
from ragloop.records import Draft, LaneName, Prompt
from ragloop.registry import Registry, VerdictKind
from ragloop.store import Store
from tests.support.policies import gate_policy
from tests.support.registered import register


@dataclass
class Parrot:
    """Answers each question with the same word, and counts what it was asked."""

    word: str
    asked: list[str] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)

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
        self.prompts += prompts
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
    [made] = reviews_of_lanes(
        Store.open(home), registry, lambda _: (QUESTIONS, ["one left out."]),
        lambda adapter_id: nullcontext(parrots[adapter_id]), gate_policy(),
    )  # fmt: skip
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


def test_the_champion_of_every_lane_is_reviewed_whichever_changed_last(registry: Registry, tmp_path: Path) -> None:
    register(registry, "r1", lane=LaneName.ADAPTER_RAG)
    registry.promote("r1", "test")
    models = {None: Parrot("nothing"), "a1": Parrot("Ada"), "r1": Parrot("Eve")}
    store = Store.open(tmp_path / "home")
    for _ in range(2):  # a task that is tried again
        made = reviews_of_lanes(
            store, registry, lambda _: (QUESTIONS, []),
            lambda adapter_id: nullcontext(models[adapter_id]), gate_policy(), "run 1",
        )  # fmt: skip
    assert [(one.adapter_id, one.lane, one.worse) for one in made] == [
        ("a1", LaneName.CLOSED_BOOK, False),
        ("r1", LaneName.ADAPTER_RAG, True),
    ]
    shown = reviews_as_json(made)
    assert (shown["adapter_id"], shown["worse"]) == ("r1", True), "that of the lane that changed last"
    assert [(one["adapter_id"], one["worse"]) for one in shown["champions"]] == [("a1", False), ("r1", True)]
    assert {(one["subject"], one["lane"]) for one in reviews(store)} == {("a1", "closed-book"), ("r1", "adapter+rag")}
    assert len(reviews(store)) == 2


def test_a_champion_that_is_damaged_keeps_no_other_lane_from_its_review(registry: Registry, tmp_path: Path) -> None:
    register(registry, "r1", lane=LaneName.ADAPTER_RAG)
    registry.promote("r1", "test")
    store = Store.open(tmp_path / "home")

    def opened(adapter_id: str | None) -> nullcontext[Parrot]:
        if adapter_id == "a1":
            raise MismatchError("adapter a1 changed")
        return nullcontext(Parrot("Ada"))

    with pytest.raises(MismatchError, match="a1 changed"):
        reviews_of_lanes(store, registry, lambda _: (QUESTIONS, []), opened, gate_policy())
    assert [one["subject"] for one in reviews(store)] == ["r1"]


def test_while_the_base_model_serves_there_is_nothing_to_review(registry: Registry, tmp_path: Path) -> None:
    registry.rollback("test")
    assert App(load_settings(home=tmp_path / "home")).learning.reviews() == []


def test_the_base_model_is_asked_with_the_instruction_that_an_adapter_of_style_was_trained_without(
    tmp_path: Path,
) -> None:
    registry = Registry(Store.open(tmp_path / "home"))
    adapter = register(registry, "a1", lane=LaneName.ADAPTER_RAG)
    registry.register(replace(adapter, recipe=STYLE.name))
    registry.promote("a1", "test")
    question = Question(Part.ELSEWHERE, STYLE.asks("Who keeps the bees?", ()), "Ada")
    models = {None: Parrot("Ada"), "a1": Parrot("Ada")}
    reviews_of_lanes(
        Store.open(tmp_path / "home"), registry, lambda _: ([question], []),
        lambda adapter_id: nullcontext(models[adapter_id]), gate_policy(),
    )  # fmt: skip
    assert models[None].prompts == [rag_prompt("Who keeps the bees?", ())]
    assert models["a1"].prompts == [question.prompt]
