"""The generations that a store knows and what the settings ask for in, what a sync works on out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ragloop.corpus.index.generation import (
    BUILDING,
    LIVE,
    READY,
    REFUSED,
    RETIRED,
    Generation,
    KnownGeneration,
    Situation,
    Step,
    next_step,
)

ANSWERS = Generation("parser 1", "chunker 1/200", "small", 384)
WANTED = Generation("parser 1", "chunker 1/200", "large", 768)
OTHER = Generation("parser 1", "chunker 1/400", "small", 384)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def _known(generation: Generation, state: str, number: int = 1) -> KnownGeneration:
    return KnownGeneration(replace(generation, number=number), state, BEGAN + timedelta(days=number))


LIVE_ONE = _known(ANSWERS, LIVE)


def _step(*known: KnownGeneration, wanted: Generation = WANTED, gone: str = "", rebuild: bool = False) -> Step:
    tables = {one.table for one in known} - {gone}
    return next_step(known, wanted, tables=tables, rebuild=rebuild)


def test_where_nothing_answers_what_is_wanted_is_made_and_what_cannot_answer_is_abandoned() -> None:
    half = _known(WANTED, BUILDING)
    assert _step() == Step(Situation.NOTHING_ANSWERS)
    step = _step(LIVE_ONE, half, _known(OTHER, RETIRED), gone=LIVE_ONE.table)
    assert step == Step(Situation.NOTHING_ANSWERS, abandoned=(LIVE_ONE, half))
    assert not step.builds


@pytest.mark.parametrize("state", [BUILDING, READY])
def test_a_build_that_was_begun_goes_on_and_another_one_is_abandoned(state: str) -> None:
    half, other = _known(WANTED, state), _known(OTHER, BUILDING)
    step = _step(half, other, LIVE_ONE)
    assert step == Step(Situation.HALF_BUILT, LIVE_ONE, half, (other,))
    assert step.builds


def test_what_answers_is_brought_up_to_date_where_the_settings_ask_for_it() -> None:
    other = _known(OTHER, READY)
    step = _step(other, LIVE_ONE, wanted=ANSWERS)
    assert step == Step(Situation.UP_TO_DATE, LIVE_ONE, None, (other,))
    assert not step.builds


def test_a_rebuild_of_what_answers_goes_on() -> None:
    half = _known(ANSWERS, BUILDING, 2)
    assert _step(half, LIVE_ONE, wanted=ANSWERS) == Step(Situation.HALF_BUILT, LIVE_ONE, half)


def test_what_was_rolled_back_is_not_built_again_though_its_table_is_gone() -> None:
    refused = _known(WANTED, REFUSED)
    step = _step(LIVE_ONE, refused, gone=refused.table)
    assert step == Step(Situation.REFUSED, LIVE_ONE)
    assert not step.builds


def test_what_answered_before_is_brought_up_to_date_while_it_is_kept() -> None:
    newer, older = _known(WANTED, RETIRED, 2), _known(WANTED, RETIRED)
    step = _step(LIVE_ONE, newer, older)
    assert step == Step(Situation.KEPT, LIVE_ONE, newer)
    assert step.builds
    assert _step(LIVE_ONE, newer, older, gone=newer.table).building == older


def test_what_is_wanted_is_built_anew_where_nothing_of_it_is_left() -> None:
    retired = _known(WANTED, RETIRED)
    step = _step(LIVE_ONE, retired, _known(OTHER, RETIRED), gone=retired.table)
    assert step == Step(Situation.WANTED, LIVE_ONE)
    assert step.builds


@pytest.mark.parametrize("state", [BUILDING, READY, RETIRED, REFUSED])
def test_a_rebuild_begins_a_new_table_whatever_is_there(state: str) -> None:
    there = _known(WANTED, state)
    step = _step(LIVE_ONE, there, rebuild=True)
    assert (step.situation, step.building, step.builds) == (Situation.WANTED, None, True)
    assert step.abandoned == ((there,) if state in (BUILDING, READY) else ())


def test_a_rebuild_where_nothing_answers_builds_nothing_beside() -> None:
    assert not _step(rebuild=True).builds
