"""The notebook of docs/ runs from its first cell to its last; cells show what a reader is meant to see."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"


def code_cells() -> list[str]:
    held = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    cells = [one for one in held["cells"] if one["cell_type"] == "code"]
    assert not [one for one in cells if one["outputs"] or one["execution_count"]], "clear the outputs before a commit"
    return ["".join(one["source"]) for one in cells]


def run(cell: str, names: dict[str, Any]) -> str:
    """Run a cell as a notebook does; return what it shows of its last expression."""
    tree = ast.parse(cell)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(NOTEBOOK), "exec"), names)
    if not isinstance(last, ast.Expr):
        return ""
    value = eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names)
    return str(value._repr_html_() if hasattr(value, "_repr_html_") else repr(value))


@pytest.mark.realmodel
def test_the_notebook_runs_and_shows_its_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    synced, answer, abstained, found, documents, changed, again, voted, closed = (
        run(one, names) for one in code_cells()
    )
    assert "<td>added</td><td>2</td>" in synced
    assert "ragctl rotate" in answer
    assert "keys.md" in answer
    assert abstained == "True"
    assert "every night at two" in found
    assert "backup.md" in documents
    assert "<td>updated</td><td>1</td>" in changed
    assert "at four" in again
    assert len(voted) > 30
    assert closed == "None"
