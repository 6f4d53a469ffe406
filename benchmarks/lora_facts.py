"""Claim: LoRA teaches a small local model at least 100 facts, also under a wording that it was not trained on.

The facts are those of the demonstration: version, licence, required Python and author of the installed packages. Each
is asked in two trained wordings and one unseen one; exact match is counted before and after training, closed-book.
Run `python benchmarks/lora_facts.py --help`.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from ragloop.answering.prompts import closed_book_messages
from ragloop.app.policies import training_spec
from ragloop.config import Settings
from ragloop.demo.facts import KINDS, Fact, choose, facts_of, installed_packages, question
from ragloop.demo.traffic import TRAINED_WORDINGS, UNSEEN_WORDING
from ragloop.models.cache import default_cache
from ragloop.models.generation.local import LocalGenerator
from ragloop.models.generation.smollm2 import NAME, resolve_base
from ragloop.models.training.memory.available import peak_mb
from ragloop.models.training.process import Progress, train
from ragloop.records import Prompt


def write_rows(facts: Sequence[Fact], file: Path) -> Path:
    """One training row per fact and trained wording; returns `file`."""
    rows = [
        {"messages": [*closed_book_messages(question(fact, wording)), {"role": "assistant", "content": fact.answer}]}
        for wording in TRAINED_WORDINGS
        for fact in facts
    ]
    parquet.write_table(pa.Table.from_pylist(rows), file)
    return file


def exact_match(generator: LocalGenerator, facts: Sequence[Fact], wording: int) -> dict[str, float]:
    """Share of answers that equal the fact's, over all facts and per kind, with the seconds it took."""
    started = time.perf_counter()
    asked = [question(fact, wording) for fact in facts]
    drafts = generator.generate([Prompt(text, (), closed_book_messages(text)) for text in asked])
    hits = [draft.text == fact.answer for draft, fact in zip(drafts, facts, strict=True)]
    kinds = {kind: [hit for hit, fact in zip(hits, facts, strict=True) if fact.kind == kind] for kind in KINDS}
    shares = {kind: round(sum(of) / len(of), 3) for kind, of in kinds.items() if of}
    seconds = round(time.perf_counter() - started, 1)
    return {"exact_match": round(sum(hits) / len(hits), 3), "n": len(hits), **shares, "seconds": seconds}


def measure(facts: Sequence[Fact], base: Path | str, name: str, folder: Path, **changes: Any) -> dict[str, object]:
    """Exact match before and after training, and what training took."""
    generator = LocalGenerator(base, name=name, max_new_tokens=24, batch_size=40)
    before = {wording: exact_match(generator, facts, wording) for wording in (*TRAINED_WORDINGS, UNSEEN_WORDING)}
    rows = write_rows(facts, folder / "rows.parquet")
    spec = training_spec(Settings.model_construct())
    spec = replace(spec, base=str(base), rows=str(rows), output=str(folder / "adapter"), **changes)
    result = train(spec, _say)
    trained = generator.wearing("facts", result.adapter)
    after = {wording: exact_match(trained, facts, wording) for wording in (*TRAINED_WORDINGS, UNSEEN_WORDING)}
    kept = {key: value for key, value in asdict(result).items() if key not in ("adapter", "loss_curve")}
    own_mb = round(peak_mb(), 1)
    return {"facts": len(facts), "before": before, "after": after, **kept, "generator_rss_peak_mb": own_mb}


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
    base = resolve_base(options.base, options.cache)
    with tempfile.TemporaryDirectory() as folder:
        facts = choose((fact for package in installed_packages() for fact in facts_of(package)), options.facts)
        report = measure(facts, base, options.base, Path(folder), **changes)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
