"""A folder as a source: what is listed, and what reading refuses."""

import errno
import os
import stat
import urllib.parse
from pathlib import Path

import pytest

from ragloop.corpus.sources import local
from ragloop.corpus.sources.local import LocalFolder, changed_at
from ragloop.errors import DocumentError, PassingDocumentError


def _written(file: Path, text: str = "text\n") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def _keys(source: LocalFolder) -> list[str]:
    return [listed.key for listed in source.list()]


@pytest.mark.parametrize("exclude", [(), (".*",), ("!home/",)])
def test_the_folder_to_leave_out_is_never_listed(tmp_path: Path, exclude: tuple[str, ...]) -> None:
    folder, home = tmp_path / "folder", tmp_path / "folder" / "home"
    _written(home / "cache" / "a.md")
    _written(folder / "homely" / "b.md")
    (folder / "linked.md").symlink_to(home / "cache" / "a.md")
    assert _keys(LocalFolder("docs", folder, exclude=exclude, leave_out=[home])) == ["homely/b.md"]


def test_a_source_inside_the_folder_to_leave_out_is_listed(tmp_path: Path) -> None:
    _written(tmp_path / "docs" / "a.md")
    assert _keys(LocalFolder("docs", tmp_path / "docs", leave_out=[tmp_path])) == ["a.md"]
    assert _keys(LocalFolder("docs", tmp_path, leave_out=[tmp_path])) == ["docs/a.md"]


@pytest.mark.parametrize(("seconds", "year"), [(300_000_000_000, 9999), (2**62, 9999), (-100_000_000_000, 1)])
def test_a_time_beyond_the_calendar_is_taken_as_its_end(seconds: int, year: int) -> None:
    found = os.stat_result((stat.S_IFREG, 1, 1, 1, 0, 0, 0, 0, seconds, 0))
    assert changed_at(found).year == year


def test_folders_may_be_nested_deeper_than_the_stack(tmp_path: Path) -> None:
    depth = 1_100
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("a.md", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    try:
        assert _keys(LocalFolder("docs", tmp_path)) == ["d/" * depth + "a.md"]
    finally:
        _remove_nested(tmp_path, depth)


def _remove_nested(folder: Path, depth: int) -> None:
    """pytest removes its folders recursively."""
    (folder / "/".join(["d"] * depth) / "a.md").unlink()
    for left in range(depth, 0, -1):
        (folder / "/".join(["d"] * left)).rmdir()


def test_paths_are_listed_in_order(tmp_path: Path) -> None:
    for key in ("b/z.md", "a.md", "c.md", "b/a/x.md"):
        _written(tmp_path / key)
    assert _keys(LocalFolder("docs", tmp_path)) == ["a.md", "b/a/x.md", "b/z.md", "c.md"]


@pytest.mark.parametrize("becomes", ["link", "linked folder", "pipe"])
def test_what_became_something_else_since_it_was_listed_is_not_read(tmp_path: Path, becomes: str) -> None:
    _written(tmp_path / "outside" / "a.md", "secret\n")
    file = _written(tmp_path / "docs" / "inner" / "a.md")
    source = LocalFolder("docs", tmp_path / "docs")
    (listed,) = source.list()
    file.unlink()
    if becomes == "link":
        file.symlink_to(tmp_path / "outside" / "a.md")
    elif becomes == "pipe":
        os.mkfifo(file)
    else:
        file.parent.rmdir()
        file.parent.symlink_to(tmp_path / "outside")
    with pytest.raises(DocumentError, match="no longer a regular file"):
        source.read(listed, 100)


@pytest.mark.parametrize(
    ("changed_ns", "age_s", "settles_s"),
    [
        (1_700_000_000_123_456_789, 0.019, 0.02),
        (1_700_000_000_123_456_789, 0.021, 0),
        (1_700_000_000_123_456_789, -3_600, 0.02),  # of a clock that is ahead
        (1_700_000_000_120_000_000, 0.029, 0.03),  # exFAT
        (1_700_000_000_120_000_000, 0.031, 0),
        (1_700_000_001_000_000_000, 5, 2.02),
        (1_700_000_001_000_000_000, 86_000, 2.02),
        (1_700_000_001_000_000_000, 86_403, 0),
    ],
)
def test_a_stamp_is_trusted_when_its_clock_has_moved_on(
    tmp_path: Path, changed_ns: int, age_s: float, settles_s: float
) -> None:
    source = LocalFolder("docs", tmp_path)
    at_us = changed_ns // 1_000 + int(age_s * 1e6)
    assert source.settles_us(f"12:{changed_ns - 10**12}:{changed_ns}:7", at_us) == pytest.approx(settles_s * 1e6, abs=1)
    assert source.settles_us("", at_us) == 0


def test_a_uri_is_the_same_whether_its_source_is_the_root_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a b.md").write_text("a")
    (here,) = LocalFolder("docs", tmp_path).list()
    above = ["", *tmp_path.parts[1:]]
    # Of each folder on the way nothing but the next one, so that the machine is not searched.
    inside = ["/".join(above[: depth + 1]) for depth in range(len(above))]
    only = [
        line for one, following in zip(inside, [*inside[1:], ""], strict=True) for line in (f"{one}/*", f"!{following}")
    ]
    (from_root,) = LocalFolder("root", Path("/"), exclude=only[:-2]).list()
    assert from_root.uri == here.uri == f"file://{tmp_path.as_posix()}/a%20b.md"


def test_a_uri_leads_back_to_any_file_name(tmp_path: Path) -> None:
    name = "100% #1? é\n.md"
    file = _written(tmp_path / name)
    (listed,) = LocalFolder("docs", tmp_path).list()
    parts = urllib.parse.urlsplit(listed.uri)
    assert (parts.scheme, parts.query, parts.fragment) == ("file", "", "")
    assert urllib.parse.unquote(parts.path) == os.fspath(file)
    assert listed.uri.isascii()
    assert listed.key == name


def test_watching_ignores_changes_to_excluded_files(tmp_path: Path) -> None:
    source = LocalFolder("s", tmp_path, exclude=(".*", "drafts/"), leave_out=[tmp_path / "home"])
    told = {
        name: source.may_hold(str(tmp_path / name))
        for name in ("a.md", "in/b.md", "in", ".git/x", "drafts/c.md", "home/i")
    }
    assert told == {"a.md": True, "in/b.md": True, "in": True, ".git/x": False, "drafts/c.md": False, "home/i": False}
    assert not source.may_hold(str(tmp_path.parent / "other.md"))


@pytest.mark.parametrize(("number", "passes"), [(errno.EIO, True), (errno.EMFILE, True), (errno.EACCES, False)])
def test_a_disk_that_fails_is_tried_again_and_a_forbidden_file_when_its_stamp_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, passes: bool
) -> None:
    def failing(path: str, flags: int) -> int:
        raise OSError(number, os.strerror(number), path)

    _written(tmp_path / "a.md")
    source = LocalFolder("docs", tmp_path)
    (listed,) = source.list()
    monkeypatch.setattr(local, "_open_at_once", failing)
    with pytest.raises(DocumentError, match="cannot be read") as raised:
        source.read(listed, 100)
    assert isinstance(raised.value, PassingDocumentError) is passes
