"""The generations that a store knows and what the settings ask for in, what a sync works on out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ragloop.corpus.index.generations.generation import Generation, GenerationState, KnownGeneration
from ragloop.corpus.index.generations.next_step import Situation, Step, next_step

ANSWERS = Generation("parser 1", "chunker 1/200", "small", 384)
WANTED = Generation("parser 1", "chunker 1/200", "large", 768)
OTHER = Generation("parser 1", "chunker 1/400", "small", 384)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def _known(generation: Generation, state: GenerationState, number: int = 1) -> KnownGeneration:
    return KnownGeneration(replace(generation, number=number), state, BEGAN + timedelta(days=number))


ACTIVE_ONE = _known(ANSWERS, GenerationState.ACTIVE)


def _step(*known: KnownGeneration, wanted: Generation = WANTED, gone: str = "", rebuild: bool = False) -> Step:
    tables = {one.table for one in known} - {gone}
    return next_step(known, wanted, tables=tables, rebuild=rebuild)


def test_where_nothing_answers_what_is_wanted_is_made_and_what_cannot_answer_is_abandoned() -> None:
    half = _known(WANTED, GenerationState.BUILDING)
    assert _step() == Step(Situation.NOTHING_ANSWERS)
    step = _step(ACTIVE_ONE, half, _known(OTHER, GenerationState.RETIRED), gone=ACTIVE_ONE.table)
    assert step == Step(Situation.NOTHING_ANSWERS, abandoned=(ACTIVE_ONE, half))
    assert not step.builds


@pytest.mark.parametrize("state", [GenerationState.BUILDING, GenerationState.READY])
def test_a_build_that_was_begun_goes_on_and_another_one_is_abandoned(state: GenerationState) -> None:
    half, other = _known(WANTED, state), _known(OTHER, GenerationState.BUILDING)
    step = _step(half, other, ACTIVE_ONE)
    assert step == Step(Situation.HALF_BUILT, ACTIVE_ONE, half, (other,))
    assert step.builds


def test_what_answers_is_brought_up_to_date_where_the_settings_ask_for_it() -> None:
    other = _known(OTHER, GenerationState.READY)
    step = _step(other, ACTIVE_ONE, wanted=ANSWERS)
    assert step == Step(Situation.UP_TO_DATE, ACTIVE_ONE, None, (other,))
    assert not step.builds


def test_a_rebuild_of_what_answers_goes_on() -> None:
    half = _known(ANSWERS, GenerationState.BUILDING, 2)
    assert _step(half, ACTIVE_ONE, wanted=ANSWERS) == Step(Situation.HALF_BUILT, ACTIVE_ONE, half)


def test_what_was_rolled_back_is_not_built_again_though_its_table_is_gone() -> None:
    refused = _known(WANTED, GenerationState.REFUSED)
    step = _step(ACTIVE_ONE, refused, gone=refused.table)
    assert step == Step(Situation.REFUSED, ACTIVE_ONE)
    assert not step.builds


def test_what_answered_before_is_brought_up_to_date_while_it_is_kept() -> None:
    newer, older = _known(WANTED, GenerationState.RETIRED, 2), _known(WANTED, GenerationState.RETIRED)
    step = _step(ACTIVE_ONE, newer, older)
    assert step == Step(Situation.KEPT, ACTIVE_ONE, newer)
    assert step.builds
    assert _step(ACTIVE_ONE, newer, older, gone=newer.table).building == older


def test_what_is_wanted_is_built_anew_where_nothing_of_it_is_left() -> None:
    retired = _known(WANTED, GenerationState.RETIRED)
    step = _step(ACTIVE_ONE, retired, _known(OTHER, GenerationState.RETIRED), gone=retired.table)
    assert step == Step(Situation.WANTED, ACTIVE_ONE)
    assert step.builds


@pytest.mark.parametrize("state", [one for one in GenerationState if one != GenerationState.ACTIVE])
def test_a_rebuild_begins_a_new_table_whatever_is_there(state: GenerationState) -> None:
    there = _known(WANTED, state)
    step = _step(ACTIVE_ONE, there, rebuild=True)
    assert (step.situation, step.building, step.builds) == (Situation.WANTED, None, True)
    assert step.abandoned == ((there,) if state in (GenerationState.BUILDING, GenerationState.READY) else ())


def test_a_rebuild_where_nothing_answers_builds_nothing_beside() -> None:
    assert not _step(rebuild=True).builds
