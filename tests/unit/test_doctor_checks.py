"""The checks of doctor agree with what they say of themselves, without a store."""

import pytest

from ragloop.corpus.doctor.check import Check, Completion, Finding, Found, named
from ragloop.corpus.doctor.checks import CHECKS
from ragloop.corpus.doctor.examination import Examination

NOTHING_READ = Examination(None)


def finding(found: Found) -> Finding | None:
    return Check("rows", "rows that are wrong", "rebuilt", lambda examined: found).finding(NOTHING_READ)


@pytest.mark.parametrize("check", CHECKS, ids=lambda one: f"{one.name}: {one.looks_for}")
def test_a_check_names_a_repair_if_and_only_if_it_has_one(check: Check) -> None:
    repairs = check.fix is not None or check.completed_by is not Completion.NOTHING
    assert repairs == (not check.repair.startswith("none"))


@pytest.mark.parametrize("check", [one for one in CHECKS if one.destroys], ids=lambda one: one.name)
def test_a_check_that_destroys_says_so(check: Check) -> None:
    assert "deleted" in check.repair


def test_checks_that_share_a_name_differ_in_what_they_look_for() -> None:
    described = [(one.name, one.looks_for) for one in CHECKS]
    assert len(set(described)) == len(described)


def test_nothing_found_is_no_finding() -> None:
    assert finding(Found()) is None
    assert finding(named([])) is None


def test_of_many_names_the_first_few_are_given_in_order() -> None:
    found = finding(named(["e", "d", "c", "b", "a"]))
    assert found == Finding("rows", 5, "rows that are wrong: a, b, c, and 2 more", "rebuilt")


def test_what_was_found_may_say_more_than_its_check() -> None:
    assert finding(Found(2, (), "two rows", "none")) == Finding("rows", 2, "two rows", "none")
