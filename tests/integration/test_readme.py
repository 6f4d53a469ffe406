"""The Python that the README shows runs as it stands there."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.realmodel
def test_the_python_of_the_readme_answers_with_a_citation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "keys.md").write_text("# Keys\n\nTo rotate the keys, run ragctl rotate on each node.\n")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(README), "exec"), {})
    said = capsys.readouterr().out
    assert "ragctl rotate" in said
    assert "keys.md" in said
