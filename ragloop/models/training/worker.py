"""The process that trains: TRL's SFTTrainer over PEFT, made cheap, deterministic and safe to kill.

Started by `process.train` with the path of a spec and how to carry it out; writes one JSON line of progress per step on
stdout, the adapter, then `training.json` last. An error of ragloop's own tree is the last line on stdout, by name and
message. Where several processes train, it becomes the launcher of a group of itself, whose first process writes. Heavy
imports are made in the functions, so that a wrong spec fails at once.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

from ragloop.durable import whole_file
from ragloop.errors import MismatchError, RagloopError, UsageError, missing_package
from ragloop.hashes import sha256_of
from ragloop.locks import alone
from ragloop.models.adapters.peft_models import import_peft
from ragloop.models.chat import load_chat
from ragloop.models.generation.local import best_dtype, load_model
from ragloop.models.training.checkpoints import newest_complete, processes_before, spent
from ragloop.models.training.group import Group, become_launcher, is_placed, processes_for, spans_nodes, take_place
from ragloop.models.training.memory.available import peak_mb
from ragloop.models.training.memory.layout import without_weights
from ragloop.models.training.memory.plan import compute_again, plan_of
from ragloop.models.training.process import (
    ALONE,
    RESULT,
    Execution,
    Method,
    Objective,
    Quantization,
    TrainingSpec,
    spec_digest,
)
from ragloop.models.training.reporting.figures import Run, parameters
from ragloop.models.training.reporting.sending import close_all, end_without_waiting, senders
from ragloop.models.training.tokens import pairs, tokenize

WAIT_S = 24 * 3600.0
"""How long another process may train this adapter, whose result is then found done."""

WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class _Job:
    """What this process does: its part of a training. `progress` is what the parent reads."""

    spec: TrainingSpec
    execution: Execution
    digest: str
    group: Group
    progress: TextIO

    @property
    def output(self) -> Path:
        return Path(self.spec.output)

    @property
    def checkpoints(self) -> Path:
        return self.output / "checkpoints"


def main(arguments: Sequence[str]) -> None:
    """Train what the spec says, unless it is done already; one training per output folder."""
    spec = TrainingSpec(**json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    execution = Execution(**json.loads(arguments[1])) if len(arguments) > 1 else ALONE
    digest, output = spec_digest(spec), Path(spec.output)
    progress = _own_stdout()
    try:
        if not is_placed() and not _is_done(output, digest):
            processes = processes_for(spec, execution.processes)
            if processes > 1 or spans_nodes():
                os.dup2(progress.fileno(), 1)
                become_launcher(processes, arguments)
        group = take_place(WAIT_S)
        _run(_Job(spec, execution, digest, group, progress))
        group.leave()
        end_without_waiting()
    except (RagloopError, ImportError) as error:
        _refuse(error, progress)


def _run(job: _Job) -> None:
    """Train under the lock that the first process of a group takes; the others do as it decides."""
    output, group = job.output, job.group
    with alone(output / "lock", f"the training in {output}", WAIT_S) if group.first else nullcontext():
        done = group.agreed(group.first and _is_done(output, job.digest))
        if not done:
            if group.first:
                (output / RESULT).unlink(missing_ok=True)
            _train(job)


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


def _train(job: _Job) -> None:
    started = time.monotonic()
    if job.spec.quantization == Quantization.NONE:
        import_peft()  # before TRL imports it
    from ragloop.models.training.callbacks import Over, gpu_peak_mb

    spec, group, output = job.spec, job.group, job.output
    resume = group.agreed(newest_complete(job.checkpoints, job.digest) if group.first else None)
    before = spent(resume)
    trainer, tokens, of_rows = _trainer(job, before, started)
    loop = time.monotonic()
    notes = [*of_rows["notes"], *trainer.run_frozen_layers_once(first_layer(spec, trainer.model.config))]
    notes += _of_group(group, processes_before(resume))
    resumed_from = int(resume.name.removeprefix("checkpoint-")) if resume else 0
    passes = _passes(job, trainer)
    with _reported(job, trainer, tokens, resumed_from) as troubles, suppress(Over):
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    if not group.first:
        return
    training_seconds = time.monotonic() - loop + before["training_seconds"]
    if passes:
        passes.keep_best(trainer.model)
    trainer.model.save_pretrained(output)
    (output / "README.md").unlink(missing_ok=True)  # PEFT's model card: empty headings
    seen = tokens * (len(passes.losses) if passes else spec.epochs)
    result = {
        "loss_curve": _curve(trainer),
        "seconds": round(time.monotonic() - started + before["seconds"], 2),
        "training_seconds": round(training_seconds, 2),
        "cpu_seconds": round(group.cpu_seconds() + before["cpu_seconds"], 2),
        "tokens": seen,
        "tokens_per_s": round(seen / training_seconds, 1),
        **of_rows,
        "notes": [*notes, *troubles],
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "trl", "accelerate")},
        "seed": spec.seed,
        "adapter_sha256": sha256_of(output / WEIGHTS),
        "resumed_from": resumed_from,
        "rss_peak_mb": round(peak_mb(), 1),
        "gpu_peak_mb": gpu_peak_mb(),
        "processes": group.size,
        "held_out_rows": len(trainer.held_out),
        "held_out_losses": passes.losses if passes else [],
        "kept_pass": passes.kept if passes else None,
    }
    _write_last(output / RESULT, {"digest": job.digest, "spec": asdict(spec), "result": result})
    shutil.rmtree(job.checkpoints, ignore_errors=True)


def _passes(job: _Job, trainer: Any) -> Any:
    """Have the held-out rows looked at after each pass; None where there are none."""
    from ragloop.models.training.callbacks import HeldOut

    if not trainer.held_out:
        return None
    looked = HeldOut(trainer, job.checkpoints / "passes", job.digest, job.spec.patience)
    trainer.add_callback(looked)
    return looked


@contextmanager
def _reported(job: _Job, trainer: Any, tokens: int, resumed_from: int) -> Iterator[list[str]]:
    """Have a training reported to where its execution says; yields what went wrong with that, whole at the end."""
    from ragloop.models.training.callbacks import ToPlaces

    places = job.execution.report_to if job.group.first else ()
    run = Run(job.output.name, parameters(job.spec, job.group.size), resumed_from)
    sending = senders(places, run, job.output, job.execution.project)
    reporter = ToPlaces(job.progress, sending, tokens)
    trainer.add_callback(reporter)
    yield reporter.notes
    close_all(sending)
    reporter.say_troubles()


def _of_group(group: Group, before: int | None) -> list[str]:
    """Say where a training went on in a group of another size: its bytes then depend on where that was."""
    if before is None or before == group.size:
        return []
    return [
        f"{_processes(group.size)} went on with what {_processes(before)} began: numbers may differ in their last "
        "digits from those of a training that was not interrupted"
    ]


def _processes(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"


def _curve(trainer: Any) -> list[dict[str, float]]:
    return [
        {"step": entry["step"], "loss": entry["loss"], "learning_rate": entry["learning_rate"]}
        for entry in trainer.state.log_history
        if "loss" in entry
    ]


def _write_last(path: Path, content: dict[str, Any]) -> None:
    with whole_file(path) as made:
        made.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _trainer(job: _Job, before: dict[str, float], started: float) -> tuple[Any, int, dict[str, Any]]:
    """Return the trainer, the tokens of a pass, and what the record of the training says of its rows."""
    import torch
    from datasets import Dataset
    from transformers import PrinterCallback

    from ragloop.models.training.callbacks import AlikeAtFirst, Reporter
    from ragloop.models.training.sft import AnswersOnlyTrainer, with_no_row

    spec, group = job.spec, job.group
    if spec.threads is not None:
        torch.set_num_threads(spec.threads)
    chat, bare = load_chat(spec.base), without_weights(spec.base)
    _check_trains(spec, bare)
    kind: Any = AnswersOnlyTrainer
    if compares := spec.objective == Objective.PREFERENCES:
        if group.size > 1:
            raise UsageError(f"found a group of {group.size} processes, expected one: it alone compares answers")
        from ragloop.models.training.preferences import PreferenceTrainer

        kind = PreferenceTrainer
    found = pairs(spec, chat) if compares else tokenize(spec, chat)
    rows = found.trained
    plan = plan_of(spec, job.execution, bare, first_layer(spec, bare.config), rows, group)
    if group.first:
        print(json.dumps({"plan": plan.said()}), file=job.progress, flush=True)
    model = load_model(spec.base, quantization=quantization_of(spec))
    writes = [Reporter(job.progress, group, job.digest, before, started)] if group.first else []
    trainer = kind(
        model=model,
        args=_arguments(spec, job.checkpoints, str(model.device), writes=group.first),
        train_dataset=Dataset.from_list(rows if group.size == 1 else with_no_row(rows)),
        processing_class=chat.tokenizer,
        peft_config=_adapter_config(spec, model),
        callbacks=[AlikeAtFirst(group), *writes],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.group, trainer.held_out = group, found.held_out
    if plan.checkpoints:
        compute_again(trainer.model.get_base_model())
    tokens = sum(len(ids) for row in rows for name, ids in row.items() if name != "labels")
    of_rows = {"rows": len(rows), "chat": chat.fingerprint, "notes": found.notes, **plan.noted()}
    return trainer, tokens, of_rows


def quantization_of(spec: TrainingSpec) -> Any:
    """Return how transformers reads the base model into fewer bits; None where it is read as it is."""
    if spec.quantization == Quantization.NONE:
        return None
    import bitsandbytes  # noqa: F401 - its absence is told by its name, and transformers would tell it otherwise
    import torch
    from transformers import BitsAndBytesConfig

    # Its default for what is multiplied is float32, whatever the model has.
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _check_trains(spec: TrainingSpec, model: Any) -> None:
    if not hasattr(model.config, "num_hidden_layers"):
        raise MismatchError(
            f"base model {spec.base!r} (type {model.config.model_type}) reads more than text and cannot be trained on "
            "questions and answers; expected a language model of text alone: name another in model.base"
        )


def _arguments(spec: TrainingSpec, checkpoints: Path, device: str, *, writes: bool) -> Any:
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
        "save_strategy": "steps" if writes else "no",
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
        use_dora=spec.method == Method.DORA,
        task_type="CAUSAL_LM",
    )


def _linear_layers(model: Any) -> Iterator[str]:
    import torch

    head = model.get_output_embeddings()
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not head:
            yield name


if __name__ == "__main__":
    main(sys.argv[1:])
