"""Chunks: budgets, headings, cuts inside large blocks, and how little an edit changes."""

import hashlib
import random
import re
from collections.abc import Sequence
from itertools import pairwise

import pytest

from ragloop.corpus.chunking.chunker import Chunk, chunk
from ragloop.corpus.chunking.cuts import RULES, spans
from ragloop.corpus.isolation.messages import packed_chunks, unpacked_chunks
from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.document import Block, ParsedDocument
from ragloop.language.words import boundaries

WORDS = [f"word{number}" for number in range(400)]


def count(texts: Sequence[str]) -> list[int]:
    return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def cut(source: str, budget: int = 40, kind: str = "text/markdown") -> list[Chunk]:
    return chunk(parse(source.encode(), kind, "page"), count, budget)


def prose(paragraphs: int, words: int, seed: int = 1) -> list[str]:
    choose = random.Random(seed)
    return [" ".join(choose.choices(WORDS, k=words)) + "." for _ in range(paragraphs)]


def new_texts(before: list[Chunk], after: list[Chunk]) -> int:
    return len({one.text_hash for one in after} - {one.text_hash for one in before})


def test_a_chunk_is_a_slice_of_the_text_under_its_heading_path() -> None:
    source = "# Guide\n\n## Setup\n\nInstall it.\n\nThen run it.\n"
    (only,) = cut(source)
    assert only == Chunk(
        heading="Guide > Setup",
        start=source.index("Install"),
        end=len(source) - 1,
        text="Install it.\n\nThen run it.",
        embedded="Guide > Setup\nInstall it.\n\nThen run it.",
        text_hash=hashlib.sha256(b"Guide > Setup\nInstall it.\n\nThen run it.").hexdigest(),
        tokens=10,
    )


def test_sections_are_never_joined() -> None:
    assert [one.heading for one in cut("# A\n\na\n\n# A\n\nb\n\n# B\n\nc\n")] == ["A", "A", "B"]


def test_a_dropped_comment_is_in_no_chunk() -> None:
    chunks = cut("one\n\n<!-- hidden -->\n\ntwo\n")
    assert [one.text for one in chunks] == ["one", "two"]


def test_a_long_path_keeps_its_innermost_titles() -> None:
    source = "# one two three\n\n## four five six\n\n### seven eight nine\n\ntext\n"
    (only,) = cut(source, budget=28)
    assert only.heading == "one two three > four five six > seven eight nine"
    assert only.embedded == "four five six > seven eight nine\ntext"


def test_a_title_longer_than_its_share_is_shortened() -> None:
    (only,) = cut("# " + " ".join(WORDS[:30]) + "\n\ntext\n", budget=40)
    title = only.embedded.split("\n")[0]
    assert only.heading.startswith(title)
    assert 1 <= count([title])[0] <= 10


def test_code_and_tables_stay_whole_where_they_fit() -> None:
    code = "```\n" + "\n".join(f"{word} = 1" for word in WORDS[:7]) + "\n```"
    table = "|a|b|\n|-|-|\n" + "\n".join(f"|{word}|x|" for word in WORDS[:4])
    chunks = cut("\n\n".join([*prose(3, 20), code, *prose(3, 20, 2), table]))
    for whole in (code, table):
        assert any(whole in one.text for one in chunks)


def test_a_record_of_front_matter_stays_together() -> None:
    records = [f'-   releaseCycle: "{n}"\n    eol: 2030-01-{n}\n    latest: "{n}.1"\n' for n in range(10, 40)]
    chunks = cut("---\ntitle: Tool\nreleases:\n" + "\n".join(records) + "---\n", budget=60)
    assert all(one.embedded.startswith("Tool\n") for one in chunks)
    for record in records:
        assert any(record.strip() in one.text for one in chunks)


def test_long_paragraphs_are_cut_between_sentences() -> None:
    chunks = cut(" ".join(prose(20, 9)))
    assert len(chunks) > 5
    assert all(one.text.endswith(".") for one in chunks)


def test_long_lists_are_cut_between_items() -> None:
    items = [f"- {item}\n  {more}" for item, more in pairwise(prose(21, 6))]
    chunks = cut("\n".join(items))
    assert len(chunks) > 5
    assert all(one.text.startswith("- ") for one in chunks)


def test_text_without_white_space_is_cut_at_its_own_sentence_marks() -> None:
    def characters(texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]

    sentences = ["统一码为每个字符提供编号。", "无论什么平台？", "无论什么程序！"] * 20
    chunks = chunk(parse("".join(sentences).encode(), "text/plain", "a"), characters, 30)
    assert all(one.text[-1] in "。？！" for one in chunks)
    assert max(one.tokens for one in chunks) <= 30


def test_a_run_that_counts_as_one_token_is_cut_all_the_same() -> None:
    chunks = chunk(parse(b"x" * 100_000, "text/plain", "a"), lambda texts: [1] * len(texts), 10)
    assert max(len(one.text) for one in chunks) <= 10 * 20
    assert "".join(one.text for one in chunks) == "x" * 100_000


def test_line_ends_change_no_embedded_text() -> None:
    source = "# T\n\n" + "\n\n".join(prose(9, 15)) + "\n"
    assert new_texts(cut(source), cut(source.replace("\n", "\r\n"))) == 0


def test_what_a_colon_introduces_stays_with_it_where_it_fits() -> None:
    source = "\n\n".join(f"{text[:-1]}:\n\n```\nrun {number}\n```" for number, text in enumerate(prose(20, 12)))
    joined = sum(one.text.rstrip().endswith(":") for one in cut(source))
    assert joined == 0


def test_an_empty_document_has_no_chunks() -> None:
    assert chunk(ParsedDocument("", "t", ()), count) == []


def test_a_budget_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="budget of 0"):
        cut("text", budget=0)


def test_texts_are_counted_in_few_batches_and_each_once() -> None:
    batches: list[list[str]] = []

    def recording(texts: Sequence[str]) -> list[int]:
        batches.append(list(texts))
        return count(texts)

    source = "# T\n\n" + "\n\n".join(prose(50, 12)) + "\n\n" + " ".join(prose(30, 9))
    chunk(parse(source.encode(), "text/markdown", "a"), recording, 40)
    assert len(batches) == 2
    counted = [text for batch in batches for text in batch]
    assert len(counted) == len(set(counted))


EDITED = {
    "paragraphs": ("\n\n", "", prose(300, 14)),
    "sentences": (" ", "", prose(300, 9)),
    "lines of code": ("\n", "~~~", [f"{line[:-1]} = {number}" for number, line in enumerate(prose(1000, 4))]),
    "like lines": ("\n", "~~~", ["}" if n % 3 == 0 else f"call({n % 7})" for n in range(1000)]),
}


@pytest.mark.parametrize("name", EDITED)
@pytest.mark.parametrize("edit", ["word", "insert", "delete"])
def test_one_edit_makes_few_new_texts_wherever_it_stands(name: str, edit: str) -> None:
    separator, fence, parts = EDITED[name]
    frame = (f"{fence}\n", f"\n{fence}\n")
    before = cut(separator.join(parts).join(frame))
    made = []
    for position in range(0, len(parts), len(parts) // 40):
        middle = {"word": [f"changed {parts[position]}"], "insert": ["put in.", parts[position]], "delete": []}[edit]
        edited = [*parts[:position], *middle, *parts[position + 1 :]]
        made.append(new_texts(before, cut(separator.join(edited).join(frame))))
    made.sort()
    assert made[len(made) // 2] <= 2
    assert made[int(len(made) * 0.95)] <= 4


def test_windows_line_ends_are_no_blank_lines() -> None:
    text = "one\r\ntwo\r\n\r\nthree"
    cut = spans(text, 0, len(text), RULES["paragraph"][0])
    assert [text[start:end] for start, end in cut] == ["one\r\ntwo", "three"]


def test_a_place_is_shown_and_neither_embedded_nor_a_boundary() -> None:
    blocks = (Block(0, 3, "paragraph", ("Title",), "page 1"), Block(5, 8, "paragraph", ("Title",), "page 2"))
    (one,) = chunk(ParsedDocument("one\n\ntwo", "t", blocks), lambda texts: [len(text.split()) for text in texts])
    assert (one.heading, one.embedded) == ("Title > page 1", "Title\none\n\ntwo")


ROWS = [f"| {word} | shelf {number} | {number * 7} |" for number, word in enumerate(WORDS[:60])]
NAMED = {
    "Markdown": (
        "text/markdown",
        "| Tool | Kept in | Cost |\n|---|:-:|---|\n" + "\n".join(ROWS),
        "| Tool | Kept in | Cost |",
    ),
    "MDX": (
        "text/mdx",
        "<Box>\n\n|Tool | Kept in|  Cost|\n|---|---|---|\n" + "\n".join(ROWS),
        "|Tool | Kept in| Cost|",
    ),
    "simple": (
        "text/x-rst",
        "======= ========\nTool    Kept in\n======= ========\n"
        + "\n".join(f"{word:<7} shelf {n}\n        (low)" for n, word in enumerate(WORDS[:60]))
        + "\n======= ========\n",
        "Tool Kept in",
    ),
    "grid": (
        "text/x-rst",
        "+---------+----------+\n| Tool    | Kept in  |\n|         | (shelf)  |\n+=========+==========+\n"
        + "".join(f"| {word:<7} | shelf {n:<2} |\n+---------+----------+\n" for n, word in enumerate(WORDS[:60])),
        "| Tool | Kept in | | | (shelf) |",
    ),
    "list-table": (
        "text/x-rst",
        ".. list-table:: Tools\n   :header-rows: 1\n   :widths: 1 2\n\n   * - Tool\n     - Kept in\n"
        + "".join(f"   * - {word}\n     - shelf {n}\n" for n, word in enumerate(WORDS[:60])),
        "* - Tool - Kept in",
    ),
    "csv-table": (
        "text/x-rst",
        '.. csv-table:: Tools\n   :header: "Tool", "Kept in"\n\n'
        + "".join(f"   {word}, shelf {n}\n" for n, word in enumerate(WORDS[:60])),
        '"Tool", "Kept in"',
    ),
    "csv-table with header-rows": (
        "text/x-rst",
        ".. csv-table:: Tools\n   :header-rows: 1\n\n   Tool, Kept in\n"
        + "".join(f"   {word}, shelf {n}\n" for n, word in enumerate(WORDS[:60])),
        "Tool, Kept in",
    ),
}
BUDGETS = {"grid": 240}  # each dash of a border is a token


@pytest.mark.parametrize("name", NAMED)
def test_rows_of_a_table_stand_below_the_names_of_its_columns_in_every_chunk(name: str) -> None:
    kind, source, columns = NAMED[name]
    document = parse(source.encode(), kind, "page")
    budget = BUDGETS.get(name, 60)
    first, *later = chunk(document, count, budget)
    assert first.text == document.text[first.start : first.end]
    assert all(text in first.text for text in ("Tool", "Kept in", "word0"))
    assert len(later) > 3
    for one in later:
        assert one.text == f"{columns}\n{document.text[one.start : one.end]}"
        assert one.embedded == one.text
        assert one.tokens >= count([one.embedded])[0]
        assert one.tokens <= budget
    rows = [line for one in later for line in one.text.split("\n")[1:]]
    assert sum("word" in row for row in rows) + sum("word" in row for row in first.text.split("\n")) == 60


def test_rows_of_a_table_over_several_lines_are_not_parted() -> None:
    for one in chunk(parse(NAMED["simple"][1].encode(), "text/x-rst", "page"), count, 60):
        assert one.text.count("shelf") == one.text.count("(low)")


def test_a_header_that_would_take_more_than_a_quarter_of_a_chunk_is_shortened() -> None:
    header = "| " + " | ".join(WORDS[:30]) + " |"
    rows = ["| " + " | ".join(f"{n}.{column}" for column in range(30)) + " |" for n in range(9)]
    for one in cut("\n".join([header, "|-" * 30 + "|", *rows]), budget=100)[2:]:
        above, _, rest = one.text.partition("\n")
        assert header.startswith(above)
        assert 5 < count([above])[0] <= 25
        assert count([one.text])[0] <= one.tokens <= 100
        assert rest


def test_a_table_that_fits_a_chunk_has_its_header_once() -> None:
    (only,) = cut("Tools:\n\n| Tool | Cost |\n|---|---|\n| saw | 7 |\n\nMore.")
    assert only.text.count("Tool |") == 1


def test_what_follows_a_table_may_stand_in_the_chunk_of_its_last_rows() -> None:
    chunks = cut("\n".join(["Before.\n", *NAMED["Markdown"][1].split("\n"), "\nAfter."]), budget=60)
    assert chunks[0].text.startswith("Before.\n\n| Tool |")
    assert chunks[-1].text.endswith("After.")


@pytest.mark.parametrize("edit", ["word", "insert", "delete"])
@pytest.mark.parametrize("name", ["Markdown", "grid", "list-table"])
def test_an_edited_row_embeds_the_chunks_near_it_only(name: str, edit: str) -> None:
    kind, source, _ = NAMED[name]
    budget = BUDGETS.get(name, 60)
    before = cut(source, budget, kind)
    made = []
    for number in range(3, 60, 4):
        word = WORDS[number]
        lines = source.split("\n")
        at = next(at for at, line in enumerate(lines) if f"{word} " in line or line.endswith(word))
        end = next((at for at, line in enumerate(lines) if WORDS[number + 1] in line), len(lines))
        new = [line.replace(word, "other"[: len(word)].ljust(len(word))) for line in lines[at:end]]
        middle = {"word": new, "insert": [*new, *lines[at:end]], "delete": []}[edit]
        made.append(new_texts(before, cut("\n".join([*lines[:at], *middle, *lines[end:]]), budget, kind)))
    made.sort()
    assert 1 <= made[len(made) // 2] <= 2
    assert made[-1] <= 4


def test_text_without_spaces_is_cut_between_its_words() -> None:
    text = "น้ำพุในสวนเปิดทุกวัน" * 100
    chunks = chunk(parse(text.encode(), "text/plain", "page"), lambda texts: [len(one) for one in texts], 60)
    assert len(chunks) > 20
    assert {one.start for one in chunks} <= {0, *boundaries(text, 0, len(text))}


def test_a_long_block_of_lines_of_one_letter_takes_few_pieces() -> None:
    text = "b\n" * 200_000
    chunks = chunk(parse(text.encode(), "text/plain", "page"), lambda texts: [len(one) // 4 + 1 for one in texts], 200)
    assert "".join(one.text for one in chunks).count("b") == 200_000
    assert max(one.tokens for one in chunks) <= 200
    assert len(chunks) < 1_000


def test_a_chunk_is_as_certain_as_its_least_certain_recognised_block() -> None:
    def certain(*confidences: float | None) -> list[float | None]:
        blocks = tuple(Block(4 * n, 4 * n + 3, "paragraph", confidence=one) for n, one in enumerate(confidences))
        text = "one " * len(confidences)
        document = ParsedDocument(text, "page", blocks)
        here, sent = chunk(document, count, 40), unpacked_chunks(*packed_chunks(document, chunk(document, count, 40)))
        assert here == sent
        return [one.confidence for one in here]

    assert certain(None, None) == [None]
    assert certain(0.9, None, 0.7) == [0.7]
