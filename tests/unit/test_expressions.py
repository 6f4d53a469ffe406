"""Every regular expression of the product takes time in proportion to its text, whatever the text: on a megabyte of it.

The expressions are found in the source, the texts are made from each expression (tests/support/attack_texts.py). What
reads names that ragloop or its operator made up, and no document, question, answer or correction, is listed with its
reason.
"""

import ast
import gc
import importlib
import mmap
import os
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from ragloop.corpus.sources.patterns import Patterns
from tests.support.attack_texts import attacks

ROOT = Path(__file__).parents[2]
FOLDERS = ("ragloop", "tasks", "flows")
FUNCTIONS = frozenset(("compile", "search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn"))
MEGABYTE = 1_000_000
TINY, SMALL, SHORT = (16, 24, 36, 54, 81), 200, 4_000
SLOWEST = 24
"""Texts per expression that are tried at 4,000 characters."""
SECONDS_PER_CHARACTER = 4e-6
GRACE_S = 0.2
TRIES = 3
MOST_SECONDS = 20
"""CPU that one expression may take of the process that tries it; it takes an eighth of a second as a rule."""

NOT_OF_DOCUMENTS = {
    "ragloop/corpus/doctor/generations.py": "names of tables that ragloop made",
    "ragloop/models/embedding/runtimes.py": "the name of a model, which the operator chose",
    "ragloop/models/embedding/token_counts.py": "special tokens of the tokenizer, joined by |: no repetition",
    "ragloop/models/chat.py": "special tokens of the tokenizer, joined by |: no repetition",
    "ragloop/demo/documents.py": "the version of an installed package",
    "ragloop/demo/facts.py": "names of installed packages and their authors",
}
"""Files that build an expression inside a function."""
MADE_WHEN_NEEDED = {"ragloop/corpus/chunking/cuts.py": "_run", "ragloop/corpus/parsing/decoding.py": "_misplaced"}
"""Functions without parameters that return an expression."""
RULES = "ragloop/language/spoken.py"
"""A file whose function makes an expression of each of its rules, all of which stand in its RULES."""

Expression = re.Pattern[str] | re.Pattern[bytes]


def modules() -> Iterator[tuple[str, ast.Module]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())


def uses_of_re(tree: ast.AST) -> list[ast.Call]:
    """Return the calls of functions of `re`, under whatever name they were imported."""
    bare = {
        name.asname or name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "re"
        for name in node.names
        if name.name in FUNCTIONS
    }
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_of_re(node.func, bare)]


def _is_of_re(called: ast.expr, bare: set[str]) -> bool:
    if isinstance(called, ast.Attribute):
        return isinstance(called.value, ast.Name) and called.value.id == "re" and called.attr in FUNCTIONS
    return isinstance(called, ast.Name) and called.id in bare


@cache
def expressions() -> dict[str, tuple[Expression, bool]]:
    """Return every expression by where it stands, and whether it is only ever held against the start of a text."""
    found: dict[str, tuple[Expression, bool]] = {}
    for path, tree in modules():
        if uses_of_re(tree):
            module = importlib.import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
            if path in MADE_WHEN_NEEDED:
                found[f"{path} {MADE_WHEN_NEEDED[path]}"] = getattr(module, MADE_WHEN_NEEDED[path])(), False
            for name in _assigned(tree):
                if isinstance(made := getattr(module, name), re.Pattern):
                    found[f"{path} {name}"] = made, _is_anchored(tree, name)
            if path == RULES:
                found |= {f"{path} rule {n}": (rule.form, False) for n, rule in enumerate(module.RULES)}
    return found


def _assigned(tree: ast.Module) -> list[str]:
    return [
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]


def _is_anchored(tree: ast.Module, name: str) -> bool:
    """Whether all that is done with the name is to ask for `match` or `fullmatch`."""
    asked = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _named(node.value, name)]
    read = [node for node in ast.walk(tree) if _named(node, name) and isinstance(node.ctx, ast.Load)]  # type: ignore[attr-defined]
    return len(read) == len(asked) > 0 and {node.attr for node in asked} <= {"match", "fullmatch"}


def _named(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def seconds(expression: Expression, anchored: bool, text: str) -> float:
    """Return the CPU seconds of this thread that reading the text takes."""
    given: str | bytes = text if isinstance(expression.pattern, str) else text.encode("utf-8")
    started = time.thread_time()
    if anchored:
        expression.match(given)
        expression.fullmatch(given)
    else:
        for _ in expression.finditer(given):
            pass
    return time.thread_time() - started


def longer(text: str, times: int) -> str:
    """The middle of an attack repeated: its first and last characters stay where they are."""
    middle = text[len(text) // 4 : len(text) // 2]
    return text[: len(text) // 4] + middle * (4 * times) + text[-16:]


def allowed(text: str) -> float:
    return GRACE_S + SECONDS_PER_CHARACTER * len(text)


def least_seconds(expression: Expression, anchored: bool, text: str, limit_s: float) -> float:
    """Return what reading the text takes, once more where it is beyond the limit: a machine under load is slow too."""
    taken = seconds(expression, anchored, text)
    for _ in range(TRIES - 1):
        if taken <= limit_s:
            break
        taken = min(taken, seconds(expression, anchored, text))
    return taken


def slowest(tried: Mapping[str, tuple[Expression, bool]], most_seconds: int = MOST_SECONDS) -> str | None:
    """Return the first of these expressions that takes longer than in proportion to its text, with a text of at most a
    megabyte on which it does; None if there is none.

    They are tried in a process that ends when one has taken too much CPU: exponential time is for ever.
    """
    trying, told = mmap.mmap(-1, 256), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGXCPU, signal.SIG_DFL)
            os.write(told[1], _first_slow(tried, most_seconds, trying).encode())
        except Exception:  # noqa: BLE001  # the parent raises it
            os.write(told[1], f"error{traceback.format_exc()}".encode())
        finally:
            os._exit(0)
    os.close(told[1])
    with os.fdopen(told[0], "rb") as pipe:
        answered = pipe.read().decode()
    os.waitpid(child, 0)
    if answered == "none":
        return None
    assert not answered.startswith("error"), answered.removeprefix("error")
    return answered or trying[:].rstrip(b"\0").decode(errors="replace")


def _first_slow(tried: Mapping[str, tuple[Expression, bool]], most_seconds: int, trying: mmap.mmap) -> str:
    for name, (expression, anchored) in tried.items():
        until = int(time.process_time()) + most_seconds
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        if (text := _slowest(name, expression, anchored, trying)) is not None:
            return f"{name}: {len(text):,} characters of {text[:60]!r}"
    return "none"


def _slowest(name: str, expression: Expression, anchored: bool, trying: mmap.mmap) -> str | None:
    """All texts are tried at ever more characters up to 200, in steps so small that exponential time shows before it
    takes for ever; the slowest at more. `trying` tells the name and the beginning of the text that is being read.
    """
    left: list[str] = []
    for size, limit_s, keep in (*((size, 0.01, 0) for size in TINY), (SMALL, 0.05, SLOWEST), (SHORT, GRACE_S, 1)):
        timed = []
        for text in left or attacks(expression, size):
            trying[:] = f"{name}: {text[:60]!r}".encode()[:256].ljust(256, b"\0")
            timed.append((least_seconds(expression, anchored, text, limit_s), text))
            if timed[-1][0] > limit_s:
                return text
        left = [longer(text, 10) if size == SMALL else text for _, text in sorted(timed, reverse=True)[:keep]]
    return next((grown for text in left if (grown := _too_slow(expression, anchored, text))), None)


def _too_slow(expression: Expression, anchored: bool, text: str) -> str | None:
    """Return the text at the length at which it takes too long, of up to a megabyte."""
    before = None
    for times in (16, 48, 480):
        grown = longer(text, times)
        limit_s = allowed(grown) if before is None else min(allowed(grown), 20 * before + GRACE_S)
        taken = least_seconds(expression, anchored, grown, limit_s)
        if taken > limit_s:
            return grown
        before = taken if times == 48 else None
    return None


@pytest.fixture(autouse=True)
def _without_collections() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.long
@pytest.mark.parametrize("folder", sorted({str(Path(name).parent) for name in expressions()}))
def test_an_expression_takes_time_in_proportion_to_a_megabyte_made_against_it(folder: str) -> None:
    # In one process for a folder: to fork one that has imported all of this takes longer than to try an expression.
    tried = {name: one for name, one in expressions().items() if str(Path(name).parent) == folder}
    assert slowest(tried) is None


@pytest.mark.parametrize(
    "written",
    [
        r"\s+$",
        pytest.param(r"(?::[\w:+.-]+:)?`([^`]+)`", marks=pytest.mark.long),
        pytest.param(r"=+[ =]*\s*$", marks=pytest.mark.long),
        pytest.param(r"(?:\r\n?|\n)+(?P<indent>[^\S\r\n]*)(?=\S)", marks=pytest.mark.long),
        r"<[^>]*>",
        pytest.param(r"\w+://\S+", marks=pytest.mark.long),
        pytest.param(r"\s*\[(\d{1,3})\]", marks=pytest.mark.long),
        pytest.param(r"[<>=]+(?=\d)", marks=pytest.mark.long),
        pytest.param(r"(?:a|ab|b)*c", marks=pytest.mark.long),
        r"(a+)+$",
        pytest.param(r"(\w+\s?)*$", marks=pytest.mark.long),
    ],
)
def test_an_expression_that_is_not_linear_is_found_out(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "TRIES", 1)  # a slow machine finds it out too
    assert slowest({"written": (re.compile(written), False)}, 2) is not None


def test_no_expression_is_made_where_this_suite_does_not_look() -> None:
    hidden = {}
    for path, tree in modules():
        inside = [
            call.lineno
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            and getattr(node, "name", "") != MADE_WHEN_NEEDED.get(path)
            for call in uses_of_re(node)
        ]
        if inside and path not in (*NOT_OF_DOCUMENTS, RULES):
            hidden[path] = inside
    assert hidden == {}, "give it a name in the module, so that it is tried on hostile text"
    assert len(expressions()) > 60


def test_the_patterns_that_ragloop_ships_read_the_longest_key_at_once() -> None:
    patterns = Patterns((), (".*",))
    started = time.thread_time()
    for key in ("a/" * 512, "." * 1024, "a" * 1024, "/." * 512, "*" * 1024):
        patterns.leaves(key)
        patterns.reaches(key)
    assert time.thread_time() - started < 1
