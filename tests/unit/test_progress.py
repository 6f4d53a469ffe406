"""The bar on stderr."""

import pytest

from ragloop.cli.progress import progress


def test_a_bar_that_nothing_moved_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="wrong"), progress("train", "steps"):
        raise ValueError("wrong")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("terminal", ["0", "1"])
def test_a_terminal_gets_the_bar_and_a_pipe_gets_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: str
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", terminal)
    monkeypatch.setenv("TTY_INTERACTIVE", terminal)
    with progress("train", "steps") as advance:
        advance(1, 2, "loss 0.5")
        advance(2, 2, "loss 0.4")
    said = capsys.readouterr().err
    assert ("train (steps)" in said) is (terminal == "1")
    assert bool(said) is (terminal == "1")
