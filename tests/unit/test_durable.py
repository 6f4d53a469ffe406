"""Files that appear whole or not at all."""

from pathlib import Path

import pytest

from ragloop.durable import whole_file


def test_a_file_is_replaced_when_the_block_ends_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with whole_file(target) as made:
        made.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_block_that_raises_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def break_off() -> None:
        with whole_file(target) as made:
            made.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert [one.read_text() for one in tmp_path.iterdir()] == ["old"]


def test_two_that_write_at_once_do_not_write_into_each_other(tmp_path: Path) -> None:
    target = tmp_path / "file"
    with whole_file(target) as first, whole_file(target) as second:
        first.write_text("first")
        second.write_text("second")
    assert target.read_text() == "first"
