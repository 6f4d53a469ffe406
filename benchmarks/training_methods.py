"""What DoRA, four bits and held-out rows cost and give on the packaged model.

    python benchmarks/training_methods.py [--data DIR] [--rows N] [--epochs N] [--turns N] [--passes N] [--json FILE]

Rows of the recipe `grounded`: questions of xquad en dev with three paragraphs of their article. First each method
trains on the same rows in turns: tokens a second and peak memory compared with plain LoRA of the same turn, and the
loss of the last pass. Then one training holds out a fifth of its rows and never stops: the loss on these after each
pass, beside that on the others.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
from training_speed import DATA, reading, show, spec_of

from ragloop.models.cache import default_cache
from ragloop.models.generation.smollm2 import NAME, resolve_base
from ragloop.models.training.process import TrainingResult, TrainingSpec, train
from ragloop.records import Message

METHODS: Mapping[str, Mapping[str, Any]] = {
    "lora": {},
    "dora": {"method": "dora"},
    "lora, nf4": {"quantization": "nf4"},
    "dora, nf4": {"method": "dora", "quantization": "nf4"},
}


@dataclass(frozen=True)
class Took:
    """Tokens a second, MB at the most, of the process, and what was expected of it; the loss of the last pass."""

    tokens_per_s: float
    memory_mb: float
    expected_mb: float
    loss: float


def written(rows: Sequence[Sequence[Message]], file: Path) -> str:
    parquet.write_table(pa.Table.from_pylist([{"messages": row} for row in rows]), file)
    return str(file)


def took(spec: TrainingSpec, result: TrainingResult) -> Took:
    steps = [one["loss"] for one in result.loss_curve]
    return Took(
        result.tokens_per_s,
        result.rss_peak_mb,
        result.memory_estimated_mb or 0,
        mean(steps[-(len(steps) // spec.epochs) :]),
    )


def in_turns(spec: TrainingSpec, turns: int, place: Path) -> list[dict[str, Any]]:
    found: dict[str, list[Took]] = {name: [] for name in METHODS}
    for turn in range(turns):
        for name, changes in METHODS.items():
            given = replace(spec, output=str(place / f"{name}-{turn}"), **changes)
            found[name].append(took(given, train(given)))
            print(name, found[name][-1], file=sys.stderr, flush=True)
    plain = found["lora"]
    return [
        {
            "method": name,
            "tokens/s to lora": round(
                median(a.tokens_per_s / b.tokens_per_s for a, b in zip(of, plain, strict=True)), 2
            ),
            "memory to lora": round(median(a.memory_mb / b.memory_mb for a, b in zip(of, plain, strict=True)), 2),
            "MB": round(median(one.memory_mb for one in of)),
            "expected": round(median(one.expected_mb for one in of)),
            "loss": round(mean(one.loss for one in of), 3),
        }
        for name, of in found.items()
    ]


def by_pass(spec: TrainingSpec, passes: int, place: Path) -> list[dict[str, Any]]:
    result = train(replace(spec, epochs=passes, held_out_share=0.2, patience=passes, output=str(place / "passes")))
    steps = len(result.loss_curve) // passes
    curve = [one["loss"] for one in result.loss_curve]
    return [
        {
            "pass": one + 1,
            "loss": round(mean(curve[one * steps : (one + 1) * steps]), 3),
            "held out": round(loss, 3),
            "rows": result.rows,
            "held-out rows": result.held_out_rows,
        }
        for one, loss in enumerate(result.held_out_losses)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds xquad")
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--passes", type=int, default=6, help="of the training with held-out rows; 0: none")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    base = Path(resolve_base(NAME, default_cache()))
    with tempfile.TemporaryDirectory() as place:
        rows = reading("grounded", given.data, given.rows)
        spec = replace(spec_of("grounded", rows, base, given.epochs), rows=written(rows, Path(place, "rows.parquet")))
        found = in_turns(spec, given.turns, Path(place))
        show(found)
        passes = by_pass(spec, given.passes, Path(place)) if given.passes else []
        if passes:
            show(passes)
    if given.json:
        given.json.write_text(json.dumps({"methods": found, "passes": passes}, indent=2))


if __name__ == "__main__":
    main()
