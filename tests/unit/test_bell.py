"""What waits, what a run is at, the last scan and the clock in, whether to ring and when to look next out."""

from datetime import UTC, datetime, timedelta

from ragloop.orchestrator.watching.bell import AGAIN_S, LONGEST_QUEUE_S, STARTS_WITHIN, Bell, Look, Run, Unscanned

WAITS, UNDER_WAY = Look.at_queue(waiting=1, held=0), Look.at_queue(waiting=1, held=1)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _pauses(bell: Bell, looks: list[Look]) -> list[float]:
    """How long the bell waits after each of these looks, each of which is rung for as soon as it may be."""
    now_s, pauses = 0.0, []
    for look in looks:
        bell = bell.seen(look)
        now_s = max(now_s, bell.next_s)
        assert bell.rings(look, now_s)
        bell = bell.rung(now_s)
        pauses.append(bell.next_s - now_s)
    return pauses


def test_what_waits_is_rung_for_at_once_and_again_after_a_while() -> None:
    bell = Bell(LONGEST_QUEUE_S).seen(WAITS)
    assert bell.rings(WAITS, 100)
    rung = bell.rung(100).seen(WAITS)
    assert (rung.rings(WAITS, 100 + AGAIN_S - 1), rung.rings(WAITS, 100 + AGAIN_S)) == (False, True)


def test_nothing_is_rung_for_where_nothing_waits() -> None:
    for held in (0, 3):
        look = Look.at_queue(waiting=0, held=held)
        assert not Bell(LONGEST_QUEUE_S).seen(look).rings(look, 100)


def test_while_a_run_is_at_it_the_rings_become_rarer_down_to_a_bound() -> None:
    assert _pauses(Bell(60), [WAITS, UNDER_WAY, UNDER_WAY, UNDER_WAY, UNDER_WAY]) == [15, 30, 60, 60, 60]


def test_patience_begins_anew_when_the_run_has_ended() -> None:
    assert _pauses(Bell(60), [WAITS, UNDER_WAY, UNDER_WAY, WAITS, UNDER_WAY]) == [15, 30, 60, 15, 30]


def test_a_queue_that_was_empty_is_rung_for_at_once() -> None:
    rung = Bell(LONGEST_QUEUE_S).seen(WAITS).rung(100)
    assert not rung.seen(Look.at_queue(waiting=0, held=1)).rings(WAITS, 101)
    assert rung.seen(Look.at_queue(waiting=0, held=0)).rings(WAITS, 101)


def test_a_change_of_a_folder_waits_for_a_scan_that_began_after_it() -> None:
    changed = Unscanned().changed(NOON).rung()
    assert changed.scanned(None) == changed.scanned(NOON - timedelta(seconds=1)) == changed
    assert changed.scanned(NOON) == Unscanned()


def test_a_change_after_the_one_that_was_rung_for_waits_on() -> None:
    later = NOON + timedelta(minutes=1)
    waits = Unscanned().changed(NOON).rung().changed(later)
    assert waits.scanned(NOON) == Unscanned(changed_at=later)


def test_a_run_that_was_taken_and_never_begins_is_not_waited_for_for_ever() -> None:
    taken = Run("PENDING", since=NOON, due=NOON)
    assert taken.is_under_way(NOON + timedelta(minutes=1))
    assert not taken.is_under_way(NOON + STARTS_WITHIN)


def test_a_run_that_is_due_or_runs_is_waited_for_and_a_later_one_of_a_schedule_is_not() -> None:
    later = NOON + timedelta(hours=1)
    assert Run("SCHEDULED", since=NOON, due=NOON).is_under_way(later)
    assert Run("RUNNING", since=NOON, due=NOON).is_under_way(later)
    assert not Run("SCHEDULED", since=NOON, due=later).is_under_way(NOON)
    assert not Run("CANCELLED", since=NOON, due=NOON).is_under_way(NOON)
