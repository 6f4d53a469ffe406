"""The sources that are found in, what a sync covers out."""

import pytest

from ragloop.corpus.sync.decisions.scope import FoundSources, SyncScope, deletes_only, scope
from ragloop.errors import UsageError

HOME = FoundSources(known=("docs", "/notes"), within=("/notes",), indexed=("/notes", "docs", "old"))


def test_a_sync_of_everything_lists_all_that_is_known_and_removes_what_is_configured_no_more() -> None:
    assert scope(HOME, of_folder=False, builds=False) == SyncScope(("docs", "/notes"), ("old",), everything=True)


def test_a_sync_of_a_folder_leaves_other_sources_alone() -> None:
    assert scope(HOME, of_folder=True, builds=False) == SyncScope(("/notes",))


def test_a_generation_is_built_of_every_source_whichever_folder_was_named() -> None:
    assert scope(HOME, of_folder=True, builds=True) == SyncScope(("docs", "/notes"), everything=True)


def test_confirmed_deletes_of_what_is_gone_list_nothing_and_build_nothing() -> None:
    covered = deletes_only(FoundSources(known=("docs",), indexed=("/gone", "docs"), gone=("/gone",)))
    assert covered == SyncScope(removed=("/gone",))
    assert covered.only_deletes
    assert not covered.everything


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (FoundSources(), "found no source; name a folder .* add .*ragloop.toml$"),
        (FoundSources(indexed=("docs",)), "though the index knows docs; .* delete their documents with"),
    ],
)
def test_where_no_source_is_known_nothing_is_removed_and_the_error_says_what_the_index_has(
    found: FoundSources, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        scope(found, of_folder=False, builds=False)
