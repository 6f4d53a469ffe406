"""Names of people in the log, where the extra for them is installed and where it is not."""

import sys

import pytest

from ragloop.errors import ConfigError
from tests.support.indexed_folder import IndexedFolder

LOG = {"log": {"redact": ["email", "presidio"]}}
QUESTION = "My name is Maria Schmidt, maria@schmidt.de. When does the ferry leave?"


def test_nothing_is_logged_where_names_cannot_be_found(indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)  # as Python marks a module that cannot be imported
    indexed.write("a.md", "The ferry leaves at nine.\n")
    indexed.sync()
    with pytest.raises(ConfigError, match=r"presidio_analyzer.*pip install 'ragloop\[presidio\]'"):
        indexed.app(**LOG).answering.answerer.ask(QUESTION)
    assert indexed.app().journal.counts()["interactions"] == 0


@pytest.mark.long
def test_names_are_logged_as_what_they_are(indexed: IndexedFolder) -> None:
    indexed.write("a.md", "The ferry leaves at nine.\n")
    indexed.sync()
    app = indexed.app(**LOG)
    answer = app.answering.answerer.ask(QUESTION)
    assert "Maria" in answer.question, "the caller gets the whole"
    (row,) = app.journal.interactions().to_pylist()
    assert row["question"] == "My name is <person>, <email>. When does the ferry leave?"
    assert row["reuse_key"] is None
