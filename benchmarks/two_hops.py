"""Are questions of two hops answered: those that name their subject by what another document says of it?

    python benchmarks/two_hops.py [--home DIR] [--corpus products] [--half development] [--every N] [--answers] [--show]

"When does support end for the newest release of the language that Drupal is written in?" needs the page of Drupal,
which says PHP, and that of PHP. The questions are made of pages of endoflife.date (in RAGLOOP_REALDATA), whose first
sentences say what a product is written in, based on or made for, and of the metadata of the installed packages, which
says what a package requires, alone or for an extra. A hash of the first document says whether a question is of the
development half or held out; at most ten questions ask for one document. A passage of the first document counts where
it names the second one, a passage of the second where it has the answer.

Each question is looked for as it stands, and once more by a rule of two hops: in a question with a clause ("the
language that ...", "the package X needs for ...") the sentence of the first five passages that shares most words with
it and has the title of another document gives that title. What stands before the clause is then asked of the title: the
passage of that sentence and the passages that are found then are the list. With --answers both are answered, and so is
the question with the name in place of its clause, which is what a perfect first hop would leave. --single counts how
many questions of one hop have such a clause. Prints Markdown; intervals of 95 % are of a bootstrap over the documents
that are asked for.
"""

import argparse
import hashlib
import importlib.metadata
import os
import re
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml
from packaging.requirements import Requirement
from real_questions import OTHERS, QUESTIONS, TOP, questions, says
from simulated_year.facts import Page, page_of, shown

from ragloop.answering.evidence import answer_of
from ragloop.answering.support.terms import content_words
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.demo.documents import document, key_of
from ragloop.demo.facts import Package, canonical, facts_of, installed_packages
from ragloop.language.sentences import sentences
from ragloop.records import Passage

DATA = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
PAGES = "endoflife-date/r3_2026-01-05.tar.xz"
MOST_OF_ONE = 10
DRAWS = 2_000
KINDS = {
    "lang": "language",
    "os": "operating system",
    "framework": "framework",
    "database": "database",
    "app": "program",
    "service": "service",
    "device": "device",
}
RELATIONS = {
    "is written in": r"(?:written|implemented) (?:in|using)(?: the)?",
    "was forked from": r"(?:fork of|forked from)",
    "is based on": r"based on(?: the)?",
    "is built on": r"built on(?: top of)?(?: the)?|extends|(?:is an? [^.]{0,60}?)?extension of",
    "is modelled after": r"modeled after the concepts of",
    "runs on": r"runs on(?: the)?|(?:used|use) to run",
    "is made for": r"(?:for|to manage|manages)(?: the)?",
    "is compatible with": r"compatible with|compatibility with",
    "works with": r"integrates with|using the|by deploying|complements|based on H2 or|paired with a",
    "uses": r"embedding Chromium and|built-in|uses the",
}
WORDINGS: Mapping[str, Sequence[tuple[str, str]]] = {
    "latest": (
        ("What is the latest version of {}?", "latest"),
        ("Which version is current of {}?", "latest"),
        ("What's the newest version of {} right now?", "latest"),
    ),
    "eol": (
        ("When does support end for the newest release of {}?", "eol"),
        ("Until when is the newest release of {} supported?", "eol"),
    ),
    "released": (
        ("When did the newest release of {} come out?", "releaseDate"),
        ("On what date was the newest release of {} published?", "releaseDate"),
    ),
}
PACKAGE_WORDINGS: Mapping[str, Sequence[str]] = {
    "version": ("Which version of {} do we have?", "What version of {} is installed?"),
    "licence": ("Under which licence is {} released?", "What licence does {} have?"),
    "python": ("Which Python versions does {} support?", "Which Python do I need for {}?"),
    "author": ("Who wrote {}?", "Who is the author of {}?"),
}
_LINK = re.compile(r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_EXTRA = re.compile(r'extra == "([^"]+)"')


@dataclass(frozen=True)
class Question:
    """A question, the same with the name in place of its clause, both documents, the name that the first one must say
    and the words of a right answer."""

    corpus: str
    text: str
    direct: str
    first: str
    second: str
    name: str
    says: tuple[str, ...]

    @property
    def is_held_out(self) -> bool:
        return bool(hashlib.sha256(self.first.encode()).digest()[0] % 2)


@dataclass(frozen=True)
class Found:
    """Which of the two passages are among the first five, and where it was answered whether that is right."""

    first: bool
    second: bool
    right: bool = False

    @property
    def both(self) -> bool:
        return self.first and self.second


@dataclass(frozen=True)
class Outcome:
    """What became of a question as it stands, by two hops and by name; `title` is what the first hop gave."""

    question: Question
    plain: Found
    hops: Found
    title: str
    by_name: bool = False


def products(data: Path) -> dict[str, tuple[Page, str]]:
    """Read the pages, each with the kind of its product."""
    found = {}
    with tarfile.open(data / PAGES) as archive:
        for member in archive.getmembers():
            if member.name.endswith(".md") and (file := archive.extractfile(member)):
                text = file.read().decode()
                front = yaml.safe_load(text.removeprefix("---\n").partition("\n---\n")[0])
                found[Path(member.name).name] = page_of(text), KINDS.get(front["category"], "software")
    return found


def relations(pages: Mapping[str, tuple[Page, str]]) -> Iterator[tuple[str, str, str]]:
    """Yield (page, relation, page) where a page says by a link word what another product is to its own."""
    keys = {page.product: key for key, (page, _) in pages.items() if len(page.product) > 2}
    names = "|".join(map(re.escape, sorted(keys, key=len, reverse=True)))
    said = {how: re.compile(rf"\b(?:{words})\s({names})(?![\w-])") for how, words in RELATIONS.items()}
    for key, (page, _) in sorted(pages.items()):
        prose = re.sub(r"^>\s?", "", _LINK.sub(r"\1", page.prose), flags=re.MULTILINE)
        text = " ".join(" ".join(prose.split("\n\n")[:3]).split())
        seen: set[str] = set()
        for how, pattern in said.items():
            for match in pattern.finditer(text):
                other = match[1]
                if keys[other] not in seen and other not in page.product and page.product not in other:
                    seen.add(keys[other])
                    yield key, how, keys[other]


def of_products(pages: Mapping[str, tuple[Page, str]]) -> list[Question]:
    found: list[Question] = []
    asked = Counter[str]()
    for first, how, second in relations(pages):
        (page, _), (other, kind) = pages[first], pages[second]
        facts = {fact: _value(other.cycles[0].get(wordings[0][1])) for fact, wordings in WORDINGS.items()}
        for fact in sorted((one for one in facts if facts[one]), key=lambda one: _order(first, second, one))[:2]:
            if asked[second] < MOST_OF_ONE:
                wordings = WORDINGS[fact]
                form = wordings[_order(first, fact, "") % len(wordings)][0]
                clause = f"the {kind} that {page.product} {how}"
                right = (facts[fact], str(other.cycles[0]["releaseCycle"])) if fact == "latest" else (facts[fact],)
                found.append(
                    Question(
                        "products", form.format(clause), form.format(other.product), first, second, other.product, right
                    )
                )
                asked[second] += 1
    return found


def requirements(packages: Mapping[str, Package]) -> dict[str, list[tuple[str, str]]]:
    """Return what each package requires, as (name, extra), whatever the platform."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, package in packages.items():
        rows = dict.fromkeys(
            (canonical(one.name), extra[1] if (extra := _EXTRA.search(str(one.marker))) else "")
            for one in map(Requirement, importlib.metadata.requires(package.name) or ())
        )
        found[name] = list(rows)
    return found


def of_packages(packages: Mapping[str, Package], needs: Mapping[str, Sequence[tuple[str, str]]]) -> list[Question]:
    """Ask for the only package that another one requires, or that it requires for an extra."""
    found: list[Question] = []
    asked = Counter[str]()
    for name, package in packages.items():
        extras = Counter(extra for _, extra in needs[name])
        for other, extra in needs[name]:
            if extras[extra] > 1 or other not in packages or other == name:
                continue
            clause = _of_extra(package.name, extra) if extra else _of_only(package.name)
            facts = sorted(facts_of(packages[other]), key=lambda one: _order(name, other, one.kind))[:2]
            for fact in facts:
                if asked[other] < MOST_OF_ONE:
                    wordings = PACKAGE_WORDINGS[fact.kind]
                    form = wordings[_order(name, fact.kind, "") % len(wordings)]
                    direct = form.format(packages[other].name)
                    first, second = key_of(package), key_of(packages[other])
                    found.append(
                        Question(
                            "packages", form.format(clause), direct, first, second, packages[other].name, (fact.answer,)
                        )
                    )
                    asked[other] += 1
    return found


def _of_only(name: str) -> str:
    forms = ("the only package that {} requires", "the one package {} depends on", "the package that {} needs")
    return forms[_order(name, "", "") % len(forms)].format(name)


def _of_extra(name: str, extra: str) -> str:
    forms = (
        "the package that {} requires for {}",
        "the package {} pulls in for its {} extra",
        "the library which {} needs for {}",
    )
    return forms[_order(name, extra, "") % len(forms)].format(name, extra)


_CLAUSE = re.compile(r"\b(the (?:[\w-]+ ){0,3}?[\w-]+) (?=(?:that|which|who|whose)\b)", re.IGNORECASE)
_BARE_CLAUSE = re.compile(
    r"\b(the (?:only |one |single )?[a-z]+) (?=\S+ [a-z]+s(?: in| on| for| with)? )", re.IGNORECASE
)


def clause_of(question: str) -> tuple[str, str]:
    """Return what stands before the noun that a clause describes, and the clause; both empty where there is none."""
    clauses = (match for pattern in (_CLAUSE, _BARE_CLAUSE) for match in pattern.finditer(question) if match.start())
    found = next(clauses, None)
    return (question[: found.start(1)], question[found.end(1) :]) if found else ("", "")


def bridge(question: str, passages: Sequence[Passage], titles: Mapping[str, str]) -> tuple[str, Passage] | None:
    """Return the title in the sentence that shares most words with the clause, and the passage of that sentence.

    Passages of a document that the question names come first.
    """
    asked = _stems(clause_of(question)[1])
    best: tuple[tuple[bool, int], str, Passage] | None = None
    for passage in passages[:TOP]:
        for sentence in _sentences(passage.text):
            names = [one for one in _titles_in(sentence, titles) if not _names(question, one)]
            names = [one for one in names if canonical(one) != canonical(passage.title)]
            fit = _names(question, passage.title), len(asked & _stems(sentence))
            if names and (best is None or fit > best[0]):
                best = fit, names[0], passage
    return best and (best[1], best[2])


def _sentences(text: str) -> Iterator[str]:
    for block in text.split("\n\n"):
        joined = " ".join(line.lstrip("> ") for line in block.splitlines())
        yield from (joined[start:end] for start, end in sentences(joined))


def _stems(text: str) -> frozenset[str]:
    return frozenset(one[:5] for one in content_words(text))


def _names(text: str, title: str) -> bool:
    return bool(re.search(rf"(?<![\w-]){re.escape(canonical(title))}(?![\w-])", canonical(text)))


def _titles_in(sentence: str, titles: Mapping[str, str]) -> list[str]:
    """Return the titles in a sentence, those of most words first."""
    spoken = [one.strip("()[]{}'\"*_,;:!?").rstrip(".").removesuffix("'s") for one in sentence.split()]
    runs = [" ".join(spoken[at : at + n]) for n in (4, 3, 2, 1) for at in range(len(spoken) - n + 1)]
    return [titles[one] for one in map(canonical, runs) if len(one) > 1 and one in titles]


def page_of_package(package: Package, needs: Sequence[tuple[str, str]]) -> str:
    """Write the facts of a package as the demo does, and what it requires."""
    said = (f"* {package.name} requires {one}{f' for its extra {extra}' if extra else ''}." for one, extra in needs)
    return "\n\n".join([document(replace(package, readme="")).rstrip(), "\n".join(said)]).rstrip() + "\n"


def _order(*of: str) -> int:
    return hashlib.sha256("\n".join(of).encode()).digest()[1]


def _value(value: object) -> str:
    return "" if value is None or isinstance(value, bool) else str(value)


class Home:
    """The index of one corpus, with its questions."""

    def __init__(self, home: Path, data: Path, corpus: str) -> None:
        texts, self.titles, self.questions = written(data, corpus)
        folder = home / corpus
        folder.mkdir(parents=True, exist_ok=True)
        for key, text in texts.items():
            (folder / key).write_text(text, encoding="utf-8")
        source = f'[[sources]]\nname = "{corpus}"\nuri = "{folder.resolve()}"\n'
        (home / f"{corpus}.toml").write_text(source, encoding="utf-8")
        self.app = App(load_settings(home / f"{corpus}.toml", home=home / f"home of {corpus}"))
        self.app.corpus.sync()

    def outcome(self, asked: Question, *, answers: bool) -> Outcome:
        found = self.app.answering.search(asked.text, 10).passages
        plain = self._found(asked, found, asked.text if answers else "")
        before, clause = clause_of(asked.text)
        once_more = bridge(asked.text, found, self.titles) if clause else None
        hops, title = plain, ""
        if once_more:
            title, passage = once_more
            text = f"{before}{title}?"
            others = [one for one in self.app.answering.search(text, 10).passages if one.chunk_id != passage.chunk_id]
            hops = self._found(asked, [passage, *others], text if answers else "")
        return Outcome(asked, plain, hops, title, answers and self._is_right(asked, asked.direct))

    def _found(self, asked: Question, passages: Sequence[Passage], text: str) -> Found:
        first, second = _has(passages, asked.first, (asked.name,)), _has(passages, asked.second, asked.says)
        return Found(first, second, bool(text) and self._is_right(asked, text))

    def _is_right(self, asked: Question, text: str) -> bool:
        answer = answer_of(self.app.answering.answerer.try_all([text])[0])
        cited = any(one.uri.endswith(f"/{asked.second}") for one in answer.citations)
        return not answer.abstained and cited and says(answer.answer, asked.says)


def written(data: Path, corpus: str) -> tuple[dict[str, str], dict[str, str], list[Question]]:
    """Return the documents by key, their titles, and the questions."""
    if corpus == "products":
        pages = products(data)
        texts = {key: shown(page) for key, (page, _) in pages.items()}
        return texts, {canonical(page.product): page.product for page, _ in pages.values()}, of_products(pages)
    packages = {canonical(one.name): one for one in installed_packages()}
    needs = requirements(packages)
    texts = {key_of(package): page_of_package(package, needs[name]) for name, package in packages.items()}
    return texts, {name: package.name for name, package in packages.items()}, of_packages(packages, needs)


def _has(passages: Sequence[Passage], key: str, words: Sequence[str]) -> bool:
    return any(one.uri.endswith(f"/{key}") and says(f"{one.heading}\n{one.text}", words) for one in passages[:TOP])


def table(outcomes: Sequence[Outcome], *, answers: bool) -> list[str]:
    rows: dict[str, Callable[[Outcome], tuple[bool, bool]]] = {
        "passage of the first document": lambda one: (one.plain.first, one.hops.first),
        "passage of the second one": lambda one: (one.plain.second, one.hops.second),
        "both": lambda one: (one.plain.both, one.hops.both),
    }
    if answers:
        rows["right and cited"] = lambda one: (one.plain.right, one.hops.right)
        rows["right and cited by name"] = lambda one: (one.by_name, one.by_name)
    lines = [f"| n {len(outcomes)} | as it stands | two hops | difference |", "|---|---:|---:|---|"]
    return lines + [f"| {name} | {_compared(outcomes, list(map(of, outcomes)))} |" for name, of in rows.items()]


def _compared(outcomes: Sequence[Outcome], pairs: Sequence[tuple[bool, bool]]) -> str:
    """Write both shares and the interval of their difference."""
    groups: dict[str, list[int]] = {}
    for (plain, hops), one in zip(pairs, outcomes, strict=True):
        groups.setdefault(one.question.second, []).append(int(hops) - int(plain))
    sums = np.array([[sum(one), len(one)] for one in groups.values()], float)
    drawn = sums[np.random.default_rng(0).integers(len(sums), size=(DRAWS, len(sums)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975))
    plain, hops = np.mean(pairs, axis=0)
    return f"{plain:.2f} | {hops:.2f} | {hops - plain:+.2f} ({low:+.2f} to {high:+.2f})"


def single() -> None:
    """Print how many questions of one hop have a clause."""
    asked = [one.question for file in (QUESTIONS, OTHERS) for one in questions(file)]
    print(f"of {len(asked)} questions of one hop {sum(bool(clause_of(one)[1]) for one in asked)} have a clause")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--home", type=Path, help="folder that keeps the documents and their index for the next run")
    parser.add_argument("--corpus", choices=("products", "packages"), help="ask about one of both alone")
    parser.add_argument("--half", choices=("development", "held out"), help="ask the questions of one half alone")
    parser.add_argument("--every", type=int, default=1, help="ask one question in so many")
    parser.add_argument("--answers", action="store_true", help="answer the questions, too")
    parser.add_argument("--single", action="store_true", help="count the clauses in questions of one hop, and end")
    parser.add_argument("--show", action="store_true", help="print what was found for each question")
    given = parser.parse_args()
    if given.single:
        single()
        return
    with tempfile.TemporaryDirectory() as scratch:
        for corpus in [given.corpus] if given.corpus else ["products", "packages"]:
            home = Home(given.home or Path(scratch), given.data, corpus)
            for half in [given.half] if given.half else ["development", "held out"]:
                asked = [one for one in home.questions if one.is_held_out == (half == "held out")][:: given.every]
                outcomes = [home.outcome(one, answers=given.answers) for one in asked]
                print(f"\n{corpus}, {half}\n", *table(outcomes, answers=given.answers), sep="\n", flush=True)
                for one in outcomes if given.show else ():
                    print(f"- {one.question.text} ({one.question.name}; found {one.title or 'none'}): {one.hops}")


if __name__ == "__main__":
    main()
