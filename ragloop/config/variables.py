"""Which variables of the environment name a setting, and what else begins like one."""

import difflib
import functools
import logging
from collections.abc import Iterable, Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel

PREFIX = "RAGLOOP_"
NOT_SETTINGS = ("RAGLOOP_CONFIG", "RAGLOOP_REALDATA", "RAGLOOP_CHROMIUM")
"""Variables that name a file outside the settings: the configuration, the data sets of the tests, a browser."""
_HOST = "_SERVICE_HOST"
log = logging.getLogger(__name__)


def path_of(variable: str) -> tuple[str, ...]:
    """Return the keys that lead to the setting of a variable: RAGLOOP_INDEX__EMBEDDER is (index, embedder)."""
    return tuple(variable[len(PREFIX) :].lower().split("__"))


def names_setting(model: type[BaseModel], variable: str) -> bool:
    """Return whether a variable names a setting, or a whole table of them."""
    path = path_of(variable)
    return all(part in siblings(model, path[:depth]) for depth, part in enumerate(path, 1))


def ours(names: Iterable[str]) -> list[str]:
    """Return the names that begin like those of settings, without what Kubernetes gives every pod.

    For a service called ragloop, or ragloop-api, these are RAGLOOP_SERVICE_HOST, RAGLOOP_PORT and more.
    """
    found = [name for name in names if name.upper().startswith(PREFIX) and name.upper() not in NOT_SETTINGS]
    services = tuple(name.removesuffix(_HOST) for name in found if name.endswith(_HOST))
    given = tuple(f"{service}{part}" for service in services for part in ("_SERVICE_", "_PORT_"))
    ports = {f"{service}_PORT" for service in services}
    return [name for name in found if not name.startswith(given) and name not in ports]


def warn_of_unknown(model: type[BaseModel], names: Iterable[str]) -> None:
    """Warn once of each variable that begins like a setting's and names none."""
    for name in ours(names):
        if not names_setting(model, name):
            _warn_of(model, name)


@functools.cache
def _warn_of(model: type[BaseModel], name: str) -> None:
    near = difflib.get_close_matches(name[len(PREFIX) :].upper(), list(_all(model)), 1)
    meant = f"; did you mean {PREFIX}{near[0]}?" if near else ""
    log.warning("%s is no variable of ragloop and is ignored%s", name, meant)


def _all(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        yield prefix + name.upper()
        if (table := section(info.annotation)) and name != "sources":  # a list has no variables of its own
            yield from _all(table, f"{prefix}{name.upper()}__")


def section(annotation: Any) -> type[BaseModel] | None:
    """Return the table that a field holds, alone or as one of several; None where it holds a value."""
    nested = [
        one for one in (annotation, *get_args(annotation)) if isinstance(one, type) and issubclass(one, BaseModel)
    ]
    return nested[0] if nested else None


def holds_list(root: type[BaseModel], path: tuple[str, ...]) -> bool:
    """Return whether the setting that these keys lead to is a list of values."""
    model: type[BaseModel] | None = root
    for part in path[:-1]:
        model = section(model.model_fields[part].annotation) if model and part in model.model_fields else None
    found = model.model_fields.get(path[-1]) if model else None
    return found is not None and get_origin(found.annotation) is tuple and section(found.annotation) is None


def siblings(root: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Return the keys that may stand where the last part of the path stands; none below a value that is no table."""
    model: type[BaseModel] | None = root
    for part in path[:-1]:
        if model is not None and isinstance(part, str):
            model = section(model.model_fields[part].annotation) if part in model.model_fields else None
    return sorted(model.model_fields) if model else []
