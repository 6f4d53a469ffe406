"""Short forms as a glossary or the documents in view spell them out, and settings that turn rewriting off."""

from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.errors import ConfigError, NotFoundError
from ragloop.records import Earlier
from tests.support.word_embedder import WordEmbedder

CONFIG = """
[answers]
rewriter = "{rewriter}"
glossary = "terms.toml"
[retrieval]
min_similarity = -1.0
[[sources]]
name = "open"
uri = "open"
[[sources]]
name = "pay"
uri = "pay"
labels = ["hr"]
"""
DOCUMENTS = {
    "open/zones.md": "# Zones\n\nEvery record has a Time To Live (TTL) of one hour.\n",
    "open/mill.md": "# Mill\n\nThe maintenance window is on Sunday.\n",
    "open/notes.md": "# Notes\n\nAsk HR what a APG is.\n",
    "pay/grades.md": "# Grades\n\nThe Annual Pay Grade (APG) costs 7312 crowns.\n",
}


def opened(folder: Path, rewriter: str = "rules", glossary: str = 'MW = "maintenance window"\n') -> App:
    for name, text in DOCUMENTS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "terms.toml").write_text(glossary)
    (folder / "ragloop.toml").write_text(CONFIG.format(rewriter=rewriter))
    app = App(load_settings(folder / "ragloop.toml", folder / "home"), embedder=WordEmbedder())
    assert app.corpus.sync().complete
    return app


def test_short_forms_are_spelled_out_from_the_glossary_and_from_documents(tmp_path: Path) -> None:
    answerer = opened(tmp_path).answering.answerer
    answer = answerer.ask("When is the MW?")
    assert answer.rewritten == "When is the maintenance window?"
    assert "Sunday" in answer.answer
    assert (
        answerer.ask("How long is the TTL of a record?").rewritten == "How long is the Time To Live (TTL) of a record?"
    )


def test_a_document_that_a_caller_does_not_see_spells_nothing_out(tmp_path: Path) -> None:
    answerer = opened(tmp_path).answering.answerer
    assert answerer.ask("What is a APG?").rewritten == ""
    assert answerer.ask("What is a APG?", labels=["hr"]).rewritten == "What is a Annual Pay Grade (APG)?"


def test_questions_stay_as_they_are_where_rewriting_is_off(tmp_path: Path) -> None:
    answerer = opened(tmp_path, "none").answering.answerer
    assert answerer.ask("When is the MW?", conversation=[Earlier("Who owns the mill?")]).rewritten == ""


@pytest.mark.parametrize("glossary", ["MW = 3\n", "MW\n", 'MW = ""\n'])
def test_a_glossary_that_is_none_is_said(tmp_path: Path, glossary: str) -> None:
    app = opened(tmp_path, glossary=glossary)
    with pytest.raises(ConfigError, match=r"terms\.toml.*TTL = "):
        app.answering.answerer.ask("When?")
    (tmp_path / "terms.toml").unlink()
    with pytest.raises(NotFoundError, match=r"answers\.glossary"):
        App(app.settings, embedder=WordEmbedder()).answering.answerer.ask("When?")
