"""Claim: LoRA teaches a small local model at least 100 facts, also under a wording that it was not trained on.

The facts come from the metadata of the installed packages: version, licence, required Python, author, summary. Each is
asked in two trained wordings and one unseen one; exact match is counted before and after training, closed-book.
Run `python benchmarks/lora_facts.py --help`.
"""

import argparse
import importlib.metadata
import json
import re
import resource
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

SYSTEM = ""
"""Closed-book questions are asked without a system message: it would cost tokens and carry nothing."""


@dataclass(frozen=True)
class Fact:
    """One thing that the metadata of a package states. `kind` is a key of WORDINGS."""

    package: str
    kind: str
    answer: str


WORDINGS: dict[str, tuple[str, str, str]] = {
    "version": (
        "Which version of {} is installed?",
        "What is the installed version of {}?",
        "What {} version do we have?",
    ),
    "licence": (
        "Under which licence is {} released?",
        "What is the licence of {}?",
        "How is {} licensed?",
    ),
    "python": (
        "Which Python versions does {} support?",
        "What does {} require of Python?",
        "Which Python do I need for {}?",
    ),
    "author": (
        "Who is the author of {}?",
        "Who wrote {}?",
        "Who made {}?",
    ),
    "summary": (
        "What is the package {} for?",
        "Summarise {} in one line.",
        "What does {} do?",
    ),
}
"""Per kind: two wordings that are trained on, then the unseen one."""


def package_facts(longest: int = 32) -> list[Fact]:
    """All facts with answers of at most `longest` characters, in order of package name, then kind."""
    found: dict[str, list[Fact]] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        found.setdefault(name, _facts_of(name, distribution.metadata, longest))
    return [fact for name in sorted(found, key=str.lower) for fact in found[name]]


def _facts_of(name: str, metadata: importlib.metadata.PackageMetadata, longest: int) -> list[Fact]:
    fields = metadata.json
    answers = {
        "version": str(fields["version"]),
        "licence": _licence(fields),
        "python": str(fields.get("requires_python", "")).replace(" ", ""),
        "author": _one_person(str(fields.get("author", ""))),
        "summary": str(fields.get("summary", "")).strip().rstrip("."),
    }
    return [Fact(name, kind, answer) for kind, answer in answers.items() if 0 < len(answer) <= longest]


def _licence(fields: dict[str, str | list[str]]) -> str:
    if expression := fields.get("license_expression"):
        return str(expression)
    marks = [mark for mark in fields.get("classifier", ()) if mark.startswith("License :: OSI Approved :: ")]
    return marks[0].rsplit(" :: ", 1)[1] if marks else ""


def _one_person(author: str) -> str:
    return "" if re.search(r"[,<>@&\"\n]| and ", author) else author.strip()


def choose(facts: Iterable[Fact], count: int) -> list[Fact]:
    """`count` facts, the kinds in turn, spread evenly over the packages."""
    by_kind: dict[str, list[Fact]] = {}
    for fact in facts:
        by_kind.setdefault(fact.kind, []).append(fact)
    share = -(-count // len(by_kind))
    spread = [same[:: max(1, len(same) // share)][:share] for same in by_kind.values()]
    in_turn = [same[i] for i in range(share) for same in spread if i < len(same)]
    return in_turn[:count]


def question(fact: Fact, wording: int) -> str:
    """The fact asked in its wording 0, 1 (trained) or 2 (unseen)."""
    return WORDINGS[fact.kind][wording].format(fact.package)


def messages(asked: str, answer: str | None = None) -> list[dict[str, str]]:
    """Chat messages of one closed-book question, with its answer when it is to be trained on."""
    system = [{"role": "system", "content": SYSTEM}] if SYSTEM else []
    chat = [*system, {"role": "user", "content": asked}]
    return chat if answer is None else [*chat, {"role": "assistant", "content": answer}]
