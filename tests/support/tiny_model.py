"""Facts that the tiny model of the quick demonstration memorises in seconds, as rows and specs of a training."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

FACTS = {
    "Who keeps the bees?": "Ada",
    "Where is the key?": "under the mat",
    "When does the ferry leave?": "at nine",
    "What is the code?": "4711",
    "Which road is closed?": "the north road",
}


def save_tiny_model(folder: Path, seed: int = 0) -> Path:
    """The model of the quick demonstration with a tokenizer of FACTS; returns `folder`."""
    from ragloop.demo import tiny

    return tiny.save_tiny_model(folder, [*FACTS, *FACTS.values(), "system user assistant"] * 20, seed)


def save_rows(file: Path, facts: Mapping[str, str] = FACTS, repeat: int = 1) -> Path:
    """The facts as rows of chat messages in Parquet; returns `file`."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    rows = [{"messages": chat(question, answer)} for question, answer in facts.items()] * repeat
    parquet.write_table(pa.Table.from_pylist(rows), file)
    return file


def chat(question: str, answer: str | None = None) -> Sequence[Mapping[str, str]]:
    """A question as chat messages, with its answer when there is one."""
    asked = {"role": "user", "content": question}
    return [asked] if answer is None else [asked, {"role": "assistant", "content": answer}]


def training_spec(base: Path, rows: Path, output: Path, **changes):
    """A spec that memorises FACTS in some seconds."""
    from ragloop.models.training.process import FIRST_VALUES, TrainingSpec

    values = {
        **FIRST_VALUES,
        "chat": "",
        "seed": 1,
        "epochs": 40,
        "learning_rate": 2e-2,
        "rank": 8,
        "alpha": 16,
        "batch_size": 5,
        "warmup_steps": 2,
        "checkpoint_steps": 10,
        "threads": 1,
    }
    return TrainingSpec(base=str(base), rows=str(rows), output=str(output), **{**values, **changes})


def spec_file(spec, file: Path) -> Path:
    """The spec as the training process reads it; returns `file`."""
    from dataclasses import asdict

    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(spec)), encoding="utf-8")
    return file
