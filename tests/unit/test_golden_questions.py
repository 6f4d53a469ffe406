"""Golden questions are read from a file of JSON lines."""

import json
from pathlib import Path

import pytest

from ragloop.errors import ConfigError, NotFoundError
from ragloop.learning.evaluation.golden import GoldenDocument, GoldenQuestion, read_golden

GOOD = '{"question": "Who keeps the bees?", "answer": "Ada"}'


def test_a_line_may_hold_any_character_that_json_allows(tmp_path: Path) -> None:
    file = tmp_path / "golden.jsonl"
    file.write_text(GOOD.replace("bees", "bees\u2028now") + "\n\n" + GOOD, encoding="utf-8")
    assert read_golden(file) == [
        GoldenQuestion("Who keeps the bees\u2028now?", ("Ada",)),
        GoldenQuestion("Who keeps the bees?", ("Ada",)),
    ]


def test_a_revision_counts_only_with_the_document_that_it_is_of(tmp_path: Path) -> None:
    file = tmp_path / "golden.jsonl"
    lines = (GOOD[:-1] + ', "document": "bees.md", "revision": "r1"}', GOOD[:-1] + ', "revision": "r1"}')
    file.write_text("\n".join(lines), encoding="utf-8")
    assert [one.documents for one in read_golden(file)] == [(GoldenDocument("bees.md", "r1"),), ()]


def test_a_line_may_name_several_answers_and_documents_or_that_nothing_answers(tmp_path: Path) -> None:
    file = tmp_path / "golden.jsonl"
    documents = ["bees.md", {"document": "mill.md", "revision": "r2"}]
    full = {"question": "Who?", "answers": ["Ada", "A. B."], "documents": documents, "tags": "people", "language": "en"}
    lines = [
        json.dumps(full),
        '{"question": "Where?", "should_abstain": true}',
        '{"question": "q", "documents": ["d"]}',
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    named = (GoldenDocument("bees.md"), GoldenDocument("mill.md", "r2"))
    read = read_golden(file)
    assert read == [
        GoldenQuestion("Who?", ("Ada", "A. B."), named, tags=("people",), language="en"),
        GoldenQuestion("Where?", should_abstain=True),
        GoldenQuestion("q", documents=(GoldenDocument("d"),)),
    ]
    file.write_text("\n".join(json.dumps(one.as_line()) for one in read), encoding="utf-8")
    assert read_golden(file) == read


@pytest.mark.parametrize("answers", ["null", "[]"])
def test_an_answer_counts_beside_empty_answers(tmp_path: Path, answers: str) -> None:
    file = tmp_path / "golden.jsonl"
    file.write_text(f'{{"question": "q", "answer": "x", "answers": {answers}}}')
    assert read_golden(file) == [GoldenQuestion("q", ("x",))]


@pytest.mark.parametrize("name", ["document", "documents"])
def test_one_document_suffices_under_either_name(tmp_path: Path, name: str) -> None:
    file = tmp_path / "golden.jsonl"
    file.write_text(f'{{"question": "q", "{name}": "a.md", "revision": "r1"}}')
    assert read_golden(file) == [GoldenQuestion("q", documents=(GoldenDocument("a.md", "r1"),))]
    file.write_text(f'{{"question": "q", "{name}": "a.md", "should_abstain": true}}')
    with pytest.raises(ConfigError, match="expected no answer and no document"):
        read_golden(file)


def test_a_question_that_nothing_answers_has_no_answer(tmp_path: Path) -> None:
    file = tmp_path / "golden.jsonl"
    file.write_text('{"question": "secret", "answer": "secret", "should_abstain": true}\n')
    with pytest.raises(ConfigError, match=r"golden\.jsonl:1: expected no answer") as caught:
        read_golden(file)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "line", ["secret", '["secret"]', '{"question": "secret"}', '{"question": "secret", "answer": ""}']
)
def test_a_line_that_is_wrong_is_named_and_never_quoted(tmp_path: Path, line: str) -> None:
    file = tmp_path / "golden.jsonl"
    file.write_text(f"{GOOD}\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"golden\.jsonl:2: expected .*question.*answer") as caught:
        read_golden(file)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "golden.jsonl").write_bytes(GOOD.replace("Ada", "Zoë").encode("latin-1"))
    with pytest.raises(ConfigError, match=r"golden\.jsonl: expected UTF-8"):
        read_golden(tmp_path / "golden.jsonl")


def test_a_file_that_is_not_there_may_be_named_by_a_command_or_by_a_setting(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"nope\.jsonl; name another file, or correct dataset\.golden"):
        read_golden(tmp_path / "nope.jsonl")
