"""What a person meets at the terminal: sources, first syncs, tables, names of answers."""

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
