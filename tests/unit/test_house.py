"""Rules of the house that no linter knows."""

from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
MOST_LINES = 400


def test_no_module_is_too_long_to_be_read_at_once() -> None:
    modules = [file for folder in ("ragloop", "tasks", "flows") for file in (REPOSITORY / folder).rglob("*.py")]
    assert len(modules) > 100
    lines = {str(file.relative_to(REPOSITORY)): len(file.read_text(encoding="utf-8").splitlines()) for file in modules}
    assert {name: count for name, count in lines.items() if count >= MOST_LINES} == {}
