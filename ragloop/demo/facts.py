"""What the metadata of the installed packages states, and three ways to ask for each statement.

A fact has one right answer, which is short and stands in the package's document word for word. Two of its wordings are
asked and trained on, the third is kept for the gate.
"""

import importlib.metadata
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NOT_TOLD = frozenset({"ragloop", "pip", "uv"})
"""The project itself and what installs it: they are on the machine, but not by the lock."""
LONGEST_ANSWER = 32
"""Characters; about a dozen tokens of the local model."""

_OSI = "License :: OSI Approved :: "
_SAME_LICENCE = {
    "MIT License": "MIT",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""Classifiers that name one SPDX licence exactly."""


@dataclass(frozen=True)
class Package:
    """One installed distribution. Fields that its metadata leaves open or ambiguous are empty."""

    name: str
    version: str
    licence: str
    python: str
    author: str
    summary: str
    homepage: str
    readme: str
    readme_type: str


@dataclass(frozen=True)
class Fact:
    """One statement about a package. `kind` is a key of KINDS."""

    package: str
    kind: str
    answer: str


@dataclass(frozen=True)
class Kind:
    """How a fact is stated in a document, and how it is asked: two trained wordings, then the unseen one."""

    statement: str
    wordings: tuple[str, str, str]


KINDS: dict[str, Kind] = {
    "version": Kind(
        "The installed version of {package} is {answer}.",
        (
            "Which version of {} is installed?",
            "What is the installed version of {}?",
            "What {} version do we have?",
        ),
    ),
    "licence": Kind(
        "The licence of {package} is {answer}.",
        (
            "Under which licence is {} released?",
            "What is the licence of {}?",
            "How is {} licensed?",
        ),
    ),
    "python": Kind(
        "The Python that {package} requires is {answer}.",
        (
            "Which Python versions does {} support?",
            "What does {} require of Python?",
            "Which Python do I need for {}?",
        ),
    ),
    "author": Kind(
        "The author of {package} is {answer}.",
        (
            "Who is the author of {}?",
            "Who wrote {}?",
            "Who made {}?",
        ),
    ),
}


def installed_packages() -> list[Package]:
    """Return every installed distribution but those of NOT_TOLD, by name; the first one found where a name stands
    twice."""
    found: dict[str, Package] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name and canonical(name) not in NOT_TOLD:
            found.setdefault(canonical(name), _package(distribution.metadata))
    return [found[name] for name in sorted(found)]


def canonical(name: str) -> str:
    """Return a package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def facts_of(package: Package) -> list[Fact]:
    """Return the facts of a package whose answers are short, in the order of KINDS."""
    answers = {kind: str(getattr(package, kind)) for kind in KINDS}
    return [Fact(package.name, kind, answer) for kind, answer in answers.items() if 0 < len(answer) <= LONGEST_ANSWER]


def choose(facts: Iterable[Fact], count: int) -> list[Fact]:
    """Choose at most `count` facts, the kinds in turn, each kind spread evenly over the packages."""
    by_kind: dict[str, list[Fact]] = {}
    for fact in facts:
        by_kind.setdefault(fact.kind, []).append(fact)
    queues = [_spread(same, count // len(by_kind)) for same in by_kind.values()]
    longest = max(map(len, queues), default=0)
    in_turn = [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]
    return in_turn[:count]


def statement(fact: Fact) -> str:
    """Return the fact as its package's document states it."""
    return KINDS[fact.kind].statement.format(package=fact.package, answer=fact.answer.rstrip("."))


def question(fact: Fact, wording: int) -> str:
    """Return the fact asked in its wording 0, 1 (trained) or 2 (unseen)."""
    return KINDS[fact.kind].wordings[wording].format(fact.package)


def _spread(facts: Sequence[Fact], count: int) -> list[Fact]:
    """Return all facts, first those that lie evenly apart."""
    step = max(1, len(facts) // max(1, count))
    return [fact for start in range(step) for fact in facts[start::step]]


def _package(metadata: importlib.metadata.PackageMetadata) -> Package:
    fields = metadata.json
    one_line = {name: " ".join(str(fields.get(name) or "").split()) for name in ("author", "summary", "home_page")}
    return Package(
        name=str(fields["name"]),
        version=str(fields["version"]).split("+")[0],  # "2.13.0+cpu" is a build of 2.13.0
        licence=_licence(fields),
        python=_python(str(fields.get("requires_python") or "")),
        author=_one_person(one_line["author"]),
        summary=one_line["summary"].rstrip("."),
        homepage=one_line["home_page"],
        readme=str(fields.get("description") or ""),
        readme_type=str(fields.get("description_content_type") or ""),
    )


def _licence(fields: dict[str, str | list[str]]) -> str:
    """Return the licence expression (PEP 639), else the one licence that the classifiers name."""
    if expression := fields.get("license_expression"):
        return str(expression)
    named = [mark for mark in fields.get("classifier", ()) if mark.startswith("License :: ")]
    if len(named) != 1 or not named[0].startswith(_OSI):
        return ""
    name = named[0].removeprefix(_OSI)
    return _SAME_LICENCE.get(name, name)


def _python(requirement: str) -> str:
    """Return a requirement of one clause; several clauses can be written in several orders."""
    return "" if "," in requirement else requirement.replace(" ", "")


def _one_person(author: str) -> str:
    return "" if re.search(r"[,<>@&\"()]| and | et al", author) else author
