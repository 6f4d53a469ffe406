"""Settings become policies here and nowhere else; policies have no defaults of their own."""

from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

from ragloop.config import Settings, SyncSettings
from ragloop.errors import ConfigError

if TYPE_CHECKING:
    from ragloop.answering.retrieval import RetrievalPolicy
    from ragloop.corpus.parsing.limits import ParseLimits
    from ragloop.corpus.sync.policy import SyncPolicy
    from ragloop.learning.canary.decision import CanaryPolicy
    from ragloop.learning.evaluation.criteria import GatePolicy
    from ragloop.learning.monitoring.cadence import CadencePolicy
    from ragloop.learning.monitoring.drift import DriftPolicy
    from ragloop.learning.steps.parts import RetrainingPolicy, TrainingChoices
    from ragloop.models.training.process import Execution, TrainingSpec

AUTO = "auto"
"""The value of a setting that is left to the training."""
_MAX_ELSEWHERE, _MAX_TRAINED = 250, 100
"""Most held-out questions and most trained rows that an adapter is asked: an answer takes a second on two cores, and
benchmarks/gate.py shows what fewer questions can decide."""
_WARMUP_STEPS, _MAX_LENGTH, _TARGET = 10, 1024, "all-linear"
"""Measured with benchmarks/lora_facts.py on SmolLM2-135M-Instruct, as the defaults of [training]."""
_CANARY_DAYS = 7
"""Days in which a lane needs the questions of one share, for a canary to begin by itself."""
_MIN_ANSWERS, _MIN_VOTES, _PERMUTATIONS = 50, 20, 1000
"""Calibrated by benchmarks/drift_power.py and drift_errors.py."""
_MAX_QUESTIONS = 2_000
"""Questions of a window that are compared with each other: of two such windows that takes some 0.6 GB."""


def gate_policy(settings: Settings) -> "GatePolicy":
    """Return what a challenger must show."""
    from ragloop.learning.evaluation.criteria import GatePolicy

    return GatePolicy(**settings.gate.model_dump())


def canary_policy(settings: Settings) -> "CanaryPolicy":
    """Return when a challenger that answers a share of the questions gets more of them, or none."""
    from ragloop.learning.canary.decision import CanaryPolicy

    wanted = settings.canary
    return CanaryPolicy(wanted.shares, wanted.margin, wanted.alpha, wanted.questions, 1000 * wanted.slow_seconds)


def drift_policy(settings: Settings) -> "DriftPolicy":
    """Return when a difference counts as drift; no more questions are compared than a window has, and no more than
    memory has room for."""
    from ragloop.learning.monitoring.drift import DriftPolicy

    drift = settings.drift
    return DriftPolicy(
        alpha=drift.alpha,
        corpus_share=drift.corpus_share,
        min_questions=drift.min_questions,
        min_answers=_MIN_ANSWERS,
        min_votes=_MIN_VOTES,
        permutations=_PERMUTATIONS,
        max_questions=min(2 * drift.window, _MAX_QUESTIONS),
        seed=drift.seed,
        days=drift.days,
    )


def cadence_policy(settings: Settings) -> "CadencePolicy":
    """Return when training is due."""
    from ragloop.learning.monitoring.cadence import CadencePolicy

    return CadencePolicy(**settings.cadence.model_dump())


def retrieval_policy(settings: Settings) -> "RetrievalPolicy":
    """Return how passages are found."""
    from ragloop.answering.retrieval import RetrievalPolicy

    return RetrievalPolicy.of(settings.retrieval, guard=settings.answers.guard)


def training_spec(settings: Settings) -> "TrainingSpec":
    """Collect all that the settings decide of a training; its base model and files are filled in when it begins.

    What they leave open has the value of the first trainings until a training chooses.
    """
    from ragloop.models.training.defaults import alpha_of
    from ragloop.models.training.process import FIRST_VALUES, Method, TrainingSpec

    training = settings.training
    values = {name: FIRST_VALUES[name] for name in _open(settings)} | _given(settings)
    return TrainingSpec(
        base="",
        rows="",
        output="",
        chat="",
        target=_TARGET,
        objective=FIRST_VALUES["objective"],
        warmup_steps=_WARMUP_STEPS,
        max_length=_MAX_LENGTH,
        threads=settings.model.threads,
        **{
            **values,
            "method": Method.DORA if training.method == "dora" else Method.LORA,
            "alpha": training.alpha or alpha_of(training.method, values["rank"]),
        },
    )


def _given(settings: Settings) -> dict[str, Any]:
    """Return what the settings decide of a training."""
    return {name: value for name, value in _of_spec(settings).items() if value != AUTO}


def _open(settings: Settings) -> list[str]:
    """Name what the settings leave to a training."""
    return [name for name, value in _of_spec(settings).items() if value == AUTO]


def _of_spec(settings: Settings) -> dict[str, Any]:
    """Return the settings that are fields of a spec."""
    return settings.training.model_dump(exclude={"min_rows", "processes", "gradient_checkpointing", "report_to"})


def training_execution(settings: Settings) -> "Execution":
    """Decide how a training is carried out."""
    from ragloop.models.training.process import Execution

    training = settings.training
    return Execution(
        training.processes if isinstance(training.processes, int) else None,
        training.report_to,
        settings.registry.mirror_name,
        training.gradient_checkpointing if isinstance(training.gradient_checkpointing, bool) else None,
    )


def training_choices(settings: Settings) -> "TrainingChoices":
    """Return what a training chooses, and how few rows it takes."""
    from ragloop.learning.steps.parts import TrainingChoices

    training = settings.training
    return TrainingChoices(frozenset(_open(settings)), None if training.alpha else training.method, training.min_rows)


def retraining_policy(settings: Settings) -> "RetrainingPolicy":
    """Return what the steps of a retraining go by. Raises NotFoundError and ConfigError as read_golden does."""
    from ragloop.learning.evaluation.golden import read_golden
    from ragloop.learning.steps.parts import CanaryEntry, RetrainingPolicy

    dataset = settings.dataset
    return RetrainingPolicy(
        base_name=settings.model.base,
        training=training_spec(settings),
        choices=training_choices(settings),
        execution=training_execution(settings),
        gate=gate_policy(settings),
        golden=read_golden(dataset.golden),
        eval_share=dataset.eval_share,
        max_answer_words=dataset.max_answer_words,
        max_cited_words=dataset.max_cited_words,
        teachers=frozenset(dataset.teachers),
        abstain_share=dataset.abstain_share,
        max_elsewhere=_MAX_ELSEWHERE,
        max_trained=_MAX_TRAINED,
        retrieval=retrieval_policy(settings),
        seed=dataset.seed,
        canary=CanaryEntry(settings.canary.when, settings.canary.shares[0], settings.canary.questions, _CANARY_DAYS),
    )


def sync_policy(settings: Settings) -> "SyncPolicy":
    """Decide how a sync reads, commits and guards, where nothing else is asked for."""
    from ragloop.corpus.sync.policy import SyncPolicy

    sync, index = settings.sync, settings.index
    return SyncPolicy(
        batch_documents=sync.batch_documents,
        batch_seconds=sync.batch_seconds,
        guard_documents=sync.guard_documents,
        guard_share=sync.guard_share,
        max_document_bytes=_bytes(sync.max_document_mb),
        limits=_parse_limits(sync, settings.home),
        cutover=index.cutover,
        refresh_s=index.refresh_minutes * 60,
        keep_days=index.keep_days,
        vector_retention_days=index.vector_retention_days,
    )


def _parse_limits(sync: SyncSettings, home: Path) -> "ParseLimits":
    """Limit what a parser may take; a document may have as many characters of text as its file may have bytes."""
    from ragloop.corpus.parsing.limits import ParseLimits
    from ragloop.corpus.parsing.pages.recognised import FOLDER

    if sync.ocr:
        _must_have_engine(sync)
    return ParseLimits(
        seconds=sync.max_parse_seconds,
        memory_bytes=_bytes(sync.max_parse_mb),
        pages=sync.max_pages,
        unpacked_bytes=_bytes(sync.max_unpacked_mb),
        characters=_bytes(sync.max_document_mb),
        recognise=sync.ocr,
        recognised_pages=sync.ocr_pages,
        recognition_seconds=sync.ocr_seconds,
        recognised_folder=str(home.resolve() / FOLDER) if sync.ocr else "",
        office_converter=sync.office_converter,
        json_fields=sync.json_fields,
        recognise_images=sync.ocr_images,
        engine=sync.ocr_engine,
        languages=sync.ocr_languages,
    )


def _must_have_engine(sync: SyncSettings) -> None:
    from ragloop.corpus.parsing.pages.tesseract import PROGRAM

    needed = "rapidocr" if sync.ocr_engine == "rapidocr" else "PIL"
    if find_spec(needed) is None:
        raise ConfigError(f"sync.ocr is on, which needs {needed}; install it with: pip install 'ragloop[ocr]'")
    if sync.ocr_engine == "tesseract" and which(PROGRAM) is None:
        raise ConfigError(
            "sync.ocr_engine is tesseract, which is not on PATH; install it, or set sync.ocr_engine to rapidocr"
        )


def _bytes(mib: float) -> int:
    return max(1, int(mib * 2**20))
