"""LoRA training: rows of chat messages to an adapter folder, in a process of its own.

`train` starts `python -m ragloop.models.training.worker SPEC.json`, relays its progress and reports its failure.
The child trains with TRL's SFTTrainer and PEFT. It can be killed at any moment: a second run of the same spec goes on
from the newest complete checkpoint and, with one thread, ends in the same bytes.
LoRA: https://arxiv.org/abs/2106.09685.
"""

import contextlib
import hashlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ragloop import errors
from ragloop.errors import NotFoundError, RagloopError, StorageFullError, TrainingError
from ragloop.hashes import sha256_of

log = logging.getLogger(__name__)


class Objective(StrEnum):
    """What the loss of a training looks at."""

    ANSWERS = "answers"
    """The tokens of each answer (SFT)."""
    PREFERENCES = "preferences"
    """How much likelier an answer is than the one that was rejected (DPO), and its tokens (arXiv:2404.19733)."""


class Method(StrEnum):
    """What an adapter adds to the layers of its base model."""

    LORA = "lora"
    """A product of two thin matrices (Hu et al., arXiv:2106.09685)."""
    DORA = "dora"
    """The same for the direction of each column, and a vector for their lengths (Liu et al., arXiv:2402.09353)."""


class Quantization(StrEnum):
    """How the weights of the base model lie in memory while an adapter trains."""

    NONE = "none"
    NF4 = "nf4"
    """In four bits, their scales in eight (Dettmers et al., QLoRA, arXiv:2305.14314)."""


FIRST_VALUES: Mapping[str, Any] = {
    "recipe": "facts",
    "seed": 0,
    "epochs": 10,
    "learning_rate": 3e-3,
    "rank": 16,
    "alpha": 32,
    "target": "all-linear",
    "frozen_share": 0.75,
    "batch_size": 16,
    "warmup_steps": 10,
    "checkpoint_steps": 50,
    "max_length": 1024,
    "threads": None,
    "objective": Objective.ANSWERS,
    "method": Method.LORA,
    "quantization": Quantization.NONE,
    "held_out_share": 0.0,
    "patience": 1,
}
"""Values of a spec that hashes leave out, so that a new field changes no old id. Give a new field the value that
trainings had before it, and never change one here: a setting's default may change, what an id means may not."""
_FAILED = re.compile(r"failed \(exitcode: (-?\d+)\) local_rank: (\d+) ")
"""What torch.distributed.run says of the first process of a group that failed."""
_OF_LAUNCHER = re.compile(r"torch/distributed/|^\*+$|OMP_NUM_THREADS")
RESULT = "training.json"
"""Written last: an adapter folder without it is not finished."""


@dataclass(frozen=True)
class TrainingSpec:
    """All that decides what an adapter becomes; equal specs on one machine with one thread give equal bytes.

    `base` is a folder or a hub name. `rows` is a Parquet file with a column `messages`, a list of {role, content} each,
    as in TRL's conversational format; the loss is taken on the last, which the assistant wrote. `frozen_share` of the
    layers, counted from below, get no adapter and so cost no backward pass. `threads` of None leaves the choice to
    torch. `recipe` names how the rows were made. `chat` names the chat format of the base model (Chat.fingerprint), so
    that another one is another training. `objective` is one of Objective; PREFERENCES reads a column `rejected`, too.
    `method` is one of Method, `quantization` one of Quantization. About `held_out_share` of the rows are not trained
    on: after each pass their loss is taken, a training ends after `patience` passes in a row that were no better than
    the best one, and the weights of the best one are the adapter.
    """

    recipe: str
    base: str
    rows: str
    output: str
    seed: int
    epochs: int
    learning_rate: float
    rank: int
    alpha: int
    target: str
    frozen_share: float
    batch_size: int
    warmup_steps: int
    checkpoint_steps: int
    max_length: int
    threads: int | None
    chat: str
    objective: str
    method: str
    quantization: str
    held_out_share: float
    patience: int

    def __post_init__(self) -> None:
        counts = ("epochs", "rank", "alpha", "batch_size", "checkpoint_steps", "max_length", "patience")
        wrong = [name for name in counts if getattr(self, name) < 1]
        wrong += ["warmup_steps"] if self.warmup_steps < 0 else []
        wrong += ["learning_rate"] if not 0 < self.learning_rate < 1 else []
        wrong += [name for name in ("frozen_share", "held_out_share") if not 0 <= getattr(self, name) < 1]
        wrong += ["method"] if self.method not in tuple(Method) else []
        wrong += ["quantization"] if self.quantization not in tuple(Quantization) else []
        if wrong:
            raise ValueError(f"out of range: {', '.join(wrong)} in {self}")


@dataclass(frozen=True)
class Execution:
    """How a training is carried out, which decides nothing of what is learned, and so is in no hash.

    `processes` that share each batch on this machine; None for one per GPU, and one without any. `report_to` names the
    places of reporting.sending that its figures go to, `project` is what servers call all trainings of a home.
    `gradient_checkpointing` of None has the activations computed again where they do not fit beside the rest.
    """

    processes: int | None
    report_to: Sequence[str] = ()
    project: str = "ragloop"
    gradient_checkpointing: bool | None = None


ALONE = Execution(processes=1)


@dataclass(frozen=True)
class Progress:
    """Where training stands after a step; `loss` is the mean over the answer tokens of that step's batch.

    After the last step of a pass another one comes with `held_out_loss`, that of the rows that are not trained on.
    """

    step: int
    steps: int
    loss: float
    learning_rate: float
    held_out_loss: float | None = None


@dataclass(frozen=True)
class TrainingResult:
    """What training made. `tokens` counts prompt and answer tokens of every pass, without padding.

    `seconds`, `cpu_seconds` and `tokens` are of all runs that led to the adapter, from its start to its end;
    `training_seconds` is of the training loop alone. `chat` is the fingerprint of the chat format that the rows were
    rendered in; `notes` say what could not be done as it usually is. `cpu_seconds` are of all `processes` of a group,
    `rss_peak_mb` is of its first. `memory_estimated_mb` is what that was expected to be before the training began, on a
    GPU of its memory; None, as an empty `device` and `precision`, for one from before this was noted.
    """

    adapter: Path
    loss_curve: Sequence[Mapping[str, float]]
    seconds: float
    training_seconds: float
    cpu_seconds: float
    tokens: int
    tokens_per_s: float
    rows: int
    versions: Mapping[str, str]
    seed: int
    adapter_sha256: str
    resumed_from: int
    rss_peak_mb: float
    chat: str = ""
    notes: Sequence[str] = ()
    processes: int = 1
    held_out_rows: int = 0
    held_out_losses: Sequence[float] = ()
    """Mean loss over the answer tokens of the held-out rows after each pass."""
    kept_pass: int | None = None
    """The pass, from 1 on, whose weights are the adapter; None where no rows were held out: the last."""
    device: str = ""
    precision: str = ""
    memory_estimated_mb: float | None = None
    gpu_peak_mb: float | None = None
    """The most memory that tensors had on a GPU, in the run that ended it."""
    gradient_checkpointing: bool = False

    @property
    def final_loss(self) -> float:
        """Loss at the last step."""
        return self.loss_curve[-1]["loss"]

    @property
    def held_out_curve(self) -> list[Mapping[str, float]]:
        """The loss of the held-out rows by the step that ended a pass."""
        passes = len(self.held_out_losses)
        last = self.loss_curve[-1]["step"]
        return [{"step": last * (one + 1) / passes, "loss": loss} for one, loss in enumerate(self.held_out_losses)]


def train(
    spec: TrainingSpec, on_progress: Callable[[Progress], None] = lambda _: None, execution: Execution = ALONE
) -> TrainingResult:
    """Train in a child process, or a group of them, and wait for it; a spec that is already trained is only read.

    Raises NotFoundError when rows or base model are missing, UsageError when the training does not fit into memory,
    TrainingError when the child fails or is killed, StorageFullError when the disk is full. A training that could not
    begin leaves no folder behind.
    """
    _check_inputs(spec)
    output = Path(spec.output)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stderr:
        child = _start(spec, execution, stderr)
        try:
            refusal = _relay(child, on_progress)
            code = child.wait()
        finally:
            child.kill()
            child.wait()
        if refusal is not None:
            _discard(spec)
            raise refusal
        if code != 0:
            what = _what_happened(code, stderr, output)
            raise StorageFullError(what) if "No space left on device" in what else TrainingError(what)
    return read_result(output)


def read_result(output: Path) -> TrainingResult:
    """Read the result in an adapter folder. Raises NotFoundError when training did not finish there."""
    try:
        found = json.loads((output / RESULT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFoundError(f"{output} holds no {RESULT}; expected a finished training: run it again") from None
    return TrainingResult(adapter=output, **found["result"])


def what_differs(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a spec that have another value than trainings had at first: what is hashed of it."""
    return {name: one for name, one in values.items() if name not in FIRST_VALUES or FIRST_VALUES[name] != one}


def spec_digest(spec: TrainingSpec) -> str:
    """Return the SHA-256 over the spec and the bytes of its rows, without the place of either: what a checkpoint
    belongs to."""
    content = {**what_differs(asdict(spec)), "output": "", "rows": sha256_of(Path(spec.rows))}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _check_inputs(spec: TrainingSpec) -> None:
    if not Path(spec.rows).is_file():
        raise NotFoundError(f"{spec.rows} is not there; expected the rows to train on: build the dataset again")
    if Path(spec.base).is_absolute() and not Path(spec.base).is_dir():
        raise NotFoundError(f"base model {spec.base} is not there; expected a folder: correct model.base")


def _start(spec: TrainingSpec, execution: Execution, stderr: Any) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),  # see local.wait_without_spinning
    }
    if spec.threads is not None:
        environment["OMP_NUM_THREADS"] = str(spec.threads)
    if Path(spec.base).is_dir():
        environment["HF_HUB_OFFLINE"] = "1"
    file = Path(spec.output) / "spec.json"
    file.write_text(json.dumps(asdict(spec), indent=2) + "\n", encoding="utf-8")
    how = json.dumps(asdict(execution))
    command = [sys.executable, "-m", "ragloop.models.training.worker", str(file), how]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True)


def _relay(child: subprocess.Popen[str], on_progress: Callable[[Progress], None]) -> RagloopError | None:
    """Hand progress on until the child says no more, and log its plan and what it warns of; the error that it ends
    with, if any."""
    refusal: RagloopError | None = None
    assert child.stdout is not None
    with child.stdout as lines:
        for line in lines:
            message = json.loads(line)
            if "error" in message:
                refusal = getattr(errors, message["error"])(message["message"])
            elif "warning" in message:
                log.warning("%s", message["warning"])
            elif "plan" in message:
                log.info("%s", message["plan"])
            else:
                progress = Progress(**message)
                if progress.held_out_loss is not None:
                    log.info("step %d: loss of the held-out rows %.3f", progress.step, progress.held_out_loss)
                on_progress(progress)
    return refusal


def _discard(spec: TrainingSpec) -> None:
    """Remove what was written before the first step, and the folder where it then holds nothing."""
    output = Path(spec.output)
    if (output / "checkpoints").exists():
        return
    for name in ("spec.json", "lock"):
        (output / name).unlink(missing_ok=True)
    if Path(spec.rows).parent == output:
        Path(spec.rows).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it holds something of someone else
        output.rmdir()


def _what_happened(code: int, stderr: Any, output: Path) -> str:
    stderr.seek(0)
    who, code, said = _first_to_fail(code, [line.strip() for line in stderr if line.strip()])
    last = " | ".join(said[-3:])
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    kept = any(output.glob("checkpoints/*/complete.json"))
    again = "; run it again and it goes on from its newest complete checkpoint" if kept else ""
    return (
        f"{who} in {output} {how}, before the adapter was written; its last words: {last or 'none'}. "
        f"The adapter in use keeps serving{again}"
    )


def _first_to_fail(code: int, lines: Sequence[str]) -> tuple[str, int, Sequence[str]]:
    """Return who failed first, with which exit code, and what was said until then: a launcher says much after it."""
    for number, line in enumerate(lines):
        if found := _FAILED.search(line):
            said = [one for one in lines[:number] if not _OF_LAUNCHER.search(one)]
            return f"process {found[2]} of the training", int(found[1]), said
    return "training", code, lines
