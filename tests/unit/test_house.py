"""The house keeps its shape: small classes and folders, and no two files that import each other."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "ragloop"
MOST_PUBLIC_METHODS = 12
MOST_FILES = 12
ONE_FILE_EACH = {"corpus/parsing/formats": "format", "cli/commands": "command"}
"""Folders that hold one file per thing of a kind; their files are found by name, however many there are."""
FILES = sorted(PACKAGE.rglob("*.py"))


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def public_methods(node: ast.ClassDef) -> list[str]:
    found = [one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    return sorted({one.name for one in found if not one.name.startswith("_")})


def module(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(file: Path, modules: set[str]) -> Iterator[str]:
    """Modules of the package that a file imports, those for types included."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for one in node.names:
                whole = f"{node.module}.{one.name}"
                yield whole if whole in modules else node.module


@pytest.mark.parametrize("file", FILES, ids=module)
def test_a_class_has_few_public_methods(file: Path) -> None:
    classes = [node for node in ast.walk(tree(file)) if isinstance(node, ast.ClassDef)]
    crowded = {one.name: names for one in classes if len(names := public_methods(one)) > MOST_PUBLIC_METHODS}
    assert not crowded, f"{crowded}: part each by who uses it"


def test_a_folder_has_few_files() -> None:
    folders = {file.parent for file in FILES}
    counts = {
        str(one.relative_to(PACKAGE)): sum(1 for file in one.glob("*.py") if file.name != "__init__.py")
        for one in folders
    }
    crowded = {name: count for name, count in counts.items() if count > MOST_FILES and name not in ONE_FILE_EACH}
    assert not crowded, f"{crowded}: make rooms"


def test_no_two_files_import_each_other() -> None:
    modules = {module(file) for file in FILES}
    imports = {module(file): set(imported(file, modules)) for file in FILES}
    circles = sorted(
        {
            tuple(sorted((one, other)))
            for one in imports
            for other in imports[one] & modules - {one}
            if one in imports[other]
        }
    )
    assert not circles, f"{circles}: move what both need into a third"


def test_no_benchmark_has_the_name_of_a_module_of_python() -> None:
    """With its folder on the path, Python would import the benchmark in its place."""
    benchmarks = {file.stem for file in (PACKAGE.parent / "benchmarks").glob("*.py")}
    assert not benchmarks & sys.stdlib_module_names
