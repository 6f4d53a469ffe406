"""Settings become policies here and nowhere else; policies have no defaults of their own."""

from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from ragloop.config import Settings, SyncSettings
from ragloop.errors import ConfigError

if TYPE_CHECKING:
    from ragloop.answering.retrieval import RetrievalPolicy
    from ragloop.corpus.parsing.limits import ParseLimits
    from ragloop.corpus.sync.policy import SyncPolicy
    from ragloop.learning.evaluation.gate import GatePolicy
    from ragloop.learning.monitoring.cadence import CadencePolicy
    from ragloop.learning.monitoring.drift import DriftPolicy
    from ragloop.learning.steps.parts import RetrainingPolicy
    from ragloop.models.training.process import TrainingSpec

_MAX_ELSEWHERE, _MAX_TRAINED = 64, 100
"""Most held-out questions and most trained rows that an adapter is asked: an answer takes a second on two cores."""
_SCALE = 2
"""alpha ÷ rank of an adapter where training.alpha is not set: what LoRA adds is multiplied by it, whatever the rank."""
_WARMUP_STEPS, _MAX_LENGTH, _TARGET = 10, 1024, "all-linear"
"""Measured with benchmarks/lora_facts.py on SmolLM2-135M-Instruct, as the defaults of [training]."""
_MIN_ANSWERS, _MIN_VOTES, _PERMUTATIONS = 50, 20, 500
"""Calibrated by benchmarks/drift_power.py."""


def gate_policy(settings: Settings) -> "GatePolicy":
    """Return what a challenger must show."""
    from ragloop.learning.evaluation.gate import GatePolicy

    return GatePolicy(**settings.gate.model_dump())


def drift_policy(settings: Settings) -> "DriftPolicy":
    """Return when a difference counts as drift; no more questions are compared than a window has."""
    from ragloop.learning.monitoring.drift import DriftPolicy

    drift = settings.drift
    return DriftPolicy(
        alpha=drift.alpha,
        corpus_share=drift.corpus_share,
        min_questions=drift.min_questions,
        min_answers=_MIN_ANSWERS,
        min_votes=_MIN_VOTES,
        permutations=_PERMUTATIONS,
        max_questions=drift.window,
        seed=drift.seed,
    )


def cadence_policy(settings: Settings) -> "CadencePolicy":
    """Return when training is due."""
    from ragloop.learning.monitoring.cadence import CadencePolicy

    return CadencePolicy(**settings.cadence.model_dump())


def retrieval_policy(settings: Settings) -> "RetrievalPolicy":
    """Return how passages are found."""
    from ragloop.answering.retrieval import RetrievalPolicy

    return RetrievalPolicy.of(settings.retrieval)


def training_spec(settings: Settings) -> "TrainingSpec":
    """Collect all that the settings decide of a training; its base model and files are filled in when it begins."""
    from ragloop.learning.recipes import CLOSED_BOOK_SFT
    from ragloop.models.training.process import TrainingSpec

    training = settings.training
    return TrainingSpec(
        recipe=CLOSED_BOOK_SFT.name,
        base="",
        rows="",
        output="",
        chat="",
        target=_TARGET,
        warmup_steps=_WARMUP_STEPS,
        max_length=_MAX_LENGTH,
        threads=settings.model.threads,
        **{**training.model_dump(), "alpha": training.alpha or _SCALE * training.rank},
    )


def retraining_policy(settings: Settings) -> "RetrainingPolicy":
    """Return what the steps of a retraining go by. Raises NotFoundError and ConfigError as read_golden does."""
    from ragloop.learning.evaluation.golden import read_golden
    from ragloop.learning.steps.parts import RetrainingPolicy

    dataset = settings.dataset
    return RetrainingPolicy(
        base_name=settings.model.base,
        training=training_spec(settings),
        gate=gate_policy(settings),
        golden=read_golden(dataset.golden),
        eval_share=dataset.eval_share,
        max_answer_words=dataset.max_answer_words,
        max_elsewhere=_MAX_ELSEWHERE,
        max_trained=_MAX_TRAINED,
        retrieval=retrieval_policy(settings),
        seed=dataset.seed,
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
