"""What .gitignore files leave out of a folder."""

import shutil
import subprocess
from pathlib import Path

import pytest

from ragloop.corpus.sources.local import LocalFolder
from ragloop.errors import NotFoundError

FILES = (
    "a.md", "draft.md", "keep.md", "out/x.md", "inner/draft.md", "inner/kept.md", "inner/out/y.md",
    "inner/deep/draft.md", "inner/deep/z.md", "inner/ö ü.md",
)  # fmt: skip
RULES = {
    ".gitignore": "# drafts\ndraft.md\n/out/\n!keep.md\n",
    "inner/.gitignore": "!draft.md\nö*\n",
    "inner/deep/.gitignore": "*\n!z.md\n",
}


def _write(folder: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _keys(source: LocalFolder) -> list[str]:
    return sorted(one.key for one in source.list())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _write(tmp_path / "repository", dict.fromkeys(FILES, "text"))
    _write(tmp_path / "repository", RULES)
    return tmp_path / "repository"


LEFT = ["a.md", "inner/deep/z.md", "inner/draft.md", "inner/kept.md", "inner/out/y.md", "keep.md"]


def test_nested_files_leave_out_what_they_name_and_take_back_what_one_further_out_named(folder: Path) -> None:
    assert _keys(LocalFolder("docs", folder)) == LEFT
    assert _keys(LocalFolder("docs", folder, gitignore=False)) == sorted(FILES)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git as the oracle")
def test_git_lists_the_same_files(folder: Path) -> None:
    subprocess.run(["git", "init", "-q", folder], check=True)
    listed = subprocess.run(
        ["git", "-C", folder, "ls-files", "-coz", "--exclude-standard"], check=True, capture_output=True, text=True
    )
    assert sorted(one for one in listed.stdout.split("\0") if one.endswith(".md")) == LEFT


def test_what_is_left_out_is_counted_and_named_and_a_folder_counts_as_one(folder: Path) -> None:
    listing = LocalFolder("docs", folder).list()
    list(listing)
    passed = listing.passed_over
    assert passed.ignored == 4
    assert {one.key for one in passed.named if one.why == "ignored"} == {
        "draft.md", "out/", "inner/deep/draft.md", "inner/ö ü.md",
    }  # fmt: skip
    assert "4 ignored by .gitignore" in str(passed)


def test_the_files_of_the_repository_around_a_source_count(folder: Path) -> None:
    assert _keys(LocalFolder("inner", folder / "inner" / "deep")) == ["z.md"]
    _write(folder, {".gitignore": "y.md\n"})
    assert _keys(LocalFolder("out", folder / "inner" / "out")) == ["y.md"], "without a repository none above is asked"
    (folder / ".git").mkdir()
    assert _keys(LocalFolder("out", folder / "inner" / "out")) == []


def test_a_folder_that_is_ignored_and_named_all_the_same_is_read(folder: Path) -> None:
    (folder / ".git").mkdir()
    assert _keys(LocalFolder("out", folder / "out")) == ["x.md"]


def test_a_source_holds_no_folder_that_it_ignores(folder: Path) -> None:
    source = LocalFolder("docs", folder)
    assert source.holds_folder(str(folder / "inner" / "out"))
    assert not source.holds_folder(str(folder / "out"))
    assert LocalFolder("docs", folder, gitignore=False).holds_folder(str(folder / "out"))


def test_what_tools_install_and_make_is_left_out_by_default(tmp_path: Path) -> None:
    _write(tmp_path, dict.fromkeys(("node_modules/a.md", "build/b.md", ".venv/c.md", "venv/d.md", "e.md"), "text"))
    listing = LocalFolder("docs", tmp_path).list()
    assert [one.key for one in listing] == ["e.md"]
    assert {one.key for one in listing.passed_over.named} == {"node_modules/", "build/", ".venv/", "venv/"}
    assert "build/b.md" in _keys(LocalFolder("docs", tmp_path, exclude=(".*",)))


@pytest.mark.parametrize("lines", ["!\n", "a\\\n", "[\n", "\x00\n", "/\n", "\xff\n"])
def test_a_line_that_git_would_not_take_leaves_out_nothing(tmp_path: Path, lines: str) -> None:
    _write(tmp_path, {"a.md": "text", ".gitignore": lines})
    assert _keys(LocalFolder("docs", tmp_path)) == ["a.md"]


def test_a_file_that_is_a_link_is_not_followed_and_one_that_cannot_be_read_ends_the_listing(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    _write(tmp_path, {"docs/a.md": "text", "rules": "a.md"})
    (folder / ".gitignore").symlink_to(tmp_path / "rules")
    assert _keys(LocalFolder("docs", folder)) == ["a.md"]
    (folder / ".gitignore").unlink()
    (folder / ".gitignore").mkdir()
    assert _keys(LocalFolder("docs", folder)) == ["a.md"]


def test_a_file_that_cannot_be_read_ends_the_listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, {"a.md": "text", ".gitignore": "a.md"})

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(NotFoundError, match="gitignore = false"):
        _keys(LocalFolder("docs", tmp_path))
