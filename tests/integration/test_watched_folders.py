"""A folder that is watched, while it is changed, moved away and put back."""

import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.config import Settings
from ragloop.corpus.index import inventory
from ragloop.corpus.sync.report import SourceOutcome, SyncReport
from ragloop.orchestrator.names import Names
from ragloop.orchestrator.prefect_api import PrefectApi
from ragloop.orchestrator.processes import interruptible
from ragloop.orchestrator.watching.batch_runs import note
from ragloop.orchestrator.watching.bell import AGAIN_S
from ragloop.orchestrator.watching.doorbell import WatchedFolder, ring
from tests.support.constant_embedder import ConstantEmbedder


def test_another_folder_in_the_place_of_the_watched_one_is_watched_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragloop.orchestrator.watching.doorbell._LOST_PAUSE_S", 0.2)
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "heron.md").write_text("# Heron\n\nThe heron eats frogs.\n")
    app = App(
        Settings(home=tmp_path / "home", sources=[{"name": "handbook", "uri": str(folder)}]),
        embedder=ConstantEmbedder(),
    )
    app.corpus.sync()
    (source,) = app.corpus.folders()
    with WatchedFolder(app, source) as look:
        look.apply(0)
        time.sleep(1)
        (tmp_path / "next").mkdir()
        (tmp_path / "next" / "heron.md").write_text("# Heron\n\nThe heron eats frogs.\n")
        folder.rename(tmp_path / "before")
        (tmp_path / "next").rename(folder)
        assert _applied_in_time(look)
        while look.apply(2):
            pass  # until nothing more is told of the exchange
        (folder / "crane.md").write_text("# Crane\n\nThe crane dances at dawn.\n")
        assert _applied_in_time(look)
    assert set(inventory.keys(app.index).values()) == {"heron.md", "crane.md"}


def _applied_in_time(look: WatchedFolder) -> bool:
    return look.apply(60) is not None


def test_a_folder_is_rung_for_until_a_scan_that_began_after_its_change_is_complete(tmp_path: Path) -> None:
    folder = tmp_path / "handbook"
    folder.mkdir()
    app = App(
        Settings(home=tmp_path / "home", sources=[{"name": "handbook", "uri": str(folder)}]),
        embedder=ConstantEmbedder(),
    )
    app.corpus.sync()
    (source,) = app.corpus.folders()
    watched = WatchedFolder(app, source)
    bell = watched.bell
    for _ in range(2):  # the run that the first ring starts is cancelled: another one is under way
        found, told = watched.look()
        assert (found.waits, told) == (True, {"waiting": None, "folder": str(folder)})
        bell = bell.seen(found).rung(0)
        watched.rang()
    found, _ = watched.look()
    bell = bell.seen(found)
    assert (found.waits, bell.again_s) == (True, 2 * AGAIN_S)
    app.corpus.sync()
    found, _ = watched.look()
    assert (found.waits, bell.seen(found).again_s) == (False, AGAIN_S)


@pytest.mark.parametrize(
    ("messages", "line"), [(0, "docs: 1 added in 0.50 s"), (2, "docs: 1 added; 2 messages in 0.50 s")]
)
def test_messages_are_told_of_where_there_were_any(
    tmp_path: Path, messages: int, line: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    report = replace(SyncReport.of(SourceOutcome()), added=1, seconds=0.5)
    with caplog.at_level("INFO", "ragloop"):
        note(App(Settings(home=tmp_path / "home")), None, report, messages, ["docs"])
    assert caplog.messages == [line]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # that is what is made here
@pytest.mark.timeout(30)
def test_a_watch_ends_though_python_dropped_the_exception_of_its_interrupt() -> None:
    class Interrupting:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    with interruptible() as interrupted:
        held: Interrupting | None = Interrupting()
        held = None  # Python prints what a finalizer raises, and goes on
        ring(PrefectApi("nowhere"), Names("tides"), [], 0.01, {}, interrupted)
    assert held is None
    assert interrupted.is_set()
