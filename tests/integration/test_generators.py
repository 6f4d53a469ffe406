"""Adapters in memory: verified once per load, held by requests in flight, unloaded when nothing needs them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.errors import MismatchError, NotFoundError
from ragloop.models import Generator
from ragloop.models.generation.generators import Generators
from ragloop.records import LaneName, Prompt, Route
from tests.support.adapter_home import QUESTION, app_of, flip_a_byte, make_home, promoted

pytestmark = pytest.mark.realmodel

LANE = LaneName.ADAPTER_RAG
PROMPTS = [Prompt(QUESTION)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("lanes"))


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    return promoted(made, tmp_path / "place")


@contextmanager
def asking(app: App) -> Iterator[Generator]:
    """A request in flight on the adapter that serves when it begins."""
    route = Route(LANE, app.parts.generators.champion(LANE))
    with app.parts.generators.for_route(route, app.embedder) as generator:
        yield generator


def in_the_model(app: App) -> int:
    """How many adapters the layers of the model hold, whatever is said of them."""
    model = app.models.local_generator._loaded().model
    return len({name for layer in model.modules() for name in getattr(layer, "lora_A", ())})


class Reads:
    """Counts how often Python opens a file below a folder; an audit hook cannot be taken away, so it is told to end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = folder, list[str]()
        self.counting = True
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[object, ...]) -> None:
        if self.counting and event == "open" and str(args[0]).startswith(str(self.folder)):
            self.files.append(Path(str(args[0])).name)


@pytest.fixture
def reads(place: Path) -> Iterator[Reads]:
    counted = Reads(place / "home" / "artifacts" / "adapters")
    yield counted
    counted.counting = False


def test_the_hash_of_an_adapter_is_computed_once_for_many_questions(place: Path, reads: Reads) -> None:
    app = app_of(place)
    for _ in range(3):
        answers = app.answering.answerer.ask_all([QUESTION, "Where is the key?"])
        assert [one.adapter for one in answers] == ["later", "later"]
    assert reads.files.count("adapter_model.safetensors") == 1
    assert app.parts.generators.loaded == {"later"}


def test_requests_in_flight_over_a_promotion_finish_on_the_old_adapter_which_then_goes(place: Path) -> None:
    app = app_of(place)
    generators = app.parts.generators
    with asking(app) as alone:
        expected = alone.generate(PROMPTS)
    with asking(app) as first, asking(app) as second:
        app.registry.promote("early", "test")
        with asking(app) as third:
            assert (first.adapter, second.adapter, third.adapter) == ("later", "later", "early")
            assert first.generate(PROMPTS) == expected
            assert third.generate(PROMPTS)
        assert generators.loaded == {"early", "later"}
        assert in_the_model(app) == 2
        assert second.generate(PROMPTS) == expected
    assert generators.loaded == {"early"}
    assert in_the_model(app) == 1
    assert app.answering.answerer.ask(QUESTION).adapter == "early"
    with asking(app) as again:
        assert again.adapter == "early"
    app.registry.promote("later", "test")
    with asking(app) as back:
        assert back.generate(PROMPTS) == expected


def test_an_adapter_that_nobody_holds_goes_with_the_next_question_after_a_promotion(place: Path) -> None:
    app = app_of(place)
    generators = app.parts.generators
    app.answering.answerer.ask(QUESTION)
    assert generators.loaded == {"later"}
    app.registry.rollback("test")
    app.answering.answerer.ask(QUESTION)
    assert generators.loaded == {"early"}
    app.registry.rollback("test")
    assert app.answering.answerer.ask(QUESTION).lane == LaneName.BASE_RAG
    assert generators.loaded == frozenset()
    assert in_the_model(app) == 0
    with pytest.raises(NotFoundError, match="`ragloop retrain` makes one"):
        generators.champion(LANE)


def test_an_adapter_is_released_when_an_answer_fails(place: Path) -> None:
    app = app_of(place)

    def fail_over_a_rollback() -> None:
        with asking(app):
            app.registry.rollback("test")
            app.answering.answerer.ask(QUESTION)
            raise OSError("the disk went away")

    with pytest.raises(OSError, match="the disk"):
        fail_over_a_rollback()
    assert app.parts.generators.loaded == {"early"}


def test_damaged_weights_are_found_when_they_are_loaded_and_what_is_loaded_answers(place: Path) -> None:
    running = app_of(place)
    before = running.answering.answerer.ask(QUESTION)
    flip_a_byte(place)
    assert running.answering.answerer.ask(QUESTION).answer == before.answer
    started = app_of(place)
    route = Route(LANE, started.parts.generators.champion(LANE))
    generators: Generators = started.parts.generators
    with pytest.raises(MismatchError, match="later"), generators.for_route(route, started.embedder):
        pass
    assert generators.loaded == frozenset()
    fallen = started.answering.answerer.ask(QUESTION)
    assert (fallen.lane, fallen.adapter) == (LaneName.BASE_RAG, None)
    assert "later" in fallen.fallback


def test_a_damaged_champion_is_read_once_and_serves_again_when_it_is_restored(place: Path, reads: Reads) -> None:
    flip_a_byte(place)
    reads.files.clear()
    app = app_of(place)
    for _ in range(3):
        assert app.answering.answerer.ask(QUESTION).lane == LaneName.BASE_RAG
    assert reads.files.count("adapter_model.safetensors") == 1
    flip_a_byte(place)
    assert app.answering.answerer.ask(QUESTION).adapter == "later"


def test_an_evaluation_holds_its_adapter_and_unloads_it(place: Path) -> None:
    app = app_of(place)
    generator = app.learning.retraining.parts.generator
    with generator(None) as base, generator("early") as worn:
        assert (base.adapter, worn.adapter) == (None, "early")
        assert app.answering.answerer.ask(QUESTION).adapter == "later"
        assert app.parts.generators.loaded == {"early", "later"}
    assert app.parts.generators.loaded == {"later"}
