"""The configuration file that `ragloop init` writes, made from the settings themselves."""

import ast
import inspect
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from ragloop.config.section import Section
from ragloop.config.settings import Settings


def template() -> str:
    """Write a configuration file with every setting at its default, commented out, above it what it means.

    It has no table: a setting stands in one line, as the docs name it, and lines of others may be put above or below.
    """
    lines = ["# ragloop configuration. Every line that starts with '# ' before a key shows the default.", ""]
    lines += _template_lines(Settings)
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            lines += ["", f"# ---- {name}: {' '.join((info.annotation.__doc__ or '').split())}"]
            lines += _template_lines(info.annotation, f"{name}.")
    # Below it nothing of the top may stand, so it is last.
    lines += [
        "",
        "# ---- sources: one table for each",
        "# [[sources]]",
        '# name = "handbook"',
        '# uri = "docs"',
        '# include = ["**/*.md"]',
    ]
    return "\n".join(lines) + "\n"


def _template_lines(model: type[BaseModel], table: str = "") -> list[str]:
    lines = []
    meanings = descriptions(model)
    for name, info in model.model_fields.items():
        if name == "sources" or (isinstance(info.annotation, type) and issubclass(info.annotation, Section)):
            continue
        lines += [f"# {meanings[name]}", f"# {table}{name} = {_toml(info.default)}"]
    return lines


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Return what each field of a section means: the string under it in the source.

    pydantic can read these too (use_attribute_docstrings), but does so at every start, for 0.06 s of CPU.
    """
    (section,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(section, ast.ClassDef)
    return {
        field.target.id: " ".join(str(meaning.value.value).split())
        for field, meaning in pairwise(section.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(meaning, ast.Expr)
        and isinstance(meaning.value, ast.Constant)
    }


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
