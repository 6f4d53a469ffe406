"""A commit tries a third of the long tests, another commit another third."""

from pathlib import Path

from tests.support.thirds import is_in_third

ROOT = Path(__file__).parents[2]
FILES = [one.relative_to(ROOT).as_posix() for one in (ROOT / "tests").rglob("test_*.py")]


def test_a_commit_takes_about_a_third_and_thirty_of_them_every_file() -> None:
    taken = [{file for file in FILES if is_in_third(f"{commit:040x}", file)} for commit in range(30)]
    assert all(0.2 < len(one) / len(FILES) < 0.5 for one in taken)
    assert set().union(*taken) == set(FILES)
