"""Tables, cards, times and the line of a sync, as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from ragloop.cli.output import ago, duration, print_facts, print_table
from ragloop.cli.progress import sync_line

ROWS = [
    {
        "id": "a1",
        "question": "How do I rotate the keys of the production cluster?",
        "answer": "With ragctl rotate.",
        "n": 3,
    },
    {"id": "b2", "question": "Who may deploy?", "answer": None, "n": 12},
]
COLUMNS = ["id", "question", "answer", "nothing", "n"]


@pytest.mark.parametrize(("width", "table"), [(120, True), (80, True), (60, True), (50, False), (30, False)])
def test_a_table_that_does_not_fit_becomes_cards_and_no_line_is_too_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int, table: bool
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_table("Answers", ROWS, COLUMNS)
    out = capsys.readouterr().out
    assert ("┏" in out) is table
    assert max(map(len, out.splitlines())) <= width
    assert "nothing" not in out, "a column without values is left out"
    assert "rotate" in out


def test_a_card_leaves_out_what_its_row_does_not_have(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_table("Answers", ROWS, COLUMNS)
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "",
        "id        b2",
        "question  Who may deploy?",
        "n         12",
    ]


def test_a_table_without_rows_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Answers", [], COLUMNS)
    assert capsys.readouterr().out == "Answers: none\n"


def test_no_facts_are_a_title(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts("Measured", {})
    assert capsys.readouterr().out.split() == ["Measured"]


def test_no_color_is_honoured(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_table("Answers", ROWS, COLUMNS)
    assert "\x1b[" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    print_table("Answers", ROWS, COLUMNS)
    assert "\x1b[3" not in capsys.readouterr().out.replace("\x1b[3m", "")


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.04, "0.04 s"), (7.25, "7.2 s"), (333, "5 min 33 s"), (3600, "1 h"), (7260, "2 h 1 min"), (180_000, "2 d 2 h")],
)
def test_a_time_is_written_in_its_two_largest_units(seconds: float, written: str) -> None:
    assert duration(seconds) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(2, "just now"), (59, "59 s ago"), (200, "3 min ago"), (7300, "2 h ago"), (200_000, "2 d ago")],
)
def test_a_moment_is_written_as_how_long_ago_it_is(seconds: float, written: str) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    assert ago(now - timedelta(seconds=seconds), now) == written


def test_a_sync_tells_its_rate_and_the_time_left_once_it_can() -> None:
    assert sync_line(0, 119, 0, 1.0) == "0 of 119 documents searchable · 0 chunks"
    assert sync_line(30, 120, 500, 20.0) == "30 of 120 documents searchable · 500 chunks · 25/s · 1 min left"
    assert sync_line(1, 2, 4, 8.0) == "1 of 2 documents searchable · 4 chunks · 0.5/s · 8 s left"
