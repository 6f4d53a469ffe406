"""Answers that are kept between evaluations: by generator, prompt and question."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ragloop import durable
from ragloop.answering.prompts import closed_book_prompt
from ragloop.learning.evaluation.answer_cache import FOLDER, AnswerCache
from ragloop.learning.evaluation.measures import ALL_MEASURES, EXACT_MATCH, TOKEN_F1_ELSEWHERE, Part, Question
from ragloop.learning.evaluation.run import Pair, evaluate, keep_evaluation, read_evaluation, report_of
from ragloop.records import Draft, Prompt
from ragloop.store.files import FolderFiles

QUESTIONS = [Question(part, closed_book_prompt(f"{part} {n}?"), "Ada") for part in Part for n in range(3)]
PROMPTS = [one.prompt for one in QUESTIONS]


def kept(root: Path, days: int = 0) -> AnswerCache:
    """The cache as it is so many days later."""
    return AnswerCache(FolderFiles(root), lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days))


@dataclass
class Counting:
    """Answers each question with the same word, and counts what it was asked."""

    word: str
    asked: list[str] = field(default_factory=list)
    model: str = "counting"
    adapter: str | None = None

    @property
    def fingerprint(self) -> str:
        return f"counting {self.word}"

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        self.asked += [one.question for one in prompts]
        return [Draft(f" {self.word} ") for _ in prompts]


def test_an_answer_is_generated_once_per_generator_and_prompt(tmp_path: Path) -> None:
    ada, eve = Counting("Ada"), Counting("Eve")
    for generator in (ada, eve, ada):
        assert kept(tmp_path).ask(generator, PROMPTS) == [generator.word] * len(PROMPTS)
    assert len(ada.asked) == len(eve.asked) == len(PROMPTS)
    other = Prompt(PROMPTS[0].question, (), ({"role": "user", "content": "put otherwise"},))
    kept(tmp_path).ask(ada, [*PROMPTS, other])
    assert len(ada.asked) == len(PROMPTS) + 1


def test_what_is_asked_twice_in_one_call_is_generated_once(tmp_path: Path) -> None:
    ada = Counting("Ada")
    assert kept(tmp_path).ask(ada, [PROMPTS[0]] * 3) == ["Ada"] * 3
    assert len(ada.asked) == 1


def test_a_damaged_file_costs_the_answers_again_and_no_more(tmp_path: Path) -> None:
    ada = Counting("Ada")
    kept(tmp_path).ask(ada, PROMPTS)
    (file,) = (tmp_path / FOLDER).iterdir()
    file.write_bytes(b"half a file")
    assert kept(tmp_path).ask(ada, PROMPTS) == ["Ada"] * len(PROMPTS)
    assert len(ada.asked) == 2 * len(PROMPTS)


def test_a_write_that_breaks_off_leaves_the_kept_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = Counting("Ada")
    kept(tmp_path).ask(ada, PROMPTS[:2])
    before = {file: file.read_bytes() for file in (tmp_path / FOLDER).iterdir()}

    def break_off(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(durable, "sync_to_disk", break_off)
    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path).ask(ada, PROMPTS)
    assert {file: file.read_bytes() for file in (tmp_path / FOLDER).iterdir()} == before


def test_answers_past_their_retention_and_damaged_files_are_pruned(tmp_path: Path) -> None:
    ada, eve = Counting("Ada"), Counting("Eve")
    kept(tmp_path).ask(eve, PROMPTS)
    kept(tmp_path).ask(ada, PROMPTS[:2])
    kept(tmp_path, days=20).ask(ada, PROMPTS[:3])
    (tmp_path / FOLDER / "0000000000000000.parquet").write_bytes(b"half a file")
    assert kept(tmp_path, days=30).prune(timedelta(days=30)) == 1
    assert kept(tmp_path, days=31).prune(timedelta(days=30)) == 2
    assert len(list((tmp_path / FOLDER).iterdir())) == 1
    assert kept(tmp_path, days=31).prune(timedelta(days=30)) == 0
    kept(tmp_path).ask(ada, PROMPTS[:3])
    assert ada.asked == [PROMPTS[n].question for n in (0, 1, 2, 0, 1)]


def test_a_report_is_a_table_of_measures_and_models(tmp_path: Path) -> None:
    table = evaluate(QUESTIONS, Pair(Counting("Eve"), Counting("Ada")), kept(tmp_path))
    keep_evaluation(table, FolderFiles(tmp_path), "adapters/a")
    report = read_evaluation(FolderFiles(tmp_path), "adapters/a")
    assert report.scores.keys() == {measure.name for measure in ALL_MEASURES}
    assert report.of(EXACT_MATCH).challenger.tolist() == [1, 1, 1]
    assert report.of(TOKEN_F1_ELSEWHERE).incumbent.tolist() == [0, 0, 0]
    assert report.metrics["candidate"] == {
        "exact_match": 1, "target_questions": 3,
        "token_f1_elsewhere": 1, "elsewhere_questions": 3,
        "exact_match_trained": 1, "trained_questions": 3,
        "cites": 0, "cited_questions": 3,
        "abstains": 1, "unanswered_questions": 3,
    }  # fmt: skip
    reasons = {row["measure"]: row["challenger_reason"] for row in table.to_pylist()}
    assert reasons["exact_match"] == "equal once normalised"


def test_after_a_target_that_rejects_nothing_else_is_asked(tmp_path: Path) -> None:
    eve, ada = Counting("Eve"), Counting("Ada")
    report = report_of(evaluate(QUESTIONS, Pair(eve, ada), kept(tmp_path), lambda scores: True))
    assert (report.ended_early, list(report.scores)) == (True, ["exact_match"])
    assert len(eve.asked) == len(ada.asked) == 3
    only_target = [one for one in QUESTIONS if one.part == Part.TARGET]
    report = report_of(evaluate(only_target, Pair(eve, ada), kept(tmp_path), lambda scores: True))
    assert not report.ended_early, "there was nothing else to ask"
