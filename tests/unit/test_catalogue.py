"""The catalogue agrees with what restore, maintenance, doctor and schemas do."""

import pytest

from ragloop.app.catalogue import CATALOGUE
from ragloop.backup.restoring import LEASES
from ragloop.catalogue import Derived, Kind, claiming_file, claiming_table, lease_of
from ragloop.corpus.doctor.missing_tables import ANEW, GENERATIONS
from ragloop.orchestrator.derived import DERIVED as PREFECT
from ragloop.store import TABLES


def test_every_table_of_the_schemas_is_claimed_once() -> None:
    names = [*TABLES, "migrations", "index_0123456789abcdef", "index_0123456789abcdef_2", "vectors_0123456789abcdef"]
    assert {name: len(claiming_table(CATALOGUE, name)) for name in names} == dict.fromkeys(names, 1)


def test_a_restore_holds_every_lease_under_which_something_is_written() -> None:
    assert set(LEASES) == {one.lease for one in CATALOGUE if one.lease}


def test_the_doctor_makes_anew_what_can_be_made_anew() -> None:
    """And what only a backup brings back is never made anew, since an empty log would pass for one without answers."""
    fixed = {one.name: one.made_anew for one in CATALOGUE if one.kind is Kind.TABLE}
    assert {name for name, how in fixed.items() if "doctor" in how} == {*ANEW, GENERATIONS}
    assert {name for name, how in fixed.items() if not how} == set(fixed) - {*ANEW, GENERATIONS}


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
