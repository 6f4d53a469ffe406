"""The catalogue agrees with what restore, maintenance, doctor and schemas do."""

import pytest

from ragloop.app.catalogue import CATALOGUE
from ragloop.catalogue import (
    Derived,
    Kind,
    Lease,
    Recreation,
    claiming_file,
    claiming_table,
    evidence_tables,
    lease_of,
    leases_of,
)
from ragloop.orchestrator.derived import DERIVED as PREFECT
from ragloop.store import TABLES


def test_every_table_of_the_schemas_is_claimed_once() -> None:
    names = [*TABLES, "migrations", "index_0123456789abcdef", "index_0123456789abcdef_2", "vectors_0123456789abcdef"]
    assert {name: len(claiming_table(CATALOGUE, name)) for name in names} == dict.fromkeys(names, 1)


def test_leases_are_taken_in_one_order_and_each_is_needed() -> None:
    of_no_table = (Lease.NONE, Lease.ERASURE, Lease.BACKUP, Lease.REVIEW, Lease.TRAFFIC)
    assert leases_of(CATALOGUE) == tuple(one for one in Lease if one not in of_no_table)


def test_only_what_the_indexes_tell_is_no_evidence() -> None:
    assert set(evidence_tables(CATALOGUE)) == TABLES.keys() - {"generations"}


def test_a_repair_recreates_no_table_of_which_nothing_but_a_backup_is_left() -> None:
    """An empty log would pass for one without answers."""
    fixed = [one for one in CATALOGUE if one.kind is Kind.TABLE]
    assert {one.name for one in fixed if one.recreated is Recreation.NEVER} == {
        one.name for one in fixed if not one.rebuilt_by
    }


@pytest.mark.parametrize(
    "path",
    [
        "artifacts/reviews/0123456789abcdef/evaluation.parquet",
        "artifacts/adapters/0123456789abcdef/other.parquet",
        "artifacts/adapters/0123456789abcdef/more/rows.parquet",
        "artifacts/adapters/not-an-id/rows.parquet",
        "journal/deeper/current.jsonl",
        "somewhere.parquet",
    ],
)
def test_a_file_of_no_entry_is_claimed_by_none(path: str) -> None:
    assert claiming_file((*CATALOGUE, *PREFECT), path) == []


def test_a_table_of_no_entry_is_claimed_by_none() -> None:
    assert claiming_table(CATALOGUE, "index_of_yesterday") == []
    assert lease_of(CATALOGUE, "extra") == ""


def test_what_nothing_brings_back_must_be_in_backups() -> None:
    with pytest.raises(ValueError, match="can be lost"):
        Derived("answers", Kind.TABLE, "Answers.", "questions", "", backed_up=False)
