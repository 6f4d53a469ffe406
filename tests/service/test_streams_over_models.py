"""A stream cites what the whole answer cites where a language model writes it: behind an endpoint, and on this machine.

What a model writes is checked and cited as a whole before its first word is sent, so both ways must agree to a letter.
"""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ragloop.app import App
from ragloop.models.cache import default_cache
from ragloop.models.generation.smollm2 import prepare
from tests.service.conftest import make_app
from tests.support.chat_endpoint import Reply, chat_endpoint, completion
from tests.support.served import Served, served, text_of
from tests.support.word_embedder import WordEmbedder

NAMES = ("Ada", "Karl", "Ida", "Bruno", "Zoe", "Nils", "Mia", "Otto", "Eva", "Jan")
THINGS = ("bees", "mill", "ferry", "oven", "lamp", "goats", "clock", "garden", "harbour", "tower")
STARTS = ("Who keeps", "When is open", "Tell me of", "What about", "Where are")
INVENTED = ("The sea is green.", "Nobody knows [9].", "Xaver keeps 77 ships [1].")
_STATED = re.compile(r"\w+ keeps the \w+\.|The \w+ is open from \d+ to \d+\.")


def written(body: dict[str, Any]) -> Reply:
    """Write what a model may: sentences of the passages with marks that are right, wrong or missing, and inventions."""
    prompt = "\n".join(one["content"] for one in body["messages"])
    draw = random.Random(prompt)
    said = [f"{one}{draw.choice(('', ' [1]', ' [2]', ' [7]'))}" for one in _STATED.findall(prompt)]
    kept = draw.sample(said, min(len(said), draw.randint(0, 4))) + draw.sample(INVENTED, draw.randint(0, 2))
    draw.shuffle(kept)
    return completion(draw.choice((" ", "\n", "\n\n- ")).join(kept) or None)


@contextmanager
def answered_by(place: Path, **changed: dict[str, Any]) -> Iterator[Served]:
    """Serve documents of ten things; `changed` are settings by their section."""
    documents = {
        f"{thing}.md": f"# The {thing}\n\n{name} keeps the {thing}.\n\nThe {thing} is open from {n + 1} to {n + 9}.\n"
        for n, (thing, name) in enumerate(zip(THINGS, NAMES, strict=True))
    }
    settings = make_app(place, open_documents=documents).settings
    update = {name: getattr(settings, name).model_copy(update=one) for name, one in changed.items()}
    with served(App(settings.model_copy(update=update), embedder=WordEmbedder())) as running:
        yield running


def cited_both_ways(service: Served, questions: int) -> int:
    """Ask so many questions whole and as a stream, and return how many citations the answers had."""
    draw, cited = random.Random(11), 0
    for _ in range(questions):
        question = f"{draw.choice(STARTS)} the {draw.choice(THINGS)} and the {draw.choice(THINGS)}?"
        message = service.asks(question)["choices"][0]["message"]
        events = service.events(question)
        deltas = [one["choices"][0]["delta"] for one in events if one["choices"]]
        notes = [note for one in deltas for note in one.get("annotations") or ()]
        assert (text_of(events), notes) == (message["content"], message.get("annotations") or [])
        cited += len(notes)
    return cited


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("questions", [5, pytest.param(300, marks=pytest.mark.long)])
def test_answers_of_a_model_behind_an_endpoint_are_cited_alike_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, questions: int
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with chat_endpoint(completion(None)) as endpoint:
        endpoint.writes = written
        answers = {"generator": "remote", "cache": "off"}
        remote = {"model": "tide", "base_url": endpoint.url, "retries": 0}
        with answered_by(tmp_path, answers=answers, remote=remote) as service:
            assert cited_both_ways(service, questions) >= questions // 2
        assert len(endpoint.requests) == 2 * questions


@pytest.mark.long
@pytest.mark.realmodel
@pytest.mark.timeout(900)
def test_answers_of_a_model_of_this_machine_are_cited_alike_both_ways(tmp_path: Path) -> None:
    model = {"base": str(prepare(default_cache())), "max_new_tokens": 24, "threads": 1}
    with answered_by(tmp_path, answers={"generator": "local", "cache": "off"}, model=model) as service:
        service.api.timeout = httpx.Timeout(600)
        assert cited_both_ways(service, 4) > 0
