"""Documents that are gone in, those that may be deleted and those that are withheld out."""

from dataclasses import replace
from pathlib import Path

import pytest

from ragloop.app.policies import sync_policy
from ragloop.config import Settings
from ragloop.corpus.index.ledger import CURRENT, LedgerRow
from ragloop.corpus.sync.decisions.guard import Guarded, split, withholds

POLICY = sync_policy(Settings(home=Path()))


def _rows(count: int) -> list[LedgerRow]:
    return [
        LedgerRow(f"id {n}", f"{n}.md", "", "revision", None, (), CURRENT, None, 0, "1", 0, 0, None, 1)
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("deletes", "documents", "withheld"),
    [
        (0, 0, False),
        (10, 10, False),
        (11, 11, True),
        (11, 109, True),
        (11, 110, False),
        (100, 1000, False),
        (101, 1000, True),
    ],
)
def test_more_deletes_than_ten_documents_and_a_tenth_are_withheld(deletes: int, documents: int, withheld: bool) -> None:
    assert withholds(deletes, documents, 10, 0.10) == withheld


def test_a_guard_of_zero_withholds_every_delete() -> None:
    assert withholds(1, 100, 0, 0.0)


def test_few_deletes_are_made_unasked() -> None:
    gone = _rows(10)
    assert split(gone, POLICY, source="notes", documents=50) == Guarded(tuple(gone))


def test_of_more_than_is_plausible_only_what_was_approved_by_name_of_that_source_goes() -> None:
    gone = _rows(12)
    policy = replace(POLICY, approved=frozenset({("notes", "3.md"), ("others", "4.md")}))
    guarded = split(gone, policy, source="notes", documents=50)
    assert ([row.key for row in guarded.may_go], len(guarded.withheld)) == (["3.md"], 11)


def test_refused_documents_stay_and_do_not_count() -> None:
    gone = _rows(14)
    refused = frozenset(("notes", f"{n}.md") for n in range(12))
    guarded = split(gone, replace(POLICY, refused=refused), source="notes", documents=50)
    assert ([row.key for row in guarded.may_go], guarded.withheld) == (["12.md", "13.md"], ())
    assert [(one.change, one.key) for one in guarded.kept("notes")][:2] == [("refused", "0.md"), ("refused", "1.md")]
    of_others = replace(POLICY, refused=frozenset(("others", key) for _, key in refused))
    assert len(split(gone, of_others, source="notes", documents=50).withheld) == 14
    asked = replace(POLICY, refused=refused, approved=refused)
    assert len(split(gone, asked, source="notes", documents=50).may_go) == 12


def test_confirmed_deletes_are_made_however_many() -> None:
    assert split(_rows(50), replace(POLICY, confirm_deletes=True), source="notes", documents=50).withheld == ()
