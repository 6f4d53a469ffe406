"""A loop that logs for months keeps what is still true, and nothing else: weeks of a real repository as its sources."""

from pathlib import Path

import pytest

from benchmarks.corrections_last import clone, measure
from tests.constant_embedder import ConstantEmbedder

pytestmark = [pytest.mark.realdata, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def history(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    place = tmp_path_factory.mktemp("history") / "repository"
    return place, clone(realdata, place)


@pytest.mark.parametrize("start", [0, 30])
def test_corrections_fall_with_their_facts_and_outlast_every_other_edit(
    history: tuple[Path, list[str]], tmp_path: Path, start: int
) -> None:
    repository, commits = history
    assert len(commits) == 53
    share, weeks = measure(repository, commits, start, tmp_path / "home", ConstantEmbedder(), every=4, count=250)
    for one in weeks:
        print(f"{share:.1%} eligible; {one.later} weeks later {one.left} of {one.hold} left, {one.by_revision} by "
              f"whole revisions; {one.stale} of {one.changed} stale")  # fmt: skip
    assert share > 0.3, "what is asked for must be among the passages, which vectors without meaning do not help"
    assert [one.stale for one in weeks] == [0, 0, 0]
    assert weeks[-1].changed > 5
    assert weeks[-1].left >= 0.9 * weeks[-1].hold > 50
    assert weeks[-1].by_revision < 0.5 * weeks[-1].hold
