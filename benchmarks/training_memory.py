"""Claim: the memory that a training says it needs lies within 0.8 to 1.4 of the peak that it then has.

    python benchmarks/training_memory.py [--data DIR] [--only NAME] [--ways kept again] [--json FILE]

The packaged model on short rows (facts) and on rows with passages (questions of xquad en dev with paragraphs of their
article), and random models of other families that are wider or have more words, each for two steps, with and without
gradient checkpointing. Both figures, the estimate and the peak of the process's resident memory, are less what the
process took before it loaded anything, with its libraries imported.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
from training_speed import DATA, facts, reading, show

from ragloop.app.policies import training_spec
from ragloop.config import Settings
from ragloop.models.cache import default_cache
from ragloop.models.generation.smollm2 import NAME, resolve_base
from ragloop.models.training.memory.available import peak_mb
from ragloop.models.training.process import Execution, Objective, read_result

LEAST, MOST = 0.8, 1.4
STEPS = 2
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "wide Llama": ("Llama", {"hidden_size": 1536, "intermediate_size": 4096, "num_hidden_layers": 6}),
    "Qwen2 with 151,936 words": ("Qwen2", {"vocab_size": 151_936, "hidden_size": 896, "intermediate_size": 4864}),
    "Gemma3 with 262,144 words": ("Gemma3Text", {"vocab_size": 262_144, "hidden_size": 640, "head_dim": 128}),
    "Mistral": ("Mistral", {"hidden_size": 1024, "intermediate_size": 3584, "num_hidden_layers": 8}),
}
COMMON = {
    "vocab_size": 49_152, "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2,
    "intermediate_size": 2048, "tie_word_embeddings": True, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A training: of the packaged model or one of SHAPES, on which rows, and how."""

    rows: str
    batch: int
    frozen: float
    base: str = "packaged"
    rank: int = 16
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.base}, {self.rows}, {self.batch} rows, frozen {self.frozen:g}, rank {self.rank}"


CASES = [
    Case("facts", 16, 0.75),
    Case("facts", 64, 0.75),
    Case("facts", 16, 0.0, rank=128),
    Case("facts", 128, 0.0),
    Case("grounded", 2, 0.5),
    Case("grounded", 4, 0.5),
    Case("grounded", 4, 0.0, rank=64),
    Case("distill", 4, 0.75),
    Case("preferences", 4, 0.5),
    *(Case("facts", 32, 0.0, base=name) for name in SHAPES),
    *(Case("grounded", 2, 0.5, base=name) for name in SHAPES),
]


def made(name: str, packaged: Path, place: Path) -> Path:
    """Save a random model of a family, with the tokenizer of the packaged one."""
    folder = place / name.replace(" ", "-")
    if name == "packaged" or folder.exists():
        return packaged if name == "packaged" else folder
    import torch
    import transformers

    family, sizes = SHAPES[name]
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**{**COMMON, **sizes})
    model = getattr(transformers, f"{family.removesuffix('Text')}ForCausalLM")(config)
    model.to(torch.bfloat16).save_pretrained(folder)
    for file in packaged.glob("*token*"):
        shutil.copy(file, folder)
    for file in packaged.glob("*.jinja"):
        shutil.copy(file, folder)
    return folder


def rows_of(case: Case, data: Path) -> list[dict[str, Any]]:
    count = case.batch * STEPS
    if case.rows == "preferences":
        found = reading("distill", data, count)
        return [{"messages": row, "rejected": row[-1]["content"][::-1]} for row in found]
    return [{"messages": row} for row in (facts(count) if case.rows == "facts" else reading(case.rows, data, count))]


def run(case: Case, base: Path, rows: Path, output: Path, checkpoints: bool) -> dict[str, Any]:
    spec = replace(
        training_spec(Settings.model_construct()),
        recipe=case.rows,
        base=str(base),
        rows=str(rows),
        output=str(output),
        epochs=1,
        batch_size=case.batch,
        frozen_share=case.frozen,
        rank=case.rank,
        max_length=4096,
        checkpoint_steps=1000,
        objective=Objective.PREFERENCES if case.rows == "preferences" else Objective.ANSWERS,
    )
    output.mkdir(parents=True)
    (output / "spec.json").write_text(json.dumps(asdict(spec)))
    how = json.dumps(asdict(Execution(1, gradient_checkpointing=checkpoints)))
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [sys.executable, __file__, "--train", output / "spec.json", how],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{case.name}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    before = float((output / "before").read_text())
    result = read_result(output)
    estimated, peak = (result.memory_estimated_mb or 0) - before, result.rss_peak_mb - before
    return {
        "training": case.name,
        "checkpointing": checkpoints,
        "before": round(before),
        "estimated": round(estimated),
        "measured": round(peak),
        "ratio": round(estimated / peak, 2),
    }


def train_here(file: Path, how: str) -> None:
    """Note what the process takes with its libraries, then train as a worker does."""
    import torch  # noqa: F401
    from datasets import Dataset  # noqa: F401

    from ragloop.models.training import preferences, sft  # noqa: F401
    from ragloop.models.training.worker import main as train

    (file.parent / "before").write_text(str(peak_mb()))
    train([str(file), how])


def measured(data: Path, only: str, ways: Sequence[str]) -> Iterator[dict[str, Any]]:
    packaged = Path(resolve_base(NAME, default_cache()))
    with tempfile.TemporaryDirectory() as place:
        for number, case in enumerate(one for one in CASES if only in one.name):
            rows = Path(place) / f"{number}.parquet"
            parquet.write_table(pa.Table.from_pylist(rows_of(case, data)), rows)
            base = made(case.base, packaged, Path(place))
            for way in ways:
                found = run(case, base, rows, Path(place) / f"{number}-{way}", way == "again")
                print(found, file=sys.stderr, flush=True)
                yield found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds xquad")
    parser.add_argument("--only", default="", help="cases whose name has this")
    parser.add_argument("--ways", nargs="+", default=["kept", "again"], help="activations are kept, or computed again")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--train", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.train:
        train_here(Path(given.train[0]), given.train[1])
        return
    found = list(measured(given.data, given.only, given.ways))
    show(found)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))
    outside = [one for one in found if not LEAST <= one["ratio"] <= MOST]
    print(f"outside {LEAST} to {MOST}: {len(outside)} of {len(found)}")


if __name__ == "__main__":
    main()
