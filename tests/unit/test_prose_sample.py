"""A language is told by the prose of a document, from all of it, and by no more than a bound."""

import pytest

from ragloop.corpus.isolation.messages import packed_chunks
from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.prose import SAMPLE, prose_sample


def parsed(text: str, name: str = "a.md") -> ParsedDocument:
    return parse(text.encode(), media_type(name) or "", name)


def test_code_tables_titles_and_front_matter_are_left_out() -> None:
    page = (
        "---\nauthor: Dana\n---\n\n# Anchors\n\nDrop it slowly.\n\n```python\ndrop(anchor)\n```\n\n"
        "| depth | chain |\n|---|---|\n| 5 m | 25 m |\n\n- Check the shackle.\n"
    )
    assert prose_sample(parsed(page)) == "Drop it slowly.\n- Check the shackle."


@pytest.mark.parametrize(("name", "text"), [("a.csv", "depth,chain\n5,25\n"), ("a.py", "import os\n"), ("a.md", "")])
def test_what_has_no_prose_has_no_sample(name: str, text: str) -> None:
    assert prose_sample(parsed(text, name)) == ""


def test_a_long_document_is_sampled_from_its_begin_to_its_end() -> None:
    paragraphs = [f"{number:04} " + "rope " * 30 for number in range(200)]
    sample = prose_sample(parsed("\n\n".join(paragraphs), "a.txt"))
    numbers = sorted({int(word) for word in sample.split() if word.isdigit() and len(word) == 4})
    assert SAMPLE - 20 <= len(sample) <= SAMPLE + 20
    assert numbers[0] == 0
    assert sample.rstrip().endswith("rope")
    assert numbers[-1] >= 197
    assert any(60 < one < 80 for one in numbers)
    assert any(120 < one < 140 for one in numbers)


def test_the_sample_is_all_that_the_parsing_process_sends_of_it() -> None:
    header, _ = packed_chunks(parsed("word " * 100_000, "a.txt"), [])
    assert len(header["prose"]) <= SAMPLE + 20
