"""What an adapter's training or merge, evaluation and gate found, and how its row of the registry holds that.

A row holds one JSON object with the keys of all side by side: `training` or `merge`; `champion`, `candidate`,
`compared_with` and `notes`; `criteria`. The records here are the only place that knows these keys.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

Scores = Mapping[str, float | None]
"""Mean scores of a model and the numbers of questions behind them, by name; None without any question."""


class VerdictKind(StrEnum):
    """What the gate decides."""

    PROMOTE = "promote"
    REJECT = "reject"
    INCONCLUSIVE = "inconclusive"


class CriterionState(StrEnum):
    """Whether the bounds of a criterion lie on one side of its threshold."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Criterion:
    """`estimate`, `low` and `high` are None without any pair. `needed_n`: pairs that would decide with a chance of
    0.8 if what was observed holds; None where it is decided, or where no sensible number would."""

    name: str
    estimate: float | None
    low: float | None
    high: float | None
    threshold: float
    n: int
    state: CriterionState
    needed_n: int | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", CriterionState(self.state))


@dataclass(frozen=True)
class TrainingRecord:
    """What a training took and left. `left_out` counts rows of the dataset by why they were not trained on."""

    rows: int
    seconds: float
    cpu_seconds: float
    tokens: int
    tokens_per_s: float
    rss_peak_mb: float
    seed: int
    final_loss: float
    chat: str = ""
    """Fingerprint of the chat format that the rows were rendered in."""
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)
    """What the training chose, with its reason, by the name of the setting that left it open."""
    held_out_rows: int = 0
    held_out_losses: tuple[float, ...] = ()
    """Mean loss of the held-out rows after each pass."""
    kept_pass: int | None = None
    """The pass, from 1 on, whose weights are the adapter; None without held-out rows: the last."""
    device: str = ""
    """Where it ran; empty, as the next two, where nobody noted it."""
    precision: str = ""
    memory_estimated_mb: float | None = None
    """What one process was expected to take at its peak, on a GPU of its memory."""
    gpu_peak_mb: float | None = None
    """The most that tensors had on a GPU; None where none trained."""
    gradient_checkpointing: bool = False

    @classmethod
    def of_row(cls, stored: Mapping[str, Any]) -> "TrainingRecord":
        """Read the value of `training`."""
        tuples = {name: tuple(stored.get(name, ())) for name in ("notes", "held_out_losses")}
        return cls(**{**stored, **tuples})


@dataclass(frozen=True)
class Parent:
    """An adapter that went into a merged one. Its hash stands in its own row alone, from which an erasure takes it."""

    adapter_id: str
    dataset_id: str
    weight: float


@dataclass(frozen=True)
class MergeRecord:
    """What an adapter was merged from, and how. `method` is PEFT's combination type; `density` is None where it leaves
    nothing out, `seed` where it draws nothing. `chat` is the chat format that the parents were trained in."""

    method: str
    parents: tuple[Parent, ...]
    density: float | None
    seed: int | None
    rank: int
    chat: str = ""

    @classmethod
    def of_row(cls, stored: Mapping[str, Any]) -> "MergeRecord":
        """Read the value of `merge`."""
        return cls(**{**stored, "parents": tuple(Parent(**one) for one in stored["parents"])})


@dataclass(frozen=True)
class EvaluationRecord:
    """How an adapter, the challenger, and the champion of that day, the incumbent, answered the same questions."""

    incumbent: Scores
    challenger: Scores
    compared_with: str | None
    """Id of the incumbent; None for the base model."""
    notes: tuple[str, ...]
    """What was not asked or not trained on, and why."""


@dataclass(frozen=True)
class GateRecord:
    """The criteria that the verdict of an adapter rests on."""

    criteria: tuple[Criterion, ...]


@dataclass(frozen=True)
class Evidence:
    """All that is known of an adapter; None for a step that did not run yet."""

    training: TrainingRecord | None = None
    evaluation: EvaluationRecord | None = None
    gate: GateRecord | None = None
    merge: MergeRecord | None = None
    """Of one that was not trained."""

    @property
    def chat(self) -> str:
        """Fingerprint of the chat format that its rows were rendered in; empty where nobody noted it."""
        return self.training.chat if self.training else self.merge.chat if self.merge else ""

    @property
    def left_out(self) -> Mapping[str, int]:
        """Numbers of rows that were not trained on, by reason."""
        return self.training.left_out if self.training else {}

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of the evaluation."""
        return self.evaluation.notes if self.evaluation else ()

    @property
    def compared_with(self) -> str | None:
        """Id of the incumbent of the evaluation; None for the base model."""
        return self.evaluation.compared_with if self.evaluation else None

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """The criteria of the gate; none before the first verdict."""
        return self.gate.criteria if self.gate else ()

    @classmethod
    def of_row(cls, stored: Mapping[str, Any]) -> "Evidence":
        """Read the object that a row holds."""
        return cls(
            TrainingRecord.of_row(stored["training"]) if "training" in stored else None,
            _evaluation(stored) if "candidate" in stored else None,
            GateRecord(tuple(Criterion(**one) for one in stored["criteria"])) if "criteria" in stored else None,
            MergeRecord.of_row(stored["merge"]) if "merge" in stored else None,
        )

    def as_row(self) -> dict[str, Any]:
        """Return the object that a row holds."""
        found: dict[str, Any] = {}
        if self.training:
            lists = {name: list(getattr(self.training, name)) for name in ("notes", "held_out_losses")}
            found["training"] = {**asdict(self.training), **lists}
        if self.merge:
            found["merge"] = {**asdict(self.merge), "parents": [asdict(one) for one in self.merge.parents]}
        if one := self.evaluation:
            found |= {"champion": dict(one.incumbent), "candidate": dict(one.challenger)}
            found |= {"compared_with": one.compared_with, "notes": list(one.notes)}
        if self.gate:
            found["criteria"] = [asdict(one) for one in self.gate.criteria]
        return found


def _evaluation(stored: Mapping[str, Any]) -> EvaluationRecord:
    return EvaluationRecord(
        stored["champion"], stored["candidate"], stored.get("compared_with"), tuple(stored.get("notes", ()))
    )
