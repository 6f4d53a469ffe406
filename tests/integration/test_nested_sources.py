"""Sources within one another, and folders that become links: each file is one document, of the source that it is in."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ragloop.app import App
from ragloop.config import Settings, load_settings
from ragloop.errors import ConfigError, NotFoundError
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.indexed_folder import IndexedFolder, contents, document

if TYPE_CHECKING:
    from tests.support.s3_server import Bucket


def _sources(**uris: Path | str) -> dict[str, Any]:
    return {"sources": [{"name": name, "uri": str(uri)} for name, uri in uris.items()]}


def _documents(app: App) -> list[tuple[str, str]]:
    return sorted((row["source"], row["key"]) for row in contents(app).values() if row["kind"] == "document")


@pytest.fixture
def nested(indexed: IndexedFolder) -> IndexedFolder:
    for key in ("a.md", "hr/b.md", "hr/pay/c.md"):
        indexed.write(key, document(key.replace("/", "-").replace(".", "-")))
    return indexed


# --- configured sources -----------------------------------------------------------------------------------------------


def test_a_file_belongs_to_the_innermost_of_the_sources_around_it(nested: IndexedFolder) -> None:
    settings = _sources(all=nested.folder, pay=nested.folder / "hr" / "pay", hr=nested.folder / "hr")
    settings["sources"][2]["labels"] = ["hr"]
    report = nested.sync(settings)
    assert (report.added, report.complete) == (3, True)
    assert _documents(nested.app()) == [("all", "a.md"), ("hr", "b.md"), ("pay", "c.md")]
    assert nested.sync(settings).documents_read == 0
    assert nested.app(**settings).corpus.diagnose().healthy


def test_what_an_inner_source_leaves_out_is_not_taken_by_the_one_around_it(nested: IndexedFolder) -> None:
    nested.write("hr/drafts/d.md", document("draft"))
    settings = _sources(all=nested.folder, hr=nested.folder / "hr")
    settings["sources"][1]["exclude"] = ["drafts/"]
    nested.sync(settings)
    assert _documents(nested.app()) == [("all", "a.md"), ("hr", "b.md"), ("hr", "pay/c.md")]


def test_a_link_to_a_file_of_an_inner_source_does_not_belong_to_the_outer_one(nested: IndexedFolder) -> None:
    (nested.folder / "link.md").symlink_to(nested.folder / "hr" / "b.md")
    nested.sync(_sources(all=nested.folder, hr=nested.folder / "hr"))
    assert ("all", "link.md") not in _documents(nested.app())


@pytest.mark.parametrize("through", ["the path", "a link", "a link above"])
def test_two_sources_of_all_of_one_folder_are_an_error_that_names_both(
    nested: IndexedFolder, tmp_path: Path, through: str
) -> None:
    (tmp_path / "link").symlink_to(nested.folder / "hr" if through == "a link" else nested.folder)
    again = {"the path": nested.folder / "hr", "a link": tmp_path / "link", "a link above": tmp_path / "link" / "hr"}
    settings = _sources(hr=nested.folder / "hr", again=again[through])
    nested.sync(_sources(hr=nested.folder / "hr"))
    app = nested.app(**settings)
    for work in (app.corpus.sync, app.corpus.folders, app.corpus.watched, app.corpus.diagnose):
        with pytest.raises(ConfigError, match=r"sources hr and again are both all of .*remove one of them"):
            work()
    assert app.answering.search("hr-b-md").passages, "what was indexed goes on answering"
    assert app.status()["documents"] == 2


def test_what_two_sources_of_one_folder_both_take_belongs_to_the_first(nested: IndexedFolder) -> None:
    settings = _sources(first=nested.folder, rest=nested.folder)
    settings["sources"][0]["include"] = ["hr/**"]
    assert nested.sync(settings).added == 3
    assert _documents(nested.app()) == [("first", "hr/b.md"), ("first", "hr/pay/c.md"), ("rest", "a.md")]


def test_an_index_that_has_files_twice_gives_them_up_as_guarded_deletes(nested: IndexedFolder) -> None:
    """As an inner source that is added to the configuration finds it."""
    nested.write_numbered(12, prefix="hr/more/")
    nested.sync(_sources(all=nested.folder))
    settings = _sources(all=nested.folder, hr=nested.folder / "hr")
    report = nested.sync(settings)
    assert (report.added, report.withheld_deletes, report.chunks_embedded) == (14, 14, 0)
    assert nested.sync(settings, confirm_deletes=True).deleted == 14
    assert nested.sync(settings).complete
    assert len(_documents(nested.app())) == 15


# --- folders that are synced by path ----------------------------------------------------------------------------------


def test_a_folder_within_a_configured_source_is_synced_as_that_source(nested: IndexedFolder) -> None:
    settings = _sources(all=nested.folder)
    nested.sync(settings)
    nested.write("hr/b.md", document("edited"))
    report = nested.app(**settings).corpus.sync(nested.folder / "hr")
    assert (report.updated, report.added) == (1, 0)
    assert any("is part of the source all" in notice for notice in report.notices)
    assert _documents(nested.app()) == [("all", "a.md"), ("all", "hr/b.md"), ("all", "hr/pay/c.md")]


def test_a_folder_within_one_that_was_synced_by_path_is_part_of_it(nested: IndexedFolder, tmp_path: Path) -> None:
    nested.sync()
    (tmp_path / "link").symlink_to(nested.folder / "hr")
    for folder in (nested.folder / "hr", tmp_path / "link"):
        assert nested.app().corpus.sync(folder).added == 0
    assert {source for source, _ in _documents(nested.app())} == {str(nested.folder)}


def test_a_folder_around_one_that_was_synced_by_path_takes_the_rest(nested: IndexedFolder) -> None:
    nested.app().corpus.sync(nested.folder / "hr")
    nested.write("hr/b.md", document("edited"))
    report = nested.app().corpus.sync(nested.folder)
    assert (report.added, report.updated) == (1, 1)
    outer, inner = str(nested.folder), str(nested.folder / "hr")
    assert _documents(nested.app()) == [(outer, "a.md"), (inner, "b.md"), (inner, "pay/c.md")]
    assert nested.app().corpus.sync().scanned == 3


def test_a_folder_that_the_patterns_around_it_leave_out_is_a_source_of_its_own(nested: IndexedFolder) -> None:
    nested.write(".notes/n.md", document("notes"))
    settings = _sources(all=nested.folder)
    nested.sync(settings)
    assert nested.app(**settings).corpus.sync(nested.folder / ".notes").added == 1
    assert nested.sync(settings).scanned == 4
    assert len(_documents(nested.app())) == 4


def test_documents_synced_by_path_inside_a_source_configured_later_are_dropped_under_the_guard(
    nested: IndexedFolder,
) -> None:
    nested.app().corpus.sync(nested.folder / "hr")
    settings = _sources(all=nested.folder)
    report = nested.sync(settings)
    assert (report.added, report.deleted, report.complete) == (3, 2, True)
    assert {source for source, _ in _documents(nested.app())} == {"all"}


# --- buckets ----------------------------------------------------------------------------------------------------------


def test_an_object_belongs_to_the_innermost_prefix(bucket: "Bucket", tmp_path: Path) -> None:
    for key in ("docs/a.md", "docs/hr/b.md", "docs/hr-old/c.md"):
        bucket.write(key, document(key.replace("/", "-").replace(".", "-")))
    settings = _sources(all=bucket.uri("docs"), hr=bucket.uri("docs/hr/"))
    app = App(Settings(home=tmp_path / "home", **settings), embedder=ConstantEmbedder())
    assert app.corpus.sync().added == 3
    assert _documents(app) == [("all", "a.md"), ("all", "hr-old/c.md"), ("hr", "b.md")]
    doubled = _sources(one=bucket.uri("docs"), two=bucket.uri("docs/"))
    with pytest.raises(ConfigError, match="sources one and two are both all of"):
        App(Settings(home=tmp_path / "home", **doubled), embedder=ConstantEmbedder()).corpus.sync()


# --- folders that become links ----------------------------------------------------------------------------------------


def _replaced_by_a_link(indexed: IndexedFolder, tmp_path: Path) -> Path:
    private = tmp_path / "private"
    private.mkdir()
    (private / "secret.md").write_text(document("secret"))
    indexed.folder.rename(tmp_path / "before")
    indexed.folder.symlink_to(private)
    return private


@pytest.mark.parametrize("asked", ["nothing", "its path"])
def test_a_folder_known_by_path_that_became_a_link_is_not_followed(
    nested: IndexedFolder, tmp_path: Path, asked: str
) -> None:
    nested.sync()
    before = nested.contents()
    private = _replaced_by_a_link(nested, tmp_path)
    with pytest.raises(NotFoundError, match=rf"link at {nested.folder} that leads to {private}, expected the folder"):
        nested.app().corpus.sync(nested.folder if asked == "its path" else None)
    assert nested.contents() == before
    nested.folder.unlink()
    (tmp_path / "before").rename(nested.folder)
    assert nested.app().corpus.sync().complete


def test_a_folder_known_by_path_below_one_that_became_a_link_is_not_followed(
    indexed: IndexedFolder, tmp_path: Path
) -> None:
    indexed.folder = tmp_path / "above" / "docs"
    indexed.write("a.md", document("alpha"))
    indexed.sync()
    (tmp_path / "above").rename(tmp_path / "moved")
    (tmp_path / "above").symlink_to(tmp_path / "moved")
    with pytest.raises(NotFoundError, match=rf"found a link at {tmp_path}/above that leads to {tmp_path}/moved/docs"):
        indexed.app().corpus.sync()


def test_who_means_the_link_confirms_it_by_the_name_of_what_is_there_now(nested: IndexedFolder, tmp_path: Path) -> None:
    nested.sync()
    private = _replaced_by_a_link(nested, tmp_path)
    assert nested.app().corpus.sync(private).added == 1
    assert nested.app().corpus.sync(nested.folder, confirm_deletes=True).deleted == 3
    assert nested.app().corpus.sync().complete
    assert _documents(nested.app()) == [(str(private), "secret.md")]


def test_a_configured_folder_that_became_a_link_is_not_followed_until_the_configuration_says_so(
    nested: IndexedFolder, tmp_path: Path
) -> None:
    file = tmp_path / "ragloop.toml"
    file.write_text("[[sources]]\nname = 'all'\nuri = 'documents'")
    folder = tmp_path / "documents"
    assert folder == nested.folder

    def app() -> App:
        return App(load_settings(file, nested.home), embedder=nested.embedder)

    app().corpus.sync()
    before = nested.contents()
    private = _replaced_by_a_link(nested, tmp_path)
    for _ in range(2):
        with pytest.raises(
            NotFoundError, match=rf"a link at {folder} that leads to {private}.*set its uri to {private}"
        ):
            app().corpus.sync()
    assert not app().corpus.diagnose().healthy
    assert nested.contents() == before
    file.write_text(f"[[sources]]\nname = 'all'\nuri = '{private}'")
    assert app().corpus.sync(confirm_deletes=True).added == 1


def test_a_source_that_is_configured_as_a_link_follows_it_and_says_so(nested: IndexedFolder, tmp_path: Path) -> None:
    current, other = tmp_path / "current", tmp_path / "release-2"
    current.symlink_to(nested.folder)
    other.mkdir()
    (other / "a.md").write_text(document("second"))
    settings = _sources(all=current)
    assert nested.sync(settings).notices == ()
    current.unlink()
    current.symlink_to(other)
    report = nested.sync(settings, confirm_deletes=True)
    assert (report.updated, report.deleted) == (1, 2)
    assert report.notices == (f"source all is at {other} now, where a link leads; it was at {nested.folder}",)
    assert nested.sync(settings).notices == ()


def test_of_several_sources_the_others_are_synced_beside_one_that_became_a_link(
    nested: IndexedFolder, tmp_path: Path
) -> None:
    other = IndexedFolder(nested.home, tmp_path / "other")
    other.write("x.md", document("x"))
    settings = _sources(all=nested.folder, other=other.folder)
    nested.sync(settings)
    _replaced_by_a_link(nested, tmp_path)
    other.write("y.md", document("y"))
    report = nested.sync(settings)
    assert (report.added, report.deleted, report.complete) == (1, 0, False)
    assert "found a link at" in report.problems[0]
    assert ("all", "a.md") in _documents(nested.app())
