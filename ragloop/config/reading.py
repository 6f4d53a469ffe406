"""Reading the settings from `ragloop.toml` and `RAGLOOP_*` variables, and saying what is wrong with them."""

import json
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError
from pydantic_settings import SettingsError

from ragloop.config.settings import HOME, MLFLOW, Settings
from ragloop.config.variables import holds_list, names_setting, ours, path_of, section, siblings, warn_of_unknown
from ragloop.errors import ConfigError, NotFoundError

CONFIG_FILE = "ragloop.toml"
_ALTERNATIVE = re.compile(r"constrained-|literal\[")
"""What pydantic adds to a key for each kind of value that it may have, such as a number or auto."""


def find_config() -> Path | None:
    """Find the configuration file of the working folder: there, or in the nearest folder above that has one.

    A folder with a home and no file is a project that needs none, and ends the search.
    """
    for folder in ("", *("../" * depth for depth in range(1, len(Path.cwd().parents) + 1))):
        if (file := Path(folder + CONFIG_FILE)).exists():
            return file if not folder else file.resolve()
        if Path(folder + str(HOME)).is_dir():
            return None
    return None


def load_settings(config: Path | None = None, home: Path | None = None) -> Settings:
    """Read `config` (default: RAGLOOP_CONFIG, or what `find_config` finds, which may be nothing) and the environment.

    `home` wins over both. Relative places start at the folder of the file where they stand in it, else at the working
    folder; a leading ~ is the user's home. Variables that name no setting are warned of, once. Raises NotFoundError for
    a named file that is absent and ConfigError for a wrong value.
    """
    named = config or (Path(os.environ["RAGLOOP_CONFIG"]) if "RAGLOOP_CONFIG" in os.environ else None)
    file = named or find_config() or Path(CONFIG_FILE)
    values = _read_file(file, required=named is not None)
    warn_of_unknown(Settings, os.environ)
    try:
        settings = Settings(**_anchored(values, file.parent))
    except ValidationError as error:
        raise ConfigError(_explain(error, file)) from None
    except SettingsError as error:
        raise ConfigError("\n".join(_not_json()) or str(error)) from None
    here = Path()
    by_default = here if named or "home" in settings.model_fields_set else file.parent
    glossary = settings.answers.glossary
    golden, backup, registry = settings.dataset.golden, settings.backup, settings.registry
    mirror, llama_cpp = registry.mirror, registry.llama_cpp
    update: dict[str, Any] = {
        "home": _path(home, here) if home else _path(settings.home, by_default),
        "cache": settings.cache and _path(settings.cache, here),
        "sources": tuple(s.model_copy(update={"uri": _folder(s.uri, here)}) for s in settings.sources),
        "dataset": settings.dataset.model_copy(update={"golden": golden and _path(golden, here)}),
        "answers": settings.answers.model_copy(update={"glossary": glossary and _path(glossary, here)}),
        "backup": backup.model_copy(update={"uri": backup.uri and _folder(backup.uri, here)}),
        "registry": registry.model_copy(
            update={"mirror": mirror and _mirror(mirror, here), "llama_cpp": llama_cpp and _path(llama_cpp, here)}
        ),
    }
    return settings.model_copy(update=update)


def _anchored(values: dict[str, Any], base: Path) -> dict[str, Any]:
    """Return the values of a file, its relative places starting at `base`. What is of the wrong type is left for
    validation.

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
    if "answers" in values:
        values["answers"] = placed(values["answers"], _path, "glossary")
    if "backup" in values:
        values["backup"] = placed(values["backup"], _folder, "uri")
    if "registry" in values:
        values["registry"] = placed(placed(values["registry"], _mirror, "mirror"), _path, "llama_cpp")
    if isinstance(sources := values.get("sources"), list):
        values["sources"] = [placed(source, _folder, "uri") for source in sources]
    return values


def _path(path: Path | str, base: Path) -> Path:
    # os.path leaves a user who does not exist as it stands, where pathlib raises RuntimeError.
    return base / os.path.expanduser(path)  # noqa: PTH111


def _folder(uri: str, base: Path) -> str:
    """Return the path of a source; an address of another scheme than file:// stays as it is."""
    scheme, found, rest = uri.partition("://")
    if not found:
        return str(_absolute(_path(uri, base)))
    if scheme.lower() != "file":
        return uri
    # RFC 8089: the host of a file:// address may be localhost; any other first part is a relative folder here.
    path = unquote(rest.removeprefix("localhost") if rest.startswith("localhost/") else rest)
    return str(_absolute(_path(path, base)))


def _mirror(mirror: str, base: Path) -> str:
    """Return the place of a mirror; mlflow is no folder."""
    return mirror if mirror == MLFLOW else _folder(mirror, base)


def _absolute(path: Path) -> Path:
    """Return a path from the root that names its links as they are named, so that a change of one is noticed."""
    plain = Path(os.path.abspath(path))  # noqa: PTH100
    return plain if plain.resolve() == path.resolve() else path.absolute()  # ".." after a link leads elsewhere


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
    """Return the variables that name a setting, and the setting that each one names."""
    return {name: path_of(name) for name in ours(os.environ) if names_setting(Settings, name)}


def _not_json() -> list[str]:
    """Return what to say of a variable that sets a whole table or list and cannot be read."""
    lines = []
    for name, path in _variables().items():
        is_list = holds_list(Settings, path)
        if is_list or (len(path) == 1 and path[0] in _tables()):
            try:
                json.loads(os.environ[name])
            except ValueError as error:
                example = f", e.g. {json.dumps([os.environ[name]], ensure_ascii=False)}" if is_list else ""
                lines.append(f"{name}: found {os.environ[name]!r}, expected JSON{example}: {error}")
    return lines


def _explain(error: ValidationError, file: Path) -> str:
    """Explain each wrong value in a line: where it stands, its key, what was found, what is allowed."""
    lines = dict[str, str]()
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"] if not _ALTERNATIVE.match(str(part)))
        place = _variable(problem["loc"]) or file
        if problem["type"] == "extra_forbidden":
            lines[key] = f"{place}: unknown key {key!r}; allowed here: {', '.join(siblings(Settings, problem['loc']))}"
        elif key in lines:
            lines[key] += f", or: {problem['msg']}"
        else:
            lines[key] = f"{place}: {key} {_told(problem)}"
    return "\n".join(lines.values())


def _told(problem: Any) -> str:
    """Say what was found and what is allowed, in words of TOML."""
    if problem["type"] == "missing":
        return "is missing; it has no default"
    allowed = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "tuple_type":
        example = json.dumps([problem["input"]], ensure_ascii=False, default=str)
        allowed = (
            "expected tables: [[sources]]" if problem["loc"] == ("sources",) else f"expected a list, e.g. {example}"
        )
    return f"is {problem['input']!r}; {allowed}"


def _variable(location: tuple[int | str, ...]) -> str | None:
    """Return the variable that sets a value or a table around it, if there is one: variables win over the file."""
    set_here = {path: name for name, path in _variables().items()}
    for depth in range(len(location), 0, -1):
        if name := set_here.get(tuple(str(part) for part in location[:depth])):
            return name
    return None


def _tables() -> list[str]:
    return [name for name, info in Settings.model_fields.items() if section(info.annotation)]
