"""What is known of each source, and removing one."""

import shutil
from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.app.sources import Removal
from ragloop.corpus.sync.source_states import SourceState
from ragloop.errors import NotFoundError, UsageError
from tests.support.indexed_folder import IndexedFolder


def _states(app: App) -> dict[str, SourceState]:
    return {one.name: one for one in app.sources.states()}


def test_a_source_is_described_from_configuration_and_index(indexed: IndexedFolder, tmp_path: Path) -> None:
    settings = {"sources": [{"name": "docs", "uri": str(indexed.folder)}]}
    (before,) = indexed.app(**settings).sources.states()
    assert (before.name, before.uri, before.documents) == ("docs", str(indexed.folder), 0)
    assert (before.last_scan, before.lag_s, before.problem) == (None, None, "never synced: run `ragloop sync`")

    indexed.write_numbered(3)
    indexed.write("broken.pdf", "no PDF")
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.md").write_text("# B\n\nbeta")
    indexed.app(**settings).corpus.sync()
    indexed.app(**settings).corpus.sync(other)
    states = _states(indexed.app(**settings))
    assert {name: one.documents for name, one in states.items()} == {"docs": 3, str(other): 1}
    assert states["docs"].last_scan is not None
    assert states["docs"].problem == "1 document in quarantine: `ragloop status` shows why"
    assert states[str(other)].problem is None

    indexed.write("late.md", "# Late\n\nlate")
    indexed.app(**settings).corpus.sync()
    lag_s = _states(indexed.app(**settings))["docs"].lag_s
    assert lag_s is not None
    assert lag_s >= 0


def test_what_keeps_a_source_back_is_kept_with_it(indexed: IndexedFolder, tmp_path: Path) -> None:
    nowhere = {"name": "nowhere", "uri": str(tmp_path / "nowhere")}
    unmatched = {"name": "unmatched", "uri": str(indexed.folder), "include": ["*.nothing"]}
    indexed.write_numbered(12)
    settings = {"sources": [{"name": "docs", "uri": str(indexed.folder)}, nowhere, unmatched]}
    indexed.app(**settings).corpus.sync()
    states = _states(indexed.app(**settings))
    assert states["docs"].problem is None
    assert (
        states["nowhere"].problem
        == f"found no folder at {tmp_path / 'nowhere'}; its documents stay searchable as they are"
    )
    assert "the source unmatched matches nothing" in (states["unmatched"].problem or "")

    shutil.rmtree(indexed.folder)
    indexed.folder.mkdir()
    indexed.app(**settings).corpus.sync()
    assert "12 deletes are withheld" in (_states(indexed.app(**settings))["docs"].problem or "")
    indexed.write_numbered(12)
    indexed.app(**settings).corpus.sync()
    assert _states(indexed.app(**settings))["docs"].problem is None

    no_more = _states(indexed.app(sources=[nowhere]))
    assert "not in the configuration any more" in (no_more["docs"].problem or "")


def test_a_source_that_could_not_be_listed_says_why_and_keeps_its_last_scan(indexed: IndexedFolder) -> None:
    settings = {"sources": [{"name": "docs", "uri": str(indexed.folder)}]}
    indexed.write_numbered(2)
    indexed.app(**settings).corpus.sync()
    scanned = _states(indexed.app(**settings))["docs"].last_scan
    elsewhere = indexed.folder.with_name("elsewhere")
    indexed.folder.rename(elsewhere)
    indexed.folder.symlink_to(elsewhere)
    with pytest.raises(NotFoundError):
        indexed.app(**settings).corpus.sync()
    state = _states(indexed.app(**settings))["docs"]
    assert state.last_scan == scanned
    assert "found a link" in (state.problem or "")


def test_a_source_is_removed_with_its_documents_under_the_guard(indexed: IndexedFolder, tmp_path: Path) -> None:
    indexed.write_numbered(12)
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.md").write_text("# B\n\nbeta")
    indexed.sync()
    indexed.app().corpus.sync(other)
    app = indexed.app()
    with pytest.raises(UsageError, match="found no source wiki; known here: "):
        app.sources.removal("wiki")
    assert app.sources.removal(str(other)) == Removal(_states(app)[str(other)], withheld=False)
    assert app.sources.removal(str(indexed.folder)).withheld
    assert app.status()["documents"] == 13

    app.sources.delete_documents(str(other), confirm_deletes=False)
    assert _states(app).keys() == {str(indexed.folder)}
    withheld = app.sources.delete_documents(str(indexed.folder), confirm_deletes=False)
    assert withheld is not None
    assert (withheld.deleted, withheld.withheld_deletes, app.status()["documents"]) == (0, 12, 12)
    app.sources.delete_documents(str(indexed.folder), confirm_deletes=True)
    assert (app.status()["documents"], app.sources.states()) == (0, [])
