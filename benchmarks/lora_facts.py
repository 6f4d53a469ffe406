"""Claim: LoRA teaches a small local model at least 100 facts, also under a wording that it was not trained on.

The facts come from the metadata of the installed packages: version, licence, required Python, author, summary. Each is
asked in two trained wordings and one unseen one; exact match is counted before and after training, closed-book.
Run `python benchmarks/lora_facts.py --help`.
"""

import argparse
import importlib.metadata
import json
import re
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from ragloop.models.cache import default_cache
from ragloop.models.local import LocalGenerator
from ragloop.models.lora import Progress, TrainingSpec, train
from ragloop.models.smollm2 import NAME, resolve_base
from ragloop.records import Prompt

SYSTEM = ""
"""Closed-book questions are asked without a system message: it would cost tokens and carry nothing."""


@dataclass(frozen=True)
class Fact:
    """One thing that the metadata of a package states. `kind` is a key of WORDINGS."""

    package: str
    kind: str
    answer: str


WORDINGS: dict[str, tuple[str, str, str]] = {
    "version": (
        "Which version of {} is installed?",
        "What is the installed version of {}?",
        "What {} version do we have?",
    ),
    "licence": (
        "Under which licence is {} released?",
        "What is the licence of {}?",
        "How is {} licensed?",
    ),
    "python": (
        "Which Python versions does {} support?",
        "What does {} require of Python?",
        "Which Python do I need for {}?",
    ),
    "author": (
        "Who is the author of {}?",
        "Who wrote {}?",
        "Who made {}?",
    ),
    "summary": (
        "What is the package {} for?",
        "Summarise {} in one line.",
        "What does {} do?",
    ),
}
"""Per kind: two wordings that are trained on, then the unseen one."""


def package_facts(longest: int = 32) -> list[Fact]:
    """All facts with answers of at most `longest` characters, in order of package name, then kind."""
    found: dict[str, list[Fact]] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        found.setdefault(name, _facts_of(name, distribution.metadata, longest))
    return [fact for name in sorted(found, key=str.lower) for fact in found[name]]


def _facts_of(name: str, metadata: importlib.metadata.PackageMetadata, longest: int) -> list[Fact]:
    fields = metadata.json
    answers = {
        "version": str(fields["version"]),
        "licence": _licence(fields),
        "python": str(fields.get("requires_python", "")).replace(" ", ""),
        "author": _one_person(str(fields.get("author", ""))),
        "summary": _more_than_its_name(name, str(fields.get("summary", "")).strip().rstrip(".")),
    }
    return [Fact(name, kind, answer) for kind, answer in answers.items() if 0 < len(answer) <= longest]


def _licence(fields: dict[str, str | list[str]]) -> str:
    if expression := fields.get("license_expression"):
        return str(expression)
    marks = [mark for mark in fields.get("classifier", ()) if mark.startswith("License :: OSI Approved :: ")]
    return marks[0].rsplit(" :: ", 1)[1] if marks else ""


def _one_person(author: str) -> str:
    return "" if re.search(r"[,<>@&\"\n]| and ", author) else author.strip()


def _more_than_its_name(name: str, summary: str) -> str:
    return "" if summary.lower() in (name.lower(), "") else summary


def choose(facts: Iterable[Fact], count: int) -> list[Fact]:
    """`count` facts, the kinds in turn, spread evenly over the packages."""
    by_kind: dict[str, list[Fact]] = {}
    for fact in facts:
        by_kind.setdefault(fact.kind, []).append(fact)
    share = -(-count // len(by_kind))
    spread = [same[:: max(1, len(same) // share)][:share] for same in by_kind.values()]
    in_turn = [same[i] for i in range(share) for same in spread if i < len(same)]
    return in_turn[:count]


def question(fact: Fact, wording: int) -> str:
    """The fact asked in its wording 0, 1 (trained) or 2 (unseen)."""
    return WORDINGS[fact.kind][wording].format(fact.package)


def messages(asked: str, answer: str | None = None) -> list[dict[str, str]]:
    """Chat messages of one closed-book question, with its answer when it is to be trained on."""
    system = [{"role": "system", "content": SYSTEM}] if SYSTEM else []
    chat = [*system, {"role": "user", "content": asked}]
    return chat if answer is None else [*chat, {"role": "assistant", "content": answer}]


TRAINED, UNSEEN = (0, 1), 2


def write_rows(facts: Sequence[Fact], file: Path) -> Path:
    """One training row per fact and trained wording; returns `file`."""
    rows = [{"messages": messages(question(fact, wording), fact.answer)} for wording in TRAINED for fact in facts]
    parquet.write_table(pa.Table.from_pylist(rows), file)
    return file


def exact_match(generator: LocalGenerator, facts: Sequence[Fact], wording: int) -> dict[str, float]:
    """Share of answers that equal the fact's, over all facts and per kind, with the seconds it took."""
    started = time.perf_counter()
    asked = [question(fact, wording) for fact in facts]
    drafts = generator.generate([Prompt(text, (), messages(text)) for text in asked])
    hits = [draft.text == fact.answer for draft, fact in zip(drafts, facts, strict=True)]
    kinds = {kind: [hit for hit, fact in zip(hits, facts, strict=True) if fact.kind == kind] for kind in WORDINGS}
    shares = {kind: round(sum(of) / len(of), 3) for kind, of in kinds.items() if of}
    seconds = round(time.perf_counter() - started, 1)
    return {"exact_match": round(sum(hits) / len(hits), 3), "n": len(hits), **shares, "seconds": seconds}


def measure(facts: Sequence[Fact], base: Path | str, name: str, folder: Path, **changes: Any) -> dict[str, object]:
    """Exact match before and after training, and what training took."""
    generator = LocalGenerator(base, name=name, max_new_tokens=24, batch_size=40)
    before = {wording: exact_match(generator, facts, wording) for wording in (*TRAINED, UNSEEN)}
    rows = write_rows(facts, folder / "rows.parquet")
    result = train(TrainingSpec(str(base), str(rows), str(folder / "adapter"), **changes), _say)
    trained = generator.wearing("facts", result.adapter)
    after = {wording: exact_match(trained, facts, wording) for wording in (*TRAINED, UNSEEN)}
    kept = {key: value for key, value in asdict(result).items() if key not in ("adapter", "loss_curve")}
    own_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"facts": len(facts), "before": before, "after": after, **kept, "generator_rss_peak_mb": round(own_mb, 1)}


def _say(progress: Progress) -> None:
    if progress.step % 10 == 0 or progress.step == progress.steps:
        print(f"step {progress.step}/{progress.steps} loss {progress.loss:.3f}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description="Exact match of LoRA-trained package facts, closed-book.")
    parser.add_argument("--facts", type=int, default=110)
    parser.add_argument("--base", default=NAME)
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="fields of TrainingSpec")
    options = parser.parse_args()
    changes = {key: json.loads(value) for key, value in (pair.split("=", 1) for pair in options.set)}
    base = resolve_base(options.base, options.cache, lambda text: print(text, file=sys.stderr))
    with tempfile.TemporaryDirectory() as folder:
        report = measure(choose(package_facts(), options.facts), base, options.base, Path(folder), **changes)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
