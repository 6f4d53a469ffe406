"""The configuration file that `ragloop init` writes, made from the settings themselves."""

from typing import Any

from pydantic import BaseModel

from ragloop.config.settings import Section, Settings


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
