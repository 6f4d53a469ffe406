"""A home with a few documents, and a service of it that several tests share."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.models import Vectors
from tests.support.client_programs import CLIENTS, environment
from tests.support.served import ELSEWHERE, Served, served, served_elsewhere
from tests.support.word_embedder import WordEmbedder

CONFIG = """
[retrieval]
min_similarity = {floor}
[[sources]]
name = "open"
uri = "open"
labels = {labels}
[[sources]]
name = "pay"
uri = "pay"
labels = ["hr"]
"""
OPEN = {one.name: one.read_text(encoding="utf-8") for one in sorted((CLIENTS / "documents").iterdir())}
PAY = {"wages.md": "# Wages\n\nKarl earns 7312 crowns for the bees that Zebulon keeps.\n"}


class HeldEmbedder(WordEmbedder):
    """Answers nothing while it is held, as a slow model does."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.free.set()

    def embed(self, texts: Sequence[str]) -> Vectors:
        assert self.free.wait(60)
        return super().embed(texts)


def make_app(
    place: Path,
    embedder: WordEmbedder | None = None,
    floor: float = -1.0,
    open_documents: Mapping[str, str] = OPEN,
    pay: Mapping[str, str] = PAY,
    open_labels: Sequence[str] = (),
) -> App:
    """Make the home in `place`, or bring it to this state, its documents indexed."""
    for name, documents in (("open", open_documents), ("pay", pay)):
        (place / name).mkdir(parents=True, exist_ok=True)
        for key, text in documents.items():
            (place / name / key).write_text(text)
    (place / "ragloop.toml").write_text(CONFIG.format(floor=floor, labels=json.dumps(list(open_labels))))
    app = App(load_settings(place / "ragloop.toml", place / "home"), embedder=embedder or WordEmbedder())
    assert app.corpus.sync().complete
    return app


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service that needs no key, or the one that RAGLOOP_SERVICE names."""
    if ELSEWHERE:
        with served_elsewhere(ELSEWHERE) as running:
            yield running
        return
    with served(make_app(tmp_path_factory.mktemp("service"))) as running:
        yield running


@pytest.fixture
def held() -> HeldEmbedder:
    return HeldEmbedder()


@pytest.fixture
def slow(tmp_path: Path, held: HeldEmbedder) -> Iterator[Served]:
    """A service whose answers wait as long as `held` is."""
    with served(make_app(tmp_path, held), ping_s=0.1) as running:
        yield running
        held.free.set()


@pytest.fixture(scope="session")
def clients_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of an environment with the clients."""
    return environment(tmp_path_factory.mktemp("clients") / "venv")
