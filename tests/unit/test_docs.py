"""What the pages say of the code holds, as far as a test can tell without running it."""

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup, TyperOption

from ragloop.cli.main import app
from ragloop.config import load_settings
from ragloop.config.section import Section
from ragloop.config.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "infra").rglob("*.md"), ROOT / "benchmarks" / "LOG.md"]
)
GUIDES = [page for page in PAGES if page.name not in ("CHANGELOG.md", "LOG.md") and page.parent.name != "decisions"]
"""Pages that describe the present; the others say what held on their day."""
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
each_guide = pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(ROOT)))

_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_EVERYWHERE = {"--home", "--config", "--help"}


def generated() -> Any:
    """Return docs/generate.py as a module."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec
    assert spec.loader
    generate: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    return generate


def test_the_generated_pages_are_what_the_code_says() -> None:
    for path, made in generated().PAGES.items():
        text = path.read_text(encoding="utf-8")
        assert text == made(text), "run `python docs/generate.py`"


# --- commands --------------------------------------------------------------------------------------------------------


def commands_in(text: str) -> Iterator[str]:
    """Yield every command line that starts with ragloop, in code blocks and in code spans, without its comment."""
    for line in re.findall(r"^ {4,}(?:\.venv/bin/)?(ragloop .*)$", text, re.MULTILINE):
        yield line.split("  #")[0]
    for span in _SPAN.findall(text):
        if span.startswith("ragloop "):
            yield " ".join(span.split())


def problem_of(command: str) -> str:
    """Say what of a command line does not exist; empty where all of it does."""
    words = shlex.split(command.replace("…", ""))[1:]
    found: Any = typer.main.get_command(app)
    known = set(_EVERYWHERE)
    for word in words:
        if word.startswith("-") and word.split("=")[0] not in known | options(found):
            return f"{found.name} has no {word}"
        if isinstance(found, TyperGroup) and re.fullmatch("[a-z]+", word):
            if word not in found.commands:
                return f"{found.name or 'ragloop'} has no command {word}"
            known |= options(found)
            found = found.commands[word]
    return ""


def options(command: TyperGroup | TyperCommand) -> set[str]:
    """Return the names of a command's options."""
    own = {name for one in command.params if isinstance(one, TyperOption) for name in one.opts}
    first = getattr(command, "first", None)  # the command that a group takes where none is named
    return own | options(command.commands[first]) if first else own


@each_guide
def test_every_command_on_a_page_exists_with_its_options(page: Path) -> None:
    problems = {line: problem_of(line) for line in commands_in(page.read_text(encoding="utf-8"))}
    assert {line: problem for line, problem in problems.items() if problem} == {}


def test_a_wrong_command_and_a_wrong_option_are_found() -> None:
    (block,) = commands_in("    ragloop snc docs/   # a comment\n")
    (span,) = commands_in("Run `ragloop sync\n--rebuilt` now.")
    assert problem_of(block) == "ragloop has no command snc"
    assert problem_of(span) == "sync has no --rebuilt"
    assert problem_of("ragloop adapters rollback --reason better") == ""


# --- links and paths -------------------------------------------------------------------------------------------------


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@each_page
def test_every_link_within_the_repository_resolves(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, wanted = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        if wanted:
            assert wanted in headings(linked), target


def headings(page: Path) -> set[str]:
    """Return the anchors of a page."""
    return {anchor(title) for title in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)}


_PATH = re.compile(r"(?<![\w/.])((?:ragloop|tests|flows|tasks|docs|infra|benchmarks)/[\w./-]*\w)")


NOT_YET_MADE = {
    "infra/.env",
    "infra/kubernetes/overlays/acme",
    "ragloop/corpus/parsing/formats/odt.py",
    "ragloop/answering/stages/finding/rerank.py",
    "ragloop/cli/commands/sources.py",
}
"""Files that a reader makes: the settings of compose, an overlay, and the examples of CONTRIBUTING."""


@each_guide
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = set(_PATH.findall(page.read_text(encoding="utf-8"))) - NOT_YET_MADE
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def in_tree(text: str) -> Iterator[str]:
    """Yield the paths of the tree in the README."""
    folders: list[str] = []
    for indent, name in re.findall(r"^ {4}( *)([\w.]+/?)(?: |$)", text, re.MULTILINE):
        folders[len(indent) // 2 :] = [name]
        yield "".join(folders)


def test_the_tree_of_the_readme_is_that_of_the_repository() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Tree")[2]
    named = set(in_tree(text))
    rooms = {f"ragloop/{one.parent.name}/" for one in (ROOT / "ragloop").glob("*/__init__.py")}
    small = {"__init__", "deferred", "durable", "hashes", "markdown", "printable", "wording"}
    rooms |= {f"ragloop/{one.name}" for one in (ROOT / "ragloop").glob("*.py") if one.stem not in small}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    assert sorted(rooms - named) == []


def test_the_arrows_of_the_architecture_are_those_that_import_linter_holds() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    for room in ("ragloop", "ragloop.corpus"):
        (held,) = [one["layers"] for one in contracts if one.get("containers") == [room]]
        shown = re.search(rf"^    {room.rpartition('.')[2]}: ((?:.|\n {{6,}})*)", text, re.MULTILINE)
        assert shown
        layers = [re.split(r", | : ", layer.strip()) for layer in shown[1].split("→")]
        optional = [[name for name in re.split(r" : ", layer) if not name.startswith("(")] for layer in held]
        small = {"deferred", "derived", "durable", "hashes", "markdown", "printable", "wording"}
        assert layers == [kept for names in optional if (kept := [name for name in names if name not in small])]


# --- settings --------------------------------------------------------------------------------------------------------


def setting_names() -> set[str]:
    """Return section.name of every setting."""
    sections = {name: info.annotation for name, info in Settings.model_fields.items()}
    return {
        f"{name}.{field}"
        for name, section in sections.items()
        if isinstance(section, type) and issubclass(section, Section)
        for field in section.model_fields
    }


@each_guide
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    known = setting_names()
    sections = {name.partition(".")[0] for name in known}
    named = set(re.findall(r"`([a-z]+\.[a-z_]+)`", page.read_text(encoding="utf-8")))
    files = {name for name in named if name.endswith((".py", ".md", ".toml", ".yaml", ".json", ".lock", ".jsonl"))}
    assert [name for name in sorted(named - files) if name.partition(".")[0] in sections and name not in known] == []


def test_the_configuration_of_the_readme_is_valid(tmp_path: Path) -> None:
    first, *others = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    config = tmp_path / "ragloop.toml"
    for toml in (*others, first):
        config.write_text(toml, encoding="utf-8")
        settings = load_settings(config)
    assert settings.sources[0].name == "handbook"


@each_guide
def test_every_table_of_settings_that_a_page_shows_is_valid(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(tables_in(page.read_text(encoding="utf-8"))):
        config = tmp_path / f"{number}.toml"
        config.write_text(block, encoding="utf-8")
        load_settings(config)


def tables_in(text: str) -> list[str]:
    """Return the indented blocks that start with a TOML table or a setting."""
    blocks = re.findall(r"(?:^ {4,}.*\n|^[ ]*\n(?= {4}))+", text, re.MULTILINE)
    parts = [re.sub(r"^ +", "", part, flags=re.MULTILINE) for block in blocks for part in re.split(r"\n[ ]*\n", block)]
    return [part for part in map(str.lstrip, parts) if re.match(r"\[\[?[a-z]+\]|store = |[a-z]+\.[a-z_]+ = ", part)]


def test_tables_of_settings_are_found_in_blocks() -> None:
    text = (
        "Text\n\n    [notify]\n    block = 'a/b'\n\n    ragloop up\n\nmore\n\n       [[sources]]\n       name = 'x'\n"
    )
    assert tables_in(text) == ["[notify]\nblock = 'a/b'", "[[sources]]\nname = 'x'\n"]
