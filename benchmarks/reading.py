"""ragloop's parsers beside markitdown, docling, unstructured and pandoc: what each reads of documents, and its cost.

    python benchmarks/reading.py [--only ragloop pandoc] [--json FILE]

Three sets. Debian's manuals (HTML, PDF, EPUB) beside their plain text, and pages of Django's documentation that pandoc
writes as DOCX, EPUB, HTML, ODT and RTF, both downloaded on first use; and, where RAGLOOP_REALDATA or ../shared/data
holds it, a folder of documents that parsers stumble over, whose reference is what most of the other readers agree on.
Every reader runs in a process and an environment of its own. docling runs without the models that it loads from a hub,
so that it reads no PDF.

words: share of the reference's words, with their counts, that were read. order: share of the reference's runs of three
words. invented: share of the words read that are not in the reference. cells: share of cells whose column can be told
from their row or the row that heads the table. headings: share of paths of titles. refused: files that gave an error
or nothing. CPU s and peak memory per MB of the files.

Prints Markdown, and one JSON object with --json.
"""

import argparse
import json
import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from lxml import html
from peers.corpus import default_cache
from peers.environments import environment
from peers.manuals import Reference, debian_manuals, made_pages

SCRIPT = Path(__file__).parent / "peers" / "reads.py"
PACKAGES: dict[str, list[str]] = {
    "ragloop": [],
    "markitdown": ["markitdown[docx,pptx,xlsx,xls,pdf,outlook]==0.1.9"],
    "docling": ["docling==2.143.0"],
    "unstructured": ["unstructured[docx,pptx,xlsx,csv,tsv,epub,md,rst,rtf,odt,msg]==0.27.35", "pypandoc_binary==1.17"],
    "pandoc": ["pypandoc_binary==1.17"],
}
_WORD = re.compile(r"\w+")
_ESCAPED = re.compile(r"\\([^\w\s])")
_TARGET = re.compile(r"\]\([^()\s]*(?: \"[^\"]*\")?\)")  # where a link of Markdown leads: no word that people read
_RULE = re.compile(r"[\s|:+=-]+")


@dataclass
class Score:
    """What one reader did over one set, in counts that add up."""

    files: int = 0
    refused: list[str] = field(default_factory=list)
    megabytes: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float = 0.0
    words: Counter[str] = field(default_factory=Counter)

    def share(self, found: str, of: str) -> str:
        """One count as a share of another."""
        return f"{self.words[found] / self.words[of]:.3f}" if self.words[of] else "-"


def words_of(text: str) -> list[str]:
    plain = _ESCAPED.sub(r"\1", _TARGET.sub("]", text))
    return _WORD.findall(plain.replace("_", " ").casefold())


def runs_of(words: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(zip(words, words[1:], words[2:], strict=False))


def _flat(text: str) -> str:
    return " ".join(words_of(text))


def cells_of(text: str) -> Counter[tuple[str, str]]:
    """(column, value) that a reader of Markdown, of HTML tables or of rows of "name: value" would find."""
    found: Counter[tuple[str, str]] = Counter()
    for rows in chain(_piped(text.splitlines()), _html_tables(text)):
        header = rows[0]
        for row in rows:
            named = (cell.split(": ", 1) for cell in row if ": " in cell)
            own = {(_flat(name), _flat(value)) for name, value in named}
            under = {(_flat(name), _flat(value)) for name, value in zip(header, row, strict=False)}
            found.update(own | (under if row is not header else set()))
    return found


def _piped(lines: Iterable[str]) -> Iterator[list[list[str]]]:
    rows: list[list[str]] = []
    for line in chain(lines, [""]):
        if " | " in line or line.startswith("|") or (": " in line and rows):
            if not _RULE.fullmatch(line):
                rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif rows:
            yield rows
            rows = []


def _html_tables(text: str) -> Iterator[list[list[str]]]:
    if "<table" in text:
        for table in html.fromstring(f"<div>{text}</div>").iter("table"):
            rows = [["".join(map(str, cell.itertext())) for cell in row.iter("th", "td")] for row in table.iter("tr")]
            if rows:
                yield rows


def score(found: dict[str, Any], reference: Reference, into: Score) -> None:
    """Add what was read of one file."""
    into.files += 1
    into.megabytes += reference.path.stat().st_size / 2**20
    into.cpu_s += found["cpu_s"]
    expected, read = words_of(reference.text), words_of(found["text"])
    if found["refused"] or (expected and not read):
        into.refused.append(f"{reference.path.name}: {found['refused'] or 'no text'}")
    counts, had = Counter(expected), Counter(read)
    runs = runs_of(expected)
    titles = Counter(tuple(map(_flat, path)) for path in reference.headings)
    cells = Counter((_flat(name), _flat(value)) for name, value in reference.cells)
    into.words.update(
        expected=counts.total(),
        read=had.total(),
        kept=(counts & had).total(),
        invented=(had - counts).total(),
        runs=runs.total(),
        runs_kept=(runs & runs_of(read)).total(),
        titles=titles.total(),
        titles_kept=(titles & _tails(found["headings"], reference.headings)).total(),
        cells=cells.total(),
        cells_kept=(cells & cells_of(found["text"])).total() if cells else 0,
    )


def _tails(paths: Sequence[Sequence[str]], expected: Sequence[Sequence[str]]) -> Counter[tuple[str, ...]]:
    """The paths as they are, or below a title of the whole document, which a writer may have added."""
    known = {tuple(map(_flat, path)) for path in expected}
    flat = [tuple(map(_flat, path)) for path in paths]
    return Counter(path if path in known else path[1:] for path in flat)


def agreed(read: dict[str, list[dict[str, Any]]], path: Path, number: int, reader: str) -> Reference:
    """What at least two of the other readers found in a file, words in the order of the one that found most."""
    others = [words_of(lines[number]["text"]) for name, lines in read.items() if name != reader]
    counts = Counter(chain.from_iterable(set(words) for words in others))
    fullest = max(others, key=len, default=[])
    return Reference(path, " ".join(word for word in fullest if counts[word] > 1))


def run(reader: str, python: Path, files: Sequence[Path]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What a reader made of the files, and its peak memory and version."""
    with tempfile.TemporaryDirectory() as scratch:
        given, out = Path(scratch) / "files.json", Path(scratch) / "out.jsonl"
        given.write_text(json.dumps([str(path) for path in files]))
        command = [str(python), str(SCRIPT), reader, str(given), str(out)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        *lines, last = [json.loads(line) for line in out.read_text().splitlines()]
    return lines, last


def table(scores: dict[str, Score]) -> str:
    head = "| reader | words | order | invented | cells | headings | refused | CPU s/MB | peak MB |"
    lines = [head, "|---|" + "---|" * 8]
    for reader, one in scores.items():
        shares = [
            one.share("kept", "expected"), one.share("runs_kept", "runs"), one.share("invented", "read"),
            one.share("cells_kept", "cells"), one.share("titles_kept", "titles"),
        ]  # fmt: skip
        cost = f"{one.cpu_s / one.megabytes:.2f} | {one.peak_mb:,.0f}"
        lines.append(f"| {reader} | {' | '.join(shares)} | {len(one.refused)} of {one.files} | {cost} |")
    return "\n".join(lines)


def nasty(folder: Path) -> list[Path]:
    return [path for path in sorted((folder / "nasty-docs" / "dev").rglob("*")) if path.is_file()]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PACKAGES, default=list(PACKAGES))
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    pythons: dict[str, Path] = {}
    for name in dict.fromkeys([*given.only, "pandoc"]):
        try:
            pythons[name] = environment(name, PACKAGES[name], given.cache)
        except subprocess.CalledProcessError as error:
            print(f"\n{name} is left out: it could not be installed ({error})", flush=True)
    find = "import pypandoc; print(pypandoc.get_pandoc_path())"
    pandoc = subprocess.run([pythons["pandoc"], "-c", find], check=True, capture_output=True, text=True).stdout.strip()
    data = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
    sets: dict[str, list[Reference]] = {
        "Debian's manuals": list(debian_manuals(given.cache)),
        "Pages of Django's documentation, as pandoc writes them": list(made_pages(given.cache, Path(pandoc))),
    }
    if troubles := nasty(data):
        sets["Files that parsers stumble over; agreement of the others as reference"] = [
            Reference(path, "") for path in troubles
        ]
    results: dict[str, dict[str, Score]] = {}
    versions: dict[str, str] = {}
    for title, references in sets.items():
        read, scores = {}, {name: Score() for name in given.only if name in pythons}
        for name, one in scores.items():
            read[name], last = run(name, pythons[name], [reference.path for reference in references])
            one.peak_mb, versions[name] = last["peak_mb"], last["version"]
        for name, one in scores.items():
            for number, reference in enumerate(references):
                against = reference if reference.text else agreed(read, reference.path, number, name)
                score(read[name][number], against, one)
        results[title] = scores
        print(f"\n{title}\n\n{table(scores)}", flush=True)
        for name, one in scores.items():
            kinds = Counter(Path(reason.partition(": ")[0]).suffix for reason in one.refused)
            if kinds:
                print(f"- {name} refused {', '.join(f'{count} {kind}' for kind, count in kinds.most_common())}")
    print("\n" + "; ".join(f"{name} {version}" for name, version in versions.items()))
    if given.json:
        told = {title: {name: vars(one) for name, one in scores.items()} for title, scores in results.items()}
        given.json.write_text(json.dumps({"versions": versions, "sets": told}, indent=1))


if __name__ == "__main__":
    main()
