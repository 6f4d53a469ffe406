"""A home with a log of two topics, by an embedder that knows words: what suites about topics and costs look at."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ragloop.app import App
from ragloop.config import Settings
from tests.support.indexed_folder import IndexedFolder
from tests.support.word_embedder import WordEmbedder

BEES = (
    "Who keeps the bees behind the mill?",
    "who keeps the bees behind the mill",
    "Who keeps the bees of the mill?",
    "Where are the bees kept behind the mill?",
)
FERRY = (
    "When does the ferry leave the northern pier?",
    "When does the ferry leave the pier?",
    "From where does the ferry leave?",
)
DOCUMENTS = {
    "bees.md": "# Bees\n\nAda keeps the bees behind the mill and nobody else goes there at night.\n",
    "ferry.md": "# Ferry\n\nThe ferry leaves at nine from the northern pier every day but Sunday.\n",
}
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
_ALIKE = 0.7
"""Questions of one topic share nearly all of their words, those of two the function words."""


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at

    def passes(self, **time: float) -> None:
        self.at += timedelta(**time)


def made(folder: IndexedFolder) -> IndexedFolder:
    """Fill a folder with the documents and sync it."""
    folder.embedder = WordEmbedder()
    folder.settings = {"retrieval": {"min_similarity": -1, "top_k": 1}, "topics": {"likeness": _ALIKE}}
    for key, text in DOCUMENTS.items():
        folder.write(key, text)
    folder.sync()
    return folder


def app_at(folder: IndexedFolder, clock: Callable[[], datetime], **settings: Any) -> App:
    """Open the home of a folder at another time."""
    return App(Settings(home=folder.home, **{**folder.settings, **settings}), embedder=folder.embedder, now=clock)


def ask(app: App, questions: Sequence[str]) -> list[str]:
    """Ask each question, and return the ids of the answers."""
    return [one.interaction_id for one in app.answering.answerer.ask_all(list(questions))]
