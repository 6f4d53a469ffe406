"""What a person meets at the terminal: sources, first syncs, tables, names of answers."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.shell import Shell


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    for name in ("RAGLOOP_HOME", "RAGLOOP_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    handbook = tmp_path / "handbook"
    handbook.mkdir()
    (handbook / "lynx.md").write_text("# Lynx\n\nThe Eurasian lynx weighs between 18 and 30 kilograms.\n")
    (handbook / "otter.md").write_text("# Otter\n\n## Food\n\nOtters eat fish, crabs and frogs, mostly at night.\n")
    return Shell(tmp_path, capsys)


@pytest.mark.realmodel
def test_sources_are_added_listed_synced_and_removed(shell: Shell) -> None:
    assert "no sources yet" in shell("sources", "list").out
    (shell.folder / "ragloop.toml").write_text("# Ours.\n")
    added = shell("sources", "add", "handbook", "--label", "staff", "--json").json
    assert added == {"file": "ragloop.toml", "name": "handbook", "uri": "handbook", "labels": ["staff"]}
    assert shell("sync", "--json").json["added"] == 2
    (listed,) = shell("sources", "list", "--json").json["sources"]
    assert listed.keys() == {"name", "uri", "documents", "last_scan", "lag_s", "problem"}
    assert (listed["name"], listed["documents"], listed["problem"]) == ("handbook", 2, None)
    assert shell("status", "--json").json["sources"] == [listed]
    assert "just now" in shell("sources", "list").out

    asked = shell("sources", "remove", "handbook")
    assert "would delete 2 documents" in asked.err
    assert shell("sources", "list", "--json").json["sources"] == [listed]
    removed = shell("sources", "remove", "handbook", "--yes", "--json").json
    assert (removed["removed"], removed["file"]) == (True, "ragloop.toml")
    assert shell("sources", "list", "--json").json == {"sources": []}
    assert (shell.folder / "ragloop.toml").read_text() == "# Ours.\n"
    assert (shell.folder / "handbook" / "otter.md").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["handbook/otter.md"], "found a file at handbook/otter.md, expected a folder"),
        (["nowhere"], "found no folder at nowhere"),
        (["gs://bucket/x"], "expected a folder or s3://bucket/prefix"),
        (["handbook", "--name", "a b"], "cannot add handbook: name: "),
        (["handbook", "--include", "[z-a]"], "is not a glob pattern"),
        (["handbook", "--queue", "handbook-changes"], "is not the address of a queue"),
    ],
)
def test_a_source_that_cannot_be_added_leaves_the_configuration(shell: Shell, arguments: list[str], told: str) -> None:
    assert told in shell.fails(2, "sources", "add", *arguments)
    assert not (shell.folder / "ragloop.toml").exists()


def test_a_name_and_a_place_are_taken_once(shell: Shell) -> None:
    shell("sources", "add", "handbook")
    before = (shell.folder / "ragloop.toml").read_text()
    assert "a source handbook exists already" in shell.fails(2, "sources", "add", "handbook")
    assert "are both all of" in shell.fails(2, "sources", "add", "handbook", "--name", "again")
    assert (shell.folder / "ragloop.toml").read_text() == before


# --- the first sync --------------------------------------------------------------------------------------------------


@pytest.mark.realmodel
def test_answers_are_cited_by_line_and_named_by_the_beginning_of_their_id_or_last(shell: Shell) -> None:
    first = shell("sync", "handbook")
    assert re.fullmatch(r"2 added, 2 chunks, \d.*s\n", first.out)
    assert "unchanged" not in first.out
    asked = shell("ask", "What do otters eat?")
    assert "[1] handbook/otter.md:5  Otter > Food" in asked.out
    interaction = shell("ask", "How heavy is a lynx?", "--json").json["interaction_id"]
    assert shell("feedback", "last", "--up", "--json").json["interaction_id"] == interaction
    assert shell("feedback", interaction[:8], "--up", "--json").json["interaction_id"] == interaction
    assert "found no interaction 'x'" in shell.fails(2, "feedback", "x", "--up")
    log = shell("log", "tail").out
    assert interaction[:8] in log
    assert "just now" in log
    assert "handbook/lynx.md:3" in shell("search", "lynx").out

    (shell.folder / "handbook" / "otter.md").write_text("Otters moved.\n")
    assert "[1] handbook/otter.md  Otter > Food" in shell("ask", "What do otters eat?").out, "no line of another text"
    assert "0 documents" not in shell("status", "-q").out
    assert shell("sync", "-q").err == ""


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("s3:/bucket/docs", "ragloop sources add s3://BUCKET/PREFIX"),
        ("S3://bucket", "ragloop sources add s3://BUCKET/PREFIX"),
        ("s3/bucket", "ragloop sources add s3://BUCKET/PREFIX"),
        ("https://example.org/docs", "ragloop sources add s3://BUCKET/PREFIX"),
        (
            "handbook/otter.md",
            "found a file at handbook/otter.md, expected a folder; nothing was changed: name its folder",
        ),
        ("handbok", "found no folder at handbok"),
    ],
)
def test_what_is_no_folder_is_said_before_a_home_is_made(shell: Shell, folder: str, told: str) -> None:
    assert told in shell.fails(2, "sync", folder)
    assert not (shell.folder / ".ragloop").exists()


@pytest.mark.realmodel
def test_an_empty_folder_and_what_git_ignores_are_said(shell: Shell) -> None:
    (shell.folder / "empty").mkdir()
    ran = shell("sync", "empty")
    assert ran.code == 0
    assert "the source is empty" in ran.err
    shutil.copytree(shell.folder / "handbook", shell.folder / "gone")
    shell("sync", "gone")
    shutil.rmtree(shell.folder / "gone")
    ran = shell("sync", "gone", "--confirm-deletes")
    assert ("2 deleted" in ran.out, "is empty" in ran.err) == (True, False), "what was asked for is done"
    (shell.folder / "handbook" / ".gitignore").write_text("otter.md\n")
    (shell.folder / "handbook" / "node_modules").mkdir()
    said = shell("sync", "handbook").err
    assert "1 excluded, 1 ignored by .gitignore" in said
    assert "excluded: node_modules/ (sources.exclude)" in said
    assert "ignored: otter.md (sources.gitignore)" in said


def _terminal(folder: Path, *arguments: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start a command at a terminal of 80 columns; returns it with the terminal's other end."""
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAGLOOP_")}
    environment = {**kept, "TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1"}
    code = "from ragloop.cli.main import run; run()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    return process, ours


def _read_until(terminal: int, wanted: str, seconds: float) -> str:
    """Read what a terminal shows until a pattern stands there, or it is closed."""
    said, end = "", time.monotonic() + seconds
    while not re.search(wanted, said) and time.monotonic() < end:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        said += part.decode(errors="replace")
    return said


@pytest.mark.realmodel
def test_a_first_sync_shows_where_it_is_and_says_what_is_kept_when_it_is_stopped(shell: Shell) -> None:
    for number in range(300):
        lines = "\n\n".join(f"Animal {number} has habit {habit}, as written on page {number}." for habit in range(40))
        (shell.folder / "handbook" / f"{number:03}.md").write_text(f"# {number}\n\n{lines}\n")
    process, terminal = _terminal(shell.folder, "sync", "handbook")
    try:
        shown = _read_until(terminal, r"\b[1-9]\d* of 302 documents searchable", 120)
        assert "opening the index" in shown
        assert re.search(r"\b[1-9]\d* of 302 documents searchable", shown)
        os.killpg(process.pid, signal.SIGINT)
        rest = _read_until(terminal, "goes on from here", 240)
        assert re.search(r"stopped; \d+ of 302 documents are searchable and stay so", rest)
        assert "`ragloop sync handbook` goes on from here" in rest
        assert "Traceback" not in shown + rest
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
    assert shell("status", "--json").json["documents"] > 0


# --- options of every command ----------------------------------------------------------------------------------------


def test_version_and_short_help_are_there(shell: Shell) -> None:
    assert re.fullmatch(r"ragloop \d+\.\d+\.\d+\S*\n", shell("--version").out)
    assert "Questions and answers" in shell("-h").out
    assert "ragloop feedback last --up" in shell("feedback", "-h").out


def test_the_configuration_of_a_folder_above_is_found_with_its_home(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell("sources", "add", "handbook")
    below = shell.folder / "handbook" / "deep"
    below.mkdir()
    monkeypatch.chdir(below)
    (found,) = shell("sources", "list", "--json").json["sources"]
    assert found["uri"] == str(shell.folder / "handbook")
    assert f"found no index in {shell.folder / '.ragloop'}" in shell.fails(2, "search", "lynx")
    (below / ".ragloop").mkdir()
    assert shell("sources", "list", "--json").json["sources"] == [], "a home without a file is a project of its own"


def test_variables_stand_in_a_file_and_the_shell_wins(shell: Shell) -> None:
    before = dict(os.environ)
    try:
        (shell.folder / ".env").write_text("RAGLOOP_HOME=state\nPATH=/nowhere\nLD_PRELOAD=evil.so\n")
        assert "found no index in state" in shell.fails(2, "search", "lynx")
        assert os.environ["PATH"] == before["PATH"]
        assert "LD_PRELOAD" not in os.environ
        os.environ["RAGLOOP_HOME"] = "other"
        assert "found no index in other" in shell.fails(2, "search", "lynx")
    finally:
        os.environ.clear()
        os.environ.update(before)
