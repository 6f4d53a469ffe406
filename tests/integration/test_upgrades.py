"""What a release that is older than the store does with it, and what a person is told."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ragloop.cli.main import main
from ragloop.store import MIGRATIONS, Store

COMMANDS = [
    "status",
    "sync DOCUMENTS",
    "search otters",
    "ask otters",
    "documents list",
    "index list",
    "drift",
    "dataset build",
    "maintain",
    "doctor",
    "doctor --repair",
    "backup --to BACKUPS",
]


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def of_a_newer_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose store has seen one migration more than this ragloop knows."""
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    table = Store.open(home).table("migrations")
    table.add([{"number": len(MIGRATIONS) + 1, "name": "of_the_future", "at": datetime(2027, 1, 1, tzinfo=UTC)}])
    (tmp_path / "documents").mkdir()
    return home


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_an_older_release_refuses_the_store_and_changes_nothing(
    command: str, of_a_newer_release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of(of_a_newer_release / "store")
    words = command.replace("DOCUMENTS", str(tmp_path / "documents")).replace("BACKUPS", str(tmp_path / "backups"))
    with pytest.raises(SystemExit) as ended:
        main(["--home", str(of_a_newer_release), *words.split()])
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert f"has schema {len(MIGRATIONS) + 1}, this ragloop knows schemas up to {len(MIGRATIONS)}" in told
    assert "install the ragloop that wrote it, or a newer one" in told
    assert files_of(of_a_newer_release / "store") == before
    assert not (tmp_path / "backups").exists()
