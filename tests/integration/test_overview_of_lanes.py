"""The part of an overview that says who answers, where more than one lane has a history."""

from pathlib import Path

from ragloop.app import App
from ragloop.orchestrator.overview.of_store import of_store
from ragloop.records import LaneName
from ragloop.registry import Request
from tests.support.indexed_folder import IndexedFolder
from tests.support.registered import register
from tests.support.word_embedder import WordEmbedder


def who_answers(app: App) -> str:
    return "\n".join(one for one in of_store(app, app.status(), str) if one.startswith("## Answers"))


def test_each_lane_says_who_answers_since_when_and_why(tmp_path: Path) -> None:
    home = IndexedFolder(tmp_path / "home", tmp_path / "documents", WordEmbedder(), {})
    home.write("bees.md", "# Bees\n\nAda keeps the bees.\n")
    home.sync()
    app = home.app()
    base = app.settings.model.base
    for name, lane in (("facts", LaneName.CLOSED_BOOK), ("reader", LaneName.ADAPTER_RAG)):
        register(app.registry, name, base=base, lane=lane)
        app.registry.promote(name, f"{name} is good")
    both = who_answers(app)
    assert "**facts** answers in closed-book since" in both
    assert "**reader** answers in adapter+rag since" in both
    app.registry.rollback("the reader is bad", Request("reader"))
    one = who_answers(app)
    assert "**facts** answers in closed-book since" in one
    assert "the reader is bad" not in one
