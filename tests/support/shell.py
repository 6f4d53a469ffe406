"""Commands run as a person types them, in this process."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ragloop.cli.main import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout."""
        (line,) = self.out.splitlines()
        report: dict[str, Any] = json.loads(line)
        return report


class Shell:
    """Runs commands in this process, in a working folder of their own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Ran:
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        return Ran(int(ended.value.code or 0), out, err)

    def fails(self, code: int, *arguments: str | Path) -> str:
        """Run a command that must fail with this code; returns the one line that it says."""
        ran = self(*arguments)
        assert (ran.code, ran.out) == (code, "")
        (line,) = ran.err.strip().splitlines()
        assert line.startswith("ragloop: ")
        return line
