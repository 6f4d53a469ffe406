"""Adding a source to `ragloop.toml` and taking one out, as text: comments and the order of everything else stay.

The text that results is read again before it is returned, and must say what the old one said but for that one source.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from ragloop.errors import ConfigError

_HEADER = re.compile(r"\s*\[")
_SOURCE = re.compile(r"\s*\[\[\s*sources\s*\]\]")
_KEPT = re.compile(r"\s*(#|$)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""A comment or an empty line: before the next table it belongs to that one."""


def with_source(text: str, source: Mapping[str, Any]) -> str:
    """Append a table [[sources]]. Raises ConfigError where the file has sources in another form."""
    lines = ["[[sources]]", *(f"{name} = {_toml(value)}" for name, value in source.items())]
    before = text.rstrip("\n")
    written = (before + "\n\n" if before else "") + "\n".join(lines) + "\n"
    wanted = _read(text)
    wanted["sources"] = [*wanted.get("sources", []), dict(source)]
    return _checked(written, wanted, "add")


def without_source(text: str, name: str) -> str:
    """Take out the table [[sources]] of this name. Raises ConfigError where it is written in another form."""
    wanted = _read(text)
    sources = wanted.get("sources", [])
    position = next((number for number, one in enumerate(sources) if one.get("name") == name), None)
    if position is None:
        raise ConfigError(
            f"found no source {name} in the configuration file; expected a table [[sources]] of that name"
        )
    wanted["sources"] = sources[:position] + sources[position + 1 :]
    if not wanted["sources"]:
        del wanted["sources"]
    lines = text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if _SOURCE.match(line)]
    if len(starts) != len(sources):
        raise _by_hand("remove")
    start = starts[position]
    end = next((number for number in range(start + 1, len(lines)) if _HEADER.match(lines[number])), len(lines))
    while _KEPT.match(lines[end - 1]):
        end -= 1
    before = "".join(lines[:start]).rstrip("\n")
    after = "".join(lines[end:]).lstrip("\n")
    return _checked("\n\n".join(part for part in (before, after) if part).rstrip("\n") + "\n", wanted, "remove")


def _read(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the configuration file is not valid TOML: {error}") from None


def _checked(written: str, wanted: Mapping[str, Any], verb: str) -> str:
    try:
        found = tomllib.loads(written)
    except tomllib.TOMLDecodeError:
        raise _by_hand(verb) from None
    if found != wanted:
        raise _by_hand(verb)
    return written


def _by_hand(verb: str) -> ConfigError:
    return ConfigError(
        f"found sources in the configuration file that are not written as tables [[sources]]; {verb} this one by hand"
    )


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", escaped) + '"'
