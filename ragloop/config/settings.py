"""Every setting: its type, default and bounds, and what it means."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from ragloop.config.answering import (
    AnswerSettings,
    LogSettings,
    ModelSettings,
    RemoteSettings,
    RetrievalSettings,
    ServiceSettings,
)
from ragloop.config.migration import CostSettings, EraseSettings, MigrationSettings, TopicSettings
from ragloop.config.section import Section, without_empty
from ragloop.config.training import TrainingSettings
from ragloop.config.variables import PREFIX, names_setting

HOME = Path(".ragloop")
MLFLOW = "mlflow"
"""The value of registry.mirror that is no place of files."""
EXCLUDED = (".*", "node_modules/", "venv/", "__pycache__/", "build/")
"""Patterns of what is no document of a person: hidden files (.git, .venv), packages, what a build makes."""


class SourceSettings(Section):
    """Where documents come from."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)
    """Short name. It is part of the identity of each document, so renaming a source removes it and adds another."""
    uri: str = Field(min_length=1)
    """A folder, a file:// address or s3://bucket/prefix; relative paths start at the configuration file's folder."""
    include: tuple[str, ...] = ()
    """Glob patterns of the files to take (as in .gitignore); empty takes documents, but no code, logs or settings."""
    exclude: tuple[str, ...] = EXCLUDED
    """Glob patterns of files to leave out, after include. The default leaves out what tools install and make."""
    gitignore: bool = True
    """Leave out what the .gitignore files of a folder and of its repository leave out; buckets have none."""
    labels: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Labels that every document of this source carries: only a caller with one of them finds it."""
    queue: str | None = None
    """Address of the SQS queue that the bucket notifies of its changes; `ragloop watch` looks at it."""

    @field_validator("queue")
    @classmethod
    def _is_an_address(cls, queue: str | None) -> str | None:
        if queue is not None and not queue.startswith(("https://", "http://")):
            raise ValueError(
                f"{queue!r} is not the address of a queue; expected https://sqs.REGION.amazonaws.com/ACCOUNT/NAME"
            )
        return queue

    @field_validator("include", "exclude")
    @classmethod
    def _patterns_compile(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        import re

        import pathspec

        for pattern in patterns:
            try:
                pathspec.GitIgnoreSpec.from_lines([pattern])
            except (ValueError, re.error):
                raise ValueError(f"{pattern!r} is not a glob pattern; expected patterns as in .gitignore") from None
        return patterns


class IndexSettings(Section):
    """How documents become chunks and vectors. After a change of the first three the next sync builds a new index."""

    embedder: str = "all-MiniLM-L6-v2"
    """all-MiniLM-L6-v2 and bge-small-en-v1.5 read English, multilingual-e5-small some hundred languages; or the name or
    folder of any other model that sentence-transformers loads."""
    embedder_backend: Literal["auto", "onnx", "onnx-int8", "sentence-transformers"] = "auto"
    """auto: ONNX Runtime for the three models above, else sentence-transformers. onnx-int8 is faster, less exact."""
    chunk_tokens: int = Field(default=200, ge=32, le=8192)
    """Most tokens in an embedded string, heading path included."""
    cutover: Literal["auto", "manual"] = "auto"
    """When a new index takes over: as soon as it is complete (auto), or on `ragloop index cutover` (manual)."""
    refresh_minutes: float = Field(default=10, gt=0, le=10_080)
    """While a new index is built, the one that answers is updated this often (minutes)."""
    keep_days: float = Field(default=7, ge=0, le=3650)
    """The previous index is kept this long for `ragloop index rollback` (days; an hour at least)."""
    vector_retention_days: float = Field(default=30, ge=0, le=3650)
    """A vector that no index uses is kept this long (days): text that returns until then is not embedded again."""


class SyncSettings(Section):
    """How a sync reads, commits and guards."""

    batch_documents: int = Field(default=500, ge=1, le=100_000)
    """Most documents in one commit."""
    batch_seconds: float = Field(default=4.0, gt=0, le=600)
    """A commit follows the previous one after at most this long, so that documents appear early (seconds)."""
    guard_documents: int = Field(default=10, ge=0)
    """Deletes are withheld when they exceed this number and guard_share."""
    guard_share: float = Field(default=0.10, ge=0, le=1)
    """Share of a source's documents; see guard_documents."""
    approval_minutes: float = Field(default=50, ge=0, le=10_080)
    """A flow run that withheld deletes waits this long for an operator to approve them; 0 never asks (minutes)."""
    max_document_mb: float = Field(default=64, gt=0, le=65_536)
    """A larger file is quarantined unread (MiB); so is a document with more characters of text than this has bytes."""
    max_parse_seconds: float = Field(default=60, gt=0, le=86_400)
    """A document that takes longer to parse and cut into chunks is quarantined, and tried again later (seconds)."""
    max_parse_mb: float = Field(default=1024, ge=64, le=1_048_576)
    """Most memory for parsing one document and cutting it into chunks, where the system can limit it (MiB)."""
    max_unpacked_mb: float = Field(default=256, gt=0, le=1_048_576)
    """Most that may be unpacked from an archive: DOCX, PPTX, XLSX, EPUB, OpenDocument, ZIP, gzip (MiB)."""
    max_pages: int = Field(default=10_000, ge=1)
    """A PDF or PPTX with more pages is quarantined."""
    office_converter: str = "soffice"
    """LibreOffice, which converts DOC, XLS and PPT: the name of its program, or the path to it."""
    json_fields: tuple[str, ...] = ()
    """Fields of JSON and JSON Lines to read, such as title or author.name, lists passed through; by default all."""
    ocr: bool = False
    """Recognise the text of pages that are images, and of images that `include` names (extra: ragloop[ocr])."""
    ocr_pages: int = Field(default=50, ge=1, le=10_000)
    """Most pages of one document whose text is recognised; the others are named as not read."""
    ocr_seconds: float = Field(default=600, gt=0, le=86_400)
    """Recognising the text of one document ends after so long (seconds); a page takes about 7 CPU seconds."""
    ocr_images: bool = False
    """With ocr, recognise the text of the images that documents and web pages show, too."""
    ocr_engine: Literal["rapidocr", "tesseract"] = "rapidocr"
    """What recognises text: RapidOCR, whose package holds its models, or the program tesseract."""
    ocr_languages: str = Field(default="eng", pattern=r"^[A-Za-z][A-Za-z_]*(\+[A-Za-z][A-Za-z_]*)*$")
    """Languages that tesseract is told, by its codes, such as deu+eng; RapidOCR needs none."""
    threads: int | None = Field(default=None, ge=1, le=256)
    """Threads that encode; by default one per core, and one in each worker of Dask or Ray."""
    task_runner: Literal["threads", "dask", "ray"] = "threads"
    """Where documents are read, parsed and encoded: in this process, or by workers of a Dask or Ray cluster."""
    workers_address: str | None = None
    """The cluster; by default that of DASK_SCHEDULER_ADDRESS or RAY_ADDRESS, else one started on this machine."""


class DriftSettings(Section):
    """When traffic or documents count as drifted."""

    window: int = Field(default=500, ge=20, le=100_000)
    """Newest questions that are compared; the reference window has up to twice as many, the oldest since the last
    training."""
    alpha: float = Field(default=0.01, ge=0.005, lt=0.5)
    """Family-wise false-alarm rate of one measurement."""
    days: int = Field(default=3, ge=1, le=30)
    """A signal counts where it differed on the last days on which drift was measured, so many in a row. Measured every
    day, three never rang falsely in four years, and one seven times. Changed documents always count at once."""
    min_questions: int = Field(default=100, ge=10)
    """Fewer questions in a window are not enough data."""
    corpus_share: float = Field(default=0.10, gt=0, le=1)
    """Share of documents changed since the reference from which the corpus counts as drifted."""
    seed: int = Field(default=0, ge=0)
    """Seed of the permutations."""


class CadenceSettings(Section):
    """When retraining is due without drift."""

    every_days: float = Field(default=7, ge=0)
    """Days since the last training."""
    min_new_examples: int = Field(default=200, ge=1)
    """New eligible examples since the last training; cadence needs the days and the examples."""
    cooldown_days: float = Field(default=1, ge=0)
    """No retraining this soon after the last one, whatever rings (days). Drift alone waits twice as long for each
    adapter in a row that the gate rejected, up to every_days."""
    drift_min_new_examples: int = Field(default=50, ge=1)
    """New eligible examples without which drift alone does not retrain."""
    budget_hours: float | None = Field(default=None, gt=0)
    """Hours that all trainings of 30 days may take; by default as many as they do. A retraining by hand asks nobody."""


class DatasetSettings(Section):
    """Which logged answers become examples."""

    golden: Path | None = None
    """JSONL of {"question", "answer"}: evaluated by the gate, never trained on."""
    eval_share: float = Field(default=0.15, gt=0, lt=1)
    """Share of examples held out by document and time."""
    max_answer_words: int = Field(default=24, ge=1, le=4096)
    """Longer answers are left out of the recipe facts."""
    max_cited_words: int = Field(default=120, ge=1, le=4096)
    """Longer answers are left out of the recipes that read passages."""
    teachers: tuple[str, ...] = ()
    """Models, as the log names them, or adapters, by id: an answer of theirs that passages bear out needs no vote."""
    abstain_share: float = Field(default=0.2, gt=0, lt=1)
    """Share of the rows of the recipe grounded that lack the passage with the answer, and so abstain. Without any, the
    gate could not see whether an adapter still abstains."""
    seed: int = Field(default=0, ge=0)
    """Seed of the split."""


class GateSettings(Section):
    """What a candidate must show before it is promoted."""

    min_lift: float = Field(default=0.0, ge=0, lt=1)
    """Exact match that the candidate must gain over the champion on the golden questions."""
    min_score: float = Field(default=0.5, ge=0, le=1)
    """Exact match on the golden questions that the lower bound of a promoted adapter must reach."""
    margin: float = Field(default=0.05, gt=0, lt=1)
    """Token F1 that may be lost on held-out questions answered from passages."""
    behaviour_margin: float = Field(default=0.10, gt=0, lt=1)
    """Share of held-out questions on which an adapter that reads passages may cite or abstain less often."""
    min_pairs: int = Field(default=100, ge=1)
    """Fewer golden questions (with passages: held-out ones) do not suffice as evidence."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Confidence of each bound, one-sided."""
    seed: int = Field(default=0, ge=0)
    """Seed of the draws that the bounds are read from."""


class CanarySettings(Section):
    """Whether an adapter that passed the gate answers a share of the live questions before it becomes the champion.

    Until then it is compared with the champion on votes, abstentions, answers that did not stand and slow ones, by a
    test that holds however often somebody looks."""

    when: Literal["auto", "always", "never"] = "auto"
    """Auto: where its lane was asked at least `questions` questions in the last seven days. Fewer would take months to
    show anything, so there the gate alone decides, and promotes at once."""
    shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.01, 0.05, 0.25)
    """Shares of conversations, in ascending order, before it gets all of them; a conversation stays on one adapter."""
    margin: float = Field(default=0.02, gt=0, lt=0.5)
    """Difference in the share of bad outcomes beyond which it is worse."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Chance that an adapter which is not worse is rolled back, over the whole canary."""
    questions: int = Field(default=3000, ge=20)
    """Questions after which a share has lasted long enough, unless it was shown to be worse."""
    slow_seconds: float = Field(default=10, gt=0, le=3600)
    """An answer that takes longer is slow (seconds)."""

    @field_validator("shares")
    @classmethod
    def _shares_ascend(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not shares or list(shares) != sorted(set(shares)):
            raise ValueError("expected at least one share, and each larger than the one before")
        return shares


class RegistrySettings(Section):
    """How other programs get the adapters of the registry."""

    mirror: str | None = None
    """mlflow, whose server MLFLOW_TRACKING_URI names (extra: ragloop[mlflow]), or a folder or s3://bucket/prefix whose
    adapters PEFT loads; without one there is no mirror. Adapters that are retired or erased are removed from it."""
    mirror_name: str = Field(default="ragloop", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)
    """In MLflow, the experiment, and how the names of models begin, before the lane: ragloop-closed-book. In Weights &
    Biases, the project of trainings. Homes that share a server need different ones."""
    llama_cpp: Path | None = None
    """A folder of llama.cpp with convert_lora_to_gguf.py, by which `ragloop adapters export --format gguf` writes
    adapters; without one it is looked for on PATH."""


class RetrainSettings(Section):
    """Who has the last word on a promotion."""

    approve_promotion: bool = False
    """Let a flow run ask an operator before it promotes an adapter."""
    approval_minutes: float = Field(default=1440, ge=0.05, le=10_080)
    """It waits this long; without an answer nothing is promoted, and a person can do so later (minutes)."""


class FreshnessSettings(Section):
    """How quickly source changes must become searchable."""

    objective_minutes: float = Field(default=90, gt=0, le=525_600)
    """If the p95 of the lag of what a flow run commits exceeds this, an event is emitted (minutes). The default allows
    an hourly sync, and catches a missed one."""


class PrefectSettings(Section):
    """What this home is called on a Prefect server, which other homes and teams may use as well."""

    name: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=48)
    """Deployments are called FLOW/name, the pool and the tag ragloop-name. By default the folder of `home` with a few
    characters of the hash of its path; homes that lie at the same path of different machines need names."""
    training_pool: str | None = Field(default=None, pattern=r"^[^/%&<>]+$", max_length=128)
    """Work pool of retrain-adapter, such as one of Kubernetes with GPUs; by default the pool of all the others."""


class NotifySettings(Section):
    """Who is notified by the automations."""

    block: str | None = Field(default=None, pattern=r"^[a-z0-9-]+/[A-Za-z0-9_-]+$")
    """A notification block of the Prefect server as TYPE/NAME, such as slack-webhook/ops. Without it, alerts appear
    only in the event feed."""


class MaintenanceSettings(Section):
    """What the nightly maintain-store removes, beside old versions, generations and vectors (index)."""

    run_retention_days: float = Field(default=30, ge=0, le=3650)
    """Runs of ragloop's deployments that ended longer ago are removed from Prefect; 0 keeps all (days)."""
    min_free_gb: float = Field(default=2, ge=0)
    """If the disk of `home` has less room than this when a sync ends, an event is emitted; 0 never does (GB)."""
    answer_retention_days: float = Field(default=90, ge=0, le=3650)
    """Answers that were given in evaluations longer ago are given again where they are needed; 0 keeps all (days)."""
    adapters_kept: int = Field(default=0, ge=0, le=100_000)
    """Newest adapters of each lane that keep their files, beside those that serve, are tried or may be rolled back to;
    0 keeps all. Rows and history stay."""


class BackupSettings(Section):
    """Where backups go."""

    uri: str | None = None
    """A folder or s3://bucket/prefix, for this store alone; without one no backup is made."""
    keep: int = Field(default=7, ge=1, le=10_000)
    """Newest whole backups that are kept."""
    verify_days: float = Field(default=7, gt=0, le=3650)
    """Each backup verifies a share of the files that backups share, so that every file is read again within this time
    (days). The default is as long as `keep` nights: no file outlives its backups unread."""


class Settings(BaseSettings):
    """All settings. `home` keeps all state; `cache` keeps prepared models, which can be made again."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    home: Path = HOME
    """Folder that keeps all state; by default in the working folder, or beside a file found in a folder above."""
    store: str | None = Field(default=None, pattern=r"^s3://[^/]+")
    """s3://bucket/prefix of the database, for several machines; by default it is in `home`, as all other state."""
    artifacts: str | None = Field(default=None, pattern=r"^s3://[^/]+")
    """s3://bucket/prefix of datasets, adapters and evaluations; by default they are in `home`."""
    cache: Path | None = None
    """Folder of prepared models; by default the platform's cache folder."""
    sources: tuple[SourceSettings, ...] = ()
    """Where documents come from."""
    index: IndexSettings = IndexSettings()
    sync: SyncSettings = SyncSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    answers: AnswerSettings = AnswerSettings()
    model: ModelSettings = ModelSettings()
    remote: RemoteSettings = RemoteSettings()
    drift: DriftSettings = DriftSettings()
    cadence: CadenceSettings = CadenceSettings()
    dataset: DatasetSettings = DatasetSettings()
    training: TrainingSettings = TrainingSettings()
    gate: GateSettings = GateSettings()
    canary: CanarySettings = CanarySettings()
    registry: RegistrySettings = RegistrySettings()
    retrain: RetrainSettings = RetrainSettings()
    freshness: FreshnessSettings = FreshnessSettings()
    prefect: PrefectSettings = PrefectSettings()
    notify: NotifySettings = NotifySettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()
    backup: BackupSettings = BackupSettings()
    log: LogSettings = LogSettings()
    topics: TopicSettings = TopicSettings()
    costs: CostSettings = CostSettings()
    migration: MigrationSettings = MigrationSettings()
    erase: EraseSettings = EraseSettings()
    service: ServiceSettings = ServiceSettings()

    @model_validator(mode="before")
    @classmethod
    def _empty_is_not_set(cls, values: Any) -> Any:
        return without_empty(cls, values)

    @field_validator("sources")
    @classmethod
    def _names_are_unique(cls, sources: tuple[SourceSettings, ...]) -> tuple[SourceSettings, ...]:
        names = [source.name for source in sources]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"source names must differ, these stand twice: {', '.join(twice)}")
        return sources

    @model_validator(mode="after")
    def _dora_is_served_here(self) -> "Settings":
        if self.training.method == "dora" and self.remote.adapters == "vllm":
            raise ValueError(
                "training.method is dora, and remote.adapters is vllm, which serves no such adapters; set "
                "training.method to lora or rslora"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let variables win over the file, which arrives as init arguments. Those that name no setting stop nothing."""
        assert isinstance(env_settings, EnvSettingsSource)
        known = {name: value for name, value in env_settings.env_vars.items() if names_setting(settings_cls, name)}
        env_settings.env_vars = known
        return env_settings, init_settings
