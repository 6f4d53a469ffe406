"""A loop that logs for months keeps what is still true, and nothing else: weeks of a real repository as its sources."""

import json
import re
import tarfile
from pathlib import Path

import pytest
from corrections_last import bring, clone, eligible, measure

from tests.support.constant_embedder import ConstantEmbedder
from tests.support.indexed_folder import IndexedFolder

pytestmark = [pytest.mark.realdata, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def history(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    place = tmp_path_factory.mktemp("history") / "repository"
    return place, clone(realdata, place)


@pytest.mark.long
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


def _faq(realdata: Path, version: str) -> dict[str, bytes]:
    with tarfile.open(realdata / "django-docs" / f"v{version}.tar.xz") as tar:
        files = [one for one in tar.getmembers() if one.isfile() and "docs/faq/" in one.name]
        return {Path(one.name).name: tar.extractfile(one).read() for one in files}


def _first_sentences(realdata: Path, version: str) -> dict[str, str]:
    """The first sentence of the answer to each question of a version's FAQ."""
    lines = (realdata / "django-docs" / "faq_pairs.jsonl").read_text().splitlines()
    pairs = [row for row in map(json.loads, lines) if row["version"] == version]
    return {row["question"]: re.split(r"(?<=[.!])\s", " ".join(row["answer_rst"].split()))[0] for row in pairs}


@pytest.mark.long
def test_answers_of_a_faq_outlast_a_release_where_their_sentence_does(indexed: IndexedFolder, realdata: Path) -> None:
    indexed.settings = {"retrieval": {"min_similarity": -1.0, "top_k": 30}, "sync": {"guard_share": 1.0}}
    bring(indexed.folder, _faq(realdata, "4.2.16"))
    indexed.sync()
    app = indexed.app()
    right = {asked: said for asked, said in _first_sentences(realdata, "4.2.16").items() if len(said.split()) <= 24}
    given = app.answering.answerer.ask_all(list(right))
    app.journal.give_all_feedback([(one.interaction_id, "correction", right[one.question]) for one in given])
    questions = {one.interaction_id: one.question for one in given}
    first = eligible(app)
    assert len(first) > 0.5 * len(right)
    for version in ("5.0.8", "5.1"):
        bring(indexed.folder, _faq(realdata, version))
        indexed.sync(confirm_deletes=True)
        now = _first_sentences(realdata, version)
        hold = {one for one in first if now.get(questions[one]) == right[questions[one]]}
        left = eligible(indexed.app())
        print(f"{version}: {len(first)} eligible of {len(right)}, {len(hold)} hold, {len(hold & left)} of them left, "
              f"stale: {[questions[one] for one in left - hold]}")  # fmt: skip
        assert left <= hold
        assert len(hold & left) >= 0.9 * len(hold)
