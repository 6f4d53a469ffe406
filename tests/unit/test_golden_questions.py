"""Golden questions are read from a file of JSON lines."""

from pathlib import Path

import pytest

from ragloop.errors import ConfigError
from ragloop.learning.evaluation.golden import GoldenQuestion, read_golden

GOOD = '{"question": "Who keeps the bees?", "answer": "Ada"}'


def test_a_line_may_hold_any_character_that_json_allows(tmp_path: Path) -> None:
    file = tmp_path / "golden.jsonl"
    file.write_text(GOOD.replace("bees", "bees\u2028now") + "\n\n" + GOOD, encoding="utf-8")
    assert read_golden(file) == [
        GoldenQuestion("Who keeps the bees\u2028now?", "Ada"),
        GoldenQuestion("Who keeps the bees?", "Ada"),
    ]


def test_a_revision_counts_only_with_the_document_that_it_is_of(tmp_path: Path) -> None:
    file = tmp_path / "golden.jsonl"
    lines = (GOOD[:-1] + ', "document": "bees.md", "revision": "r1"}', GOOD[:-1] + ', "revision": "r1"}')
    file.write_text("\n".join(lines), encoding="utf-8")
    assert [(one.document, one.revision) for one in read_golden(file)] == [("bees.md", "r1"), (None, None)]


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
