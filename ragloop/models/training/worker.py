"""The process that trains: TRL's SFTTrainer over PEFT, made cheap, deterministic and safe to kill.

Started by `process.train` with the path of a spec; writes one JSON line of progress per step on stdout, the adapter,
then `training.json` last. An error of ragloop's own tree is the last line on stdout, by name and message. Heavy imports
are made in the functions, so that a wrong spec fails at once.
"""

import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

from ragloop.durable import whole_file
from ragloop.errors import MismatchError, RagloopError, missing_package
from ragloop.hashes import sha256_of
from ragloop.locks import alone
from ragloop.models.chat import Chat, Example
from ragloop.models.generation.local import best_dtype, load_base
from ragloop.models.training.checkpoints import newest_complete, spent
from ragloop.models.training.process import RESULT, Objective, TrainingSpec, spec_digest
from ragloop.records import Message

WAIT_S = 24 * 3600.0
"""How long another process may train this adapter, whose result is then found done."""

WEIGHTS = "adapter_model.safetensors"


def main(spec_file: Path) -> None:
    """Train what the spec says, unless it is done already; one process per output folder."""
    spec = TrainingSpec(**json.loads(spec_file.read_text(encoding="utf-8")))
    output = Path(spec.output)
    progress = _own_stdout()
    try:
        with alone(output / "lock", f"the training in {output}", WAIT_S):
            digest = spec_digest(spec)
            if not _is_done(output, digest):
                (output / RESULT).unlink(missing_ok=True)
                _train(spec, output, digest, progress)
    except (RagloopError, ImportError) as error:
        _refuse(error, progress)


def _refuse(error: RagloopError | ImportError, progress: TextIO) -> None:
    """Tell the parent which error to raise, and end with its exit code; an ImportError of no extra is a defect."""
    refusal = missing_package(error.name) if isinstance(error, ImportError) else error
    if refusal is None:
        raise error
    progress.write(json.dumps({"error": type(refusal).__name__, "message": str(refusal)}) + "\n")
    progress.flush()
    sys.exit(refusal.exit_code)


def _own_stdout() -> TextIO:
    # Libraries print to stdout too; from here on their lines go to stderr and only progress to the parent.
    progress = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return progress


def _is_done(output: Path, digest: str) -> bool:
    try:
        return bool(json.loads((output / RESULT).read_text(encoding="utf-8"))["digest"] == digest)
    except (FileNotFoundError, ValueError, KeyError):
        return False


def _train(spec: TrainingSpec, output: Path, digest: str, progress: TextIO) -> None:
    started = time.monotonic()
    checkpoints = output / "checkpoints"
    resume = newest_complete(checkpoints, digest)
    before = spent(resume)
    trainer, tokens, of_rows = _trainer(spec, checkpoints, digest, progress, before, started)
    loop = time.monotonic()
    notes = [*of_rows["notes"], *trainer.run_frozen_layers_once(first_layer(spec, trainer.model.config))]
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    training_seconds = time.monotonic() - loop + before["training_seconds"]
    trainer.model.save_pretrained(output)
    (output / "README.md").unlink(missing_ok=True)  # PEFT's model card: empty headings
    seen = tokens * spec.epochs
    result = {
        "loss_curve": _curve(trainer),
        "seconds": round(time.monotonic() - started + before["seconds"], 2),
        "training_seconds": round(training_seconds, 2),
        "cpu_seconds": round(_cpu_seconds() + before["cpu_seconds"], 2),
        "tokens": seen,
        "tokens_per_s": round(seen / training_seconds, 1),
        **of_rows,
        "notes": notes,
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "trl", "accelerate")},
        "seed": spec.seed,
        "adapter_sha256": sha256_of(output / WEIGHTS),
        "resumed_from": int(resume.name.removeprefix("checkpoint-")) if resume else 0,
        "rss_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    _write_last(output / RESULT, {"digest": digest, "spec": asdict(spec), "result": result})
    shutil.rmtree(checkpoints, ignore_errors=True)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _curve(trainer: Any) -> list[dict[str, float]]:
    return [
        {"step": entry["step"], "loss": entry["loss"], "learning_rate": entry["learning_rate"]}
        for entry in trainer.state.log_history
        if "loss" in entry
    ]


def _write_last(path: Path, content: dict[str, Any]) -> None:
    with whole_file(path) as made:
        made.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _trainer(
    spec: TrainingSpec, checkpoints: Path, digest: str, progress: TextIO, before: dict[str, float], started: float
) -> tuple[Any, int, dict[str, Any]]:
    """Return the trainer, the tokens of a pass, and what the record of the training says of its rows."""
    import torch
    from datasets import Dataset
    from transformers import PrinterCallback

    from ragloop.models.training.sft import AnswersOnlyTrainer, Reporter

    if spec.threads is not None:
        torch.set_num_threads(spec.threads)
    model, chat = load_base(spec.base)
    _check_trains(spec, model)
    kind: Any = AnswersOnlyTrainer
    if compares := spec.objective == Objective.PREFERENCES:
        from ragloop.models.training.preferences import PreferenceTrainer

        kind = PreferenceTrainer
    rows, notes = pairs(spec, chat) if compares else tokenize(spec, chat)
    trainer = kind(
        model=model,
        args=_arguments(spec, checkpoints, str(model.device)),
        train_dataset=Dataset.from_list(rows),
        processing_class=chat.tokenizer,
        peft_config=_adapter_config(spec, model),
        callbacks=[Reporter(progress, digest, before, started)],
    )
    trainer.remove_callback(PrinterCallback)
    tokens = sum(len(ids) for row in rows for name, ids in row.items() if name != "labels")
    return trainer, tokens, {"rows": len(rows), "chat": chat.fingerprint, "notes": notes}


def _check_trains(spec: TrainingSpec, model: Any) -> None:
    if not hasattr(model.config, "num_hidden_layers"):
        raise MismatchError(
            f"base model {spec.base!r} (type {model.config.model_type}) reads more than text and cannot be trained on "
            "questions and answers; expected a language model of text alone: name another in model.base"
        )


def tokenize(spec: TrainingSpec, chat: Chat) -> tuple[list[dict[str, list[int]]], list[str]]:
    """Return `input_ids` and `labels` (-100 where the loss does not look) per row, and how many rows were left out and
    why.

    A row without an answer is an error. One that is longer than the spec allows is left out: cut, it would teach to go
    on where an answer ends.
    """
    import pyarrow.parquet as parquet

    table = parquet.read_table(spec.rows)
    chats = table["messages"].to_pylist()
    times = [passes_of(one) for one in table["weight"].to_pylist()] if "weight" in table.schema.names else []
    examples = [_example(chat, messages, f"row {number} of {spec.rows}") for number, messages in enumerate(chats)]
    fitting = [len(one.prompt) + len(one.answer) <= spec.max_length for one in examples]
    repeated = zip(examples, fitting, times or [1] * len(examples), strict=True)
    short = [one for one, fits, often in repeated if fits for _ in range(often)]
    if not short:
        raise ValueError(
            f"{spec.rows} holds no row of at most {spec.max_length} tokens among {len(chats)}; expected at least one"
        )
    rows = [
        {"input_ids": [*one.prompt, *one.answer], "labels": [-100] * len(one.prompt) + [*one.answer]} for one in short
    ]
    left_out = fitting.count(False)
    return rows, [f"rows left out because they are longer than {spec.max_length} tokens: {left_out}"] * bool(left_out)


def pairs(spec: TrainingSpec, chat: Chat) -> tuple[list[dict[str, list[int]]], list[str]]:
    """Return the tokens of prompt, answer and rejected answer per row, and how many rows were left out and why."""
    import pyarrow.parquet as parquet

    from ragloop.models.training.preferences import compared

    given = parquet.read_table(spec.rows, columns=["messages", "rejected"]).to_pylist()
    if empty := [number for number, row in enumerate(given) if not (row["rejected"] or "").strip()]:
        raise MismatchError(f"row {empty[0]} of {spec.rows} has no rejected answer; build the dataset again")
    found = [compared(chat, row["messages"], row["rejected"]) for row in given]
    rows = [row for row in found if sum(map(len, row.values())) <= spec.max_length]
    if not rows:
        raise ValueError(
            f"{spec.rows} holds no row of at most {spec.max_length} tokens among {len(found)}; expected at least one"
        )
    left_out = len(found) - len(rows)
    return rows, [f"rows left out because they are longer than {spec.max_length} tokens: {left_out}"] * bool(left_out)


def passes_of(weight: int) -> int:
    """Return how often a row is seen in an epoch that so many interactions gave: once more each time it doubles.

    In proportion, one frequent question would be most of the training.
    """
    return max(1, weight).bit_length()


def _example(chat: Chat, messages: Sequence[Message], where: str) -> Example:
    try:
        return chat.example(messages)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    except MismatchError as error:
        raise MismatchError(f"{where}: {error}") from error


def _arguments(spec: TrainingSpec, checkpoints: Path, device: str) -> Any:
    import torch
    from trl import SFTConfig

    common: dict[str, Any] = {
        "output_dir": str(checkpoints),
        "seed": spec.seed,
        "data_seed": spec.seed,
        "num_train_epochs": spec.epochs,
        "learning_rate": spec.learning_rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": spec.warmup_steps,
        "per_device_train_batch_size": spec.batch_size,
        "save_strategy": "steps",
        "save_steps": spec.checkpoint_steps,
        "save_total_limit": 2,
        "logging_steps": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": device == "cpu",
        "bf16": best_dtype(device) == torch.bfloat16,
        "gradient_checkpointing": False,
        "max_length": None,
        "dataloader_pin_memory": device != "cpu",
        "weight_decay": 0.0,
    }
    if spec.objective == Objective.PREFERENCES:
        from ragloop.models.training.preferences import preference_arguments

        return preference_arguments(common)
    return SFTConfig(**common)


def first_layer(spec: TrainingSpec, config: Any) -> int:
    """Index of the lowest layer that gets an adapter."""
    return int(spec.frozen_share * config.num_hidden_layers)


def _adapter_config(spec: TrainingSpec, model: Any) -> Any:
    from peft import LoraConfig

    target = spec.target if spec.target == "all-linear" else spec.target.split(",")
    first = first_layer(spec, model.config)
    layers = list(range(first, model.config.num_hidden_layers)) if first else None
    if layers is not None and target == "all-linear":
        target = sorted({name.rsplit(".", 1)[-1] for name in _linear_layers(model)})
    return LoraConfig(
        r=spec.rank,
        lora_alpha=spec.alpha,
        lora_dropout=0.0,
        target_modules=target,
        layers_to_transform=layers,
        task_type="CAUSAL_LM",
    )


def _linear_layers(model: Any) -> Iterator[str]:
    import torch

    head = model.get_output_embeddings()
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not head:
            yield name


if __name__ == "__main__":
    main(Path(sys.argv[1]))
