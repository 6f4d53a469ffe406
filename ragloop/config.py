"""Settings: defaults, then `ragloop.toml`, then `RAGLOOP_*` variables. Read at entry points only.

A nested value is set by two underscores: `RAGLOOP_INDEX__CHUNK_TOKENS=150`. Whatever is unknown, of the wrong type or
out of range is a ConfigError that names the file or variable, the key, what was found and what is allowed.
"""

import json
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from ragloop.errors import ConfigError, NotFoundError

CONFIG_FILE = "ragloop.toml"
PREFIX = "RAGLOOP_"
NOT_SETTINGS = ("RAGLOOP_CONFIG", "RAGLOOP_REALDATA")
"""Variables that name a file or folder outside the settings: the configuration, the data sets of the tests."""


def _without_empty(model: type[BaseModel], values: Any) -> Any:
    """TOML has no null: an empty string leaves an optional setting at its default, which is None."""
    if not isinstance(values, dict):
        return values
    optional = {name for name, info in model.model_fields.items() if info.default is None}
    return {name: value for name, value in values.items() if not (value == "" and name in optional)}


class Section(BaseModel):
    """A table of the configuration file: immutable, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_not_set(cls, values: Any) -> Any:
        return _without_empty(cls, values)


class SourceSettings(Section):
    """Where documents come from."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)
    """Short name; documents are known by it, so a renamed source is a removed one and a new one."""
    uri: str = Field(min_length=1)
    """A folder or a file:// address; relative paths start at the folder of the configuration file."""
    include: tuple[str, ...] = ()
    """Glob patterns of the files to take (as in .gitignore); empty takes every supported format."""
    exclude: tuple[str, ...] = (".*",)
    """Glob patterns of files to leave out, after include."""
    labels: tuple[str, ...] = ()
    """Labels that every document of this source carries."""

    @field_validator("include", "exclude")
    @classmethod
    def _patterns_compile(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        import re

        import pathspec

        for pattern in patterns:
            try:
                pathspec.GitIgnoreSpec.from_lines([pattern])
            except (ValueError, re.error):
                raise ValueError(f"{pattern!r} is no glob pattern; expected patterns as in .gitignore") from None
        return patterns


class IndexSettings(Section):
    """How documents become chunks and vectors. A change here needs `ragloop sync --rebuild`."""

    embedder: str = "all-MiniLM-L6-v2"
    """A sentence-transformers model: a name or a folder."""
    embedder_backend: Literal["auto", "onnx", "sentence-transformers"] = "auto"
    """ONNX Runtime for the default model, sentence-transformers for any other, unless named here."""
    chunk_tokens: int = Field(default=200, ge=32, le=8192)
    """Most tokens in an embedded string, heading path included."""


class SyncSettings(Section):
    """How a sync reads, commits and guards."""

    batch_documents: int = Field(default=500, ge=1, le=100_000)
    """Most documents in one commit."""
    batch_seconds: float = Field(default=4.0, gt=0, le=600)
    """A commit follows at the latest this long after the one before, so that documents appear early (seconds)."""
    guard_documents: int = Field(default=10, ge=0)
    """Deletes are withheld when they exceed this number and guard_share."""
    guard_share: float = Field(default=0.10, ge=0, le=1)
    """Share of a source's documents; see guard_documents."""
    max_document_mb: float = Field(default=64, gt=0, le=65_536)
    """A larger file is quarantined unread (MiB)."""
    threads: int | None = Field(default=None, ge=1, le=256)
    """Threads that encode; by default one per core."""


class RetrievalSettings(Section):
    """How passages are found."""

    top_k: int = Field(default=5, ge=1, le=100)
    """Passages given to the generator."""
    candidates: int = Field(default=30, ge=1, le=1000)
    """Candidates taken from each of vector and full-text search before they are fused."""
    rrf_k: int = Field(default=60, ge=1, le=1000)
    """Constant of reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009)."""
    min_similarity: float = Field(default=0.35, ge=-1, le=1)
    """Below this best cosine ragloop abstains; benchmarks/calibrate_floor.py measures it."""


class AnswerSettings(Section):
    """Who answers."""

    generator: Literal["extractive", "local"] = "extractive"
    """extractive quotes the sentences that answer and needs no language model; local runs model.base."""
    lane: Literal["base+rag", "adapter+rag", "closed-book"] = "base+rag"
    """The lane of a question that does not name one. The adapter lanes use the champion."""


class ModelSettings(Section):
    """The local causal language model."""

    base: str = "SmolLM2-135M-Instruct"
    """A causal language model: the packaged default, a folder, or a hub name such as Qwen/Qwen3-0.6B."""
    max_new_tokens: int = Field(default=64, ge=1, le=4096)
    """Longest answer (tokens)."""
    batch_size: int = Field(default=25, ge=1, le=1024)
    """Prompts generated together."""
    threads: int | None = Field(default=None, ge=1, le=256)
    """Threads for generation and training; by default one per core."""


class DriftSettings(Section):
    """When traffic or documents count as drifted."""

    window: int = Field(default=500, ge=20, le=100_000)
    """Questions in the reference window (oldest since the last training) and in the current one (newest)."""
    alpha: float = Field(default=0.05, ge=0.01, lt=0.5)
    """Family-wise false-alarm rate of one measurement."""
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
    """No retraining this soon after the last one, whatever rings (days)."""
    drift_min_new_examples: int = Field(default=50, ge=1)
    """New eligible examples without which drift alone does not retrain."""


class DatasetSettings(Section):
    """Which logged answers become examples."""

    golden: Path | None = None
    """JSONL of {"question", "answer"}: evaluated by the gate, never trained on."""
    eval_share: float = Field(default=0.15, gt=0, lt=1)
    """Share of examples held out by document and time."""
    max_answer_words: int = Field(default=24, ge=1, le=4096)
    """Longer answers are left out."""
    seed: int = Field(default=0, ge=0)
    """Seed of the split."""


class TrainingSettings(Section):
    """LoRA training."""

    epochs: int = Field(default=7, ge=1, le=1000)
    """Passes over the training rows."""
    learning_rate: float = Field(default=2e-3, gt=0, lt=1)
    """Peak learning rate; linear decay after the warm-up."""
    rank: int = Field(default=16, ge=1, le=512)
    """Rank of the adapter (LoRA, Hu et al. 2021, arXiv:2106.09685)."""
    frozen_share: float = Field(default=0.5, ge=0, lt=1)
    """Share of the layers, from the lowest, that get no adapter: they cost no backward pass, and run once per row."""
    batch_size: int = Field(default=8, ge=1, le=4096)
    """Rows in one optimizer step."""
    checkpoint_steps: int = Field(default=50, ge=1)
    """Steps between checkpoints, from which a killed training resumes."""
    seed: int = Field(default=0, ge=0)
    """Seed of weights and order."""


class GateSettings(Section):
    """What a candidate must show before it is promoted."""

    min_lift: float = Field(default=0.0, ge=0, lt=1)
    """Exact match that the candidate must gain over the champion on the golden questions."""
    min_score: float = Field(default=0.5, ge=0, le=1)
    """Exact match on the golden questions that the lower bound of a promoted adapter must reach."""
    margin: float = Field(default=0.05, gt=0, lt=1)
    """Token F1 that may be lost on held-out questions answered from passages."""
    min_pairs: int = Field(default=100, ge=1)
    """Fewer golden questions do not suffice as evidence."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Confidence of each bound, one-sided."""
    seed: int = Field(default=0, ge=0)
    """Seed of the draws that the bounds are read from."""


class Settings(BaseSettings):
    """All settings. `home` keeps all state; `cache` keeps models that can be made anew."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    home: Path = Path(".ragloop")
    """Folder that keeps all state."""
    cache: Path | None = None
    """Folder of prepared models; by default the platform's cache folder."""
    sources: tuple[SourceSettings, ...] = ()
    """Where documents come from."""
    index: IndexSettings = IndexSettings()
    sync: SyncSettings = SyncSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    answers: AnswerSettings = AnswerSettings()
    model: ModelSettings = ModelSettings()
    drift: DriftSettings = DriftSettings()
    cadence: CadenceSettings = CadenceSettings()
    dataset: DatasetSettings = DatasetSettings()
    training: TrainingSettings = TrainingSettings()
    gate: GateSettings = GateSettings()

    @model_validator(mode="before")
    @classmethod
    def _empty_is_not_set(cls, values: Any) -> Any:
        return _without_empty(cls, values)

    @field_validator("sources")
    @classmethod
    def _names_are_unique(cls, sources: tuple[SourceSettings, ...]) -> tuple[SourceSettings, ...]:
        names = [source.name for source in sources]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"source names must differ, these stand twice: {', '.join(twice)}")
        return sources

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables win over the file, which arrives as init arguments."""
        return env_settings, init_settings


def load_settings(config: Path | None = None, home: Path | None = None) -> Settings:
    """Read `config` (default: ragloop.toml in the working folder, which may be absent) and the environment.

    `home` wins over both. Relative places start at the folder of the file where they stand in it, else at the working
    folder; a leading ~ is the user's home. Raises NotFoundError for a named file that is absent and ConfigError for a
    wrong value.
    """
    file = config or Path(os.environ.get("RAGLOOP_CONFIG", CONFIG_FILE))
    values = _read_file(file, required=config is not None or "RAGLOOP_CONFIG" in os.environ)
    if unknown := _unknown_variables():
        raise ConfigError("\n".join(unknown))
    try:
        settings = Settings(**_anchored(values, file.parent))
    except ValidationError as error:
        raise ConfigError(_explain(error, file)) from None
    except SettingsError as error:
        raise ConfigError("\n".join(_not_json()) or str(error)) from None
    here = Path()
    golden = settings.dataset.golden
    update: dict[str, Any] = {
        "home": _path(home or settings.home, here),
        "cache": settings.cache and _path(settings.cache, here),
        "sources": tuple(s.model_copy(update={"uri": _folder(s.uri, here)}) for s in settings.sources),
        "dataset": settings.dataset.model_copy(update={"golden": golden and _path(golden, here)}),
    }
    return settings.model_copy(update=update)


def _anchored(values: dict[str, Any], base: Path) -> dict[str, Any]:
    """The values of a file, its relative places starting at `base`. What is of the wrong type is left for validation.

    A variable wins over the file only later, so that its relative place starts at the working folder.
    """

    def placed(table: Any, place: Callable[[str, Path], Path | str], *names: str) -> Any:
        if not isinstance(table, dict):
            return table
        found = {name: table[name] for name in names if isinstance(table.get(name), str) and table[name]}
        return {**table, **{name: str(place(value, base)) for name, value in found.items()}}

    values = placed(values, _path, "home", "cache")
    if "dataset" in values:
        values["dataset"] = placed(values["dataset"], _path, "golden")
    if isinstance(sources := values.get("sources"), list):
        values["sources"] = [placed(source, _folder, "uri") for source in sources]
    return values


def _path(path: Path | str, base: Path) -> Path:
    # os.path leaves a user who does not exist as it stands, where pathlib raises RuntimeError.
    return base / os.path.expanduser(path)  # noqa: PTH111


def _folder(uri: str, base: Path) -> str:
    """The path of a source; an address of another scheme than file:// stays as it is."""
    scheme, found, rest = uri.partition("://")
    if not found:
        return str(_path(uri, base).resolve())
    if scheme.lower() != "file":
        return uri
    # RFC 8089: the host of a file:// address may be localhost; any other first part is a relative folder here.
    return str(
        _path(unquote(rest.removeprefix("localhost") if rest.startswith("localhost/") else rest), base).resolve()
    )


def _read_file(file: Path, *, required: bool) -> dict[str, Any]:
    if not file.exists():
        if required:
            raise NotFoundError(f"found no configuration file at {file}; `ragloop init` writes one")
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}; expected a file in TOML") from None


def _variables() -> dict[str, tuple[str, ...]]:
    """The RAGLOOP_ variables that are set, and the setting that each one names."""
    names = [name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in NOT_SETTINGS]
    return {name: tuple(name[len(PREFIX) :].lower().split("__")) for name in names}


def _unknown_variables() -> list[str]:
    lines = []
    for name, path in _variables().items():
        for depth, part in enumerate(path, 1):
            allowed = _siblings(path[:depth])
            if part not in allowed:
                start = PREFIX + "".join(one.upper() + "__" for one in path[: depth - 1])
                known = ", ".join(start + one.upper() for one in allowed) or "no key below it"
                lines.append(f"{name}: unknown variable; allowed here: {known}")
                break
    return lines


def _not_json() -> list[str]:
    """What to say of a variable that sets a whole table or list and cannot be read."""
    lines = []
    for name, path in _variables().items():
        if len(path) == 1 and path[0] in _tables():
            try:
                json.loads(os.environ[name])
            except ValueError as error:
                lines.append(f"{name}: found {os.environ[name]!r}, expected JSON: {error}")
    return lines


def _explain(error: ValidationError, file: Path) -> str:
    """One line per wrong value: where it stands, its key, what was found, what is allowed."""
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        place = _variable(problem["loc"]) or file
        if problem["type"] == "extra_forbidden":
            lines.append(f"{place}: unknown key {key!r}; allowed here: {', '.join(_siblings(problem['loc']))}")
        else:
            lines.append(f"{place}: {key} {_told(problem)}")
    return "\n".join(lines)


def _told(problem: Any) -> str:
    """What was found and what is allowed, in words of TOML."""
    if problem["type"] == "missing":
        return "is missing; it has no default"
    allowed = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "tuple_type":
        allowed = "expected tables: [[sources]]" if problem["loc"] == ("sources",) else 'expected a list, e.g. ["*.md"]'
    return f"is {problem['input']!r}; {allowed}"


def _variable(location: tuple[int | str, ...]) -> str | None:
    """The variable that sets a value or a table around it, if there is one: variables win over the file."""
    set_here = {path: name for name, path in _variables().items()}
    for depth in range(len(location), 0, -1):
        if name := set_here.get(tuple(str(part) for part in location[:depth])):
            return name
    return None


def _tables() -> list[str]:
    return [name for name, info in Settings.model_fields.items() if name == "sources" or _section(info.annotation)]


def _section(annotation: Any) -> type[BaseModel] | None:
    nested = [
        one for one in (annotation, *get_args(annotation)) if isinstance(one, type) and issubclass(one, BaseModel)
    ]
    return nested[0] if nested else None


def _siblings(path: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand where the last part of the path stands; none below a value that is no table."""
    model: type[BaseModel] | None = Settings
    for part in path[:-1]:
        if model is not None and isinstance(part, str):
            model = _section(model.model_fields[part].annotation) if part in model.model_fields else None
    return sorted(model.model_fields) if model else []


def template() -> str:
    """A configuration file with every setting at its default, commented out, above it what it means."""
    lines = ["# ragloop configuration. Every line that starts with '# ' before a key shows the default.", ""]
    lines += _template_lines(Settings, skip=("sources",))
    lines += ["", "# [[sources]]", '# name = "handbook"', '# uri = "docs"', '# include = ["**/*.md"]', "# labels = []"]
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            lines += ["", f"# {(info.annotation.__doc__ or '').strip()}", f"[{name}]"]
            lines += _template_lines(info.annotation)
    return "\n".join(lines) + "\n"


def _template_lines(model: type[BaseModel], skip: tuple[str, ...] = ()) -> list[str]:
    lines = []
    for name, info in model.model_fields.items():
        if name in skip or (isinstance(info.annotation, type) and issubclass(info.annotation, Section)):
            continue
        lines += [f"# {info.description}", f"# {name} = {_toml(info.default)}"]
    return lines


def _toml(value: Any) -> str:
    match value:
        case None:
            return '""  # not set'
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case tuple():
            return "[" + ", ".join(_toml(item) for item in value) + "]"
        case _:
            return '"' + str(value) + '"'
