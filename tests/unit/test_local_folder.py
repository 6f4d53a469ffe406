"""A folder as a source: what is listed, and what reading refuses."""

from pathlib import Path

import pytest

from ragloop.corpus.local import LocalFolder


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
    assert _keys(LocalFolder("docs", folder, exclude=exclude, leave_out=home)) == ["homely/b.md"]


def test_a_source_inside_the_folder_to_leave_out_is_listed(tmp_path: Path) -> None:
    _written(tmp_path / "docs" / "a.md")
    assert _keys(LocalFolder("docs", tmp_path / "docs", leave_out=tmp_path)) == ["a.md"]
    assert _keys(LocalFolder("docs", tmp_path, leave_out=tmp_path)) == ["docs/a.md"]
