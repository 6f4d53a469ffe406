"""Are real questions answered? The claim: the right passage is among the first five, and the answer quotes it.

    python benchmarks/real_questions.py [--sdists DIR] [--home DIR] [--half development] [--show]
    python benchmarks/real_questions.py --others [--sdists DIR] [--home DIR] [--show]

Downloads the sdists of Flask, pytest and Black, indexes their documentation (without change logs, announcements and a
generated list of plugins), each as a source with a label of its own, and asks the questions of real_questions.jsonl as
one who sees the documentation that the question is about. Each question was written without its page at hand; it names
the documents that answer and the words that a right answer has one of. Others have no answer there. A hash of the
question says whether it belongs to the development half, which constants are tuned on, or to the half held out.
`--others` asks those of other_questions.jsonl over Click, Jinja and pip. Prints one Markdown table per half, with
intervals of 95 % (bootstrap), the length of the answers and the CPU time of a question.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ragloop.app import App
from ragloop.config import Settings, load_settings
from ragloop.records import Answer, Passage

QUESTIONS = Path(__file__).with_suffix(".jsonl")
OTHERS = Path(__file__).with_name("other_questions.jsonl")
SDISTS: Mapping[str, tuple[str, str]] = {
    "flask": ("flask==3.1.2", "docs"),
    "pytest": ("pytest==9.0.1", "doc/en"),
    "black": ("black==25.11.0", "docs"),
}
"""Per documentation the release, and its folder in the sdist."""
OTHER_SDISTS: Mapping[str, tuple[str, str]] = {
    "click": ("click==8.1.8", "docs"),
    "jinja2": ("jinja2==3.1.4", "docs"),
    "pip": ("pip==24.2", "docs/html"),
}
LEFT_OUT = (
    "pytest/announce/",
    "pytest/changelog.rst",
    "pytest/reference/plugin_list.rst",
    "pip/ux-research-design/",
    "pip/development/contributing.rst",
)
TOP = 5
DRAWS = 2_000
_MARKUP = re.compile(r"[`*]")


@dataclass(frozen=True)
class Asked:
    """A question, the documents that answer it and the words of a right answer; `outside` says of what kind one is that
    no document answers, `within` the documentation that is asked then."""

    question: str
    documents: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    outside: str = ""
    within: str = ""

    @property
    def is_held_out(self) -> bool:
        return bool(self._hash % 2)

    @property
    def about(self) -> str:
        """The documentation that is asked: of a question without documents the one that it names, or any."""
        if self.within:
            return self.within
        named = [one for one in SDISTS if one in self.question.lower()]
        return (
            self.documents[0].partition("/")[0]
            if self.documents
            else [*named, *SDISTS][self._hash // 2 % 3 * (not named)]
        )

    @property
    def _hash(self) -> int:
        return hashlib.sha256(self.question.encode()).digest()[0]


@dataclass(frozen=True)
class Outcome:
    """What became of a question."""

    asked: Asked
    found: bool
    answer: Answer
    is_right: bool
    cpu_s: float


def questions(file: Path = QUESTIONS) -> list[Asked]:
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [
        Asked(
            one["question"],
            tuple(one.get("documents", ())),
            tuple(one.get("says", ())),
            one.get("outside", ""),
            one.get("within", ""),
        )
        for one in rows
    ]


def documentation(wanted: Mapping[str, tuple[str, str]], sdists: Path, folder: Path) -> None:
    """Put the documentation of the sdists into folders of their own; those that are not there yet are downloaded."""
    for name, (release, inside) in wanted.items():
        if not list(sdists.glob(f"{name}-*.tar.gz")):
            options = ["--no-deps", "--no-binary", ":all:", "--dest", str(sdists)]
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", *options, release], check=True)
        with tarfile.open(next(sdists.glob(f"{name}-*.tar.gz"))) as archive:
            for member in archive.getmembers():
                below = member.name.partition("/")[2]
                key = f"{name}/{below.removeprefix(f'{inside}/')}"
                if not below.startswith(f"{inside}/") or not below.endswith((".md", ".rst")) or _left_out(key):
                    continue
                file = archive.extractfile(member)
                (folder / key).parent.mkdir(parents=True, exist_ok=True)
                (folder / key).write_bytes(file.read() if file else b"")


def _settings(wanted: Collection[str], home: Path, others: Path | None) -> Settings:
    """Return the settings of the sources, with those of another file."""
    lines = [others.read_text(encoding="utf-8")] if others else []
    for name in wanted:
        lines += [
            "[[sources]]",
            f'name = "{name}"',
            f'uri = "{(home / "docs" / name).resolve()}"',
            f'labels = ["{name}"]',
        ]
    (home / "ragloop.toml").write_text("\n".join(lines), encoding="utf-8")
    return load_settings(home / "ragloop.toml", home=home / "home")


def _left_out(key: str) -> bool:
    return key.startswith(LEFT_OUT)


def says(text: str, wanted: Sequence[str]) -> bool:
    """Return whether a text has one of these as whole words, whatever its markup and case."""
    held = _plain(text)
    return any(re.search(rf"(?<![\w-]){re.escape(_plain(one))}(?![\w])", held) or _open(one, held) for one in wanted)


def _open(wanted: str, held: str) -> bool:
    """Look for words that end with a sign, such as `redirect(`, as they stand."""
    return not wanted[-1].isalnum() and len(wanted) > 3 and _plain(wanted) in held


def _plain(text: str) -> str:
    return " ".join(_MARKUP.sub("", text).split()).casefold()


def outcome(app: App, asked: Asked) -> Outcome:
    """Search and ask."""
    passages = app.answering.search(asked.question, TOP, [asked.about]).passages
    found = any(
        _is_of(passage, asked) and says(f"{passage.heading}\n{passage.text}", asked.says) for passage in passages[:TOP]
    )
    began = time.process_time()
    answer = app.answering.answerer.ask(asked.question, labels=[asked.about])
    cpu_s = time.process_time() - began
    return Outcome(asked, found, answer, _is_right(answer, asked), cpu_s)


def _is_of(passage: Passage, asked: Asked) -> bool:
    return passage.uri.endswith(tuple(f"/{one}" for one in asked.documents))


def _is_right(answer: Answer, asked: Asked) -> bool:
    cited = any(one.uri.endswith(tuple(f"/{name}" for name in asked.documents)) for one in answer.citations)
    return not answer.abstained and cited and says(answer.answer, asked.says)


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """Write the shares with their intervals as a Markdown table."""
    inside = [one for one in outcomes if not one.asked.outside]
    outside = [one for one in outcomes if one.asked.outside]
    rows = {
        "right passage in the top five": [one.found for one in inside],
        "right and cited": [one.is_right for one in inside],
        "wrong": [not one.is_right and not one.answer.abstained for one in inside],
        "wrongly abstained": [one.answer.abstained for one in inside],
        "outside of the corpus, answered": [not one.answer.abstained for one in outside],
    }
    lines = ["| | n | share | 95 % |", "|---|---:|---:|---|"]
    return lines + [f"| {name} | {len(held)} | {_share(held)} |" for name, held in rows.items() if held]


def _share(held: Sequence[bool]) -> str:
    values = np.array(held, dtype=float)
    draws = np.random.default_rng(0).choice(values, (DRAWS, len(values))).mean(axis=1)
    low, high = np.quantile(draws, (0.025, 0.975))
    return f"{values.mean():.3f} | {low:.2f} to {high:.2f}"


def costs(outcomes: Sequence[Outcome]) -> list[str]:
    """Write how long the answers are, and what a question costs."""
    lengths = [len(one.answer.answer) for one in outcomes if not one.answer.abstained and not one.asked.outside]
    cpu = np.array([one.cpu_s for one in outcomes])
    median, most = np.quantile(lengths, (0.5, 0.9))
    return [
        f"characters of an answer: median {median:.0f}, p90 {most:.0f}",
        f"CPU per question: median {np.median(cpu):.2f} s, p95 {np.quantile(cpu, 0.95):.2f} s",
    ]


def shown(one: Outcome) -> str:
    """Describe a question that was not answered as it should be."""
    at = " ".join(f"[{c.n}] {c.uri.rsplit('/', 2)[-2]}/{c.uri.rsplit('/', 1)[-1]}" for c in one.answer.citations)
    state = "found" if one.found else "outside" if one.asked.outside else "not found"
    return (
        f"- {one.asked.question} ({state}; wanted {one.asked.says} of {one.asked.documents})\n"
        f"    {one.answer.answer!r} {at}"
    )


def is_as_wanted(one: Outcome) -> bool:
    return one.answer.abstained if one.asked.outside else one.is_right


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sdists", type=Path, help="folder of the sdists; by default they are downloaded")
    parser.add_argument("--home", type=Path, help="folder that keeps the documents and their index for the next run")
    parser.add_argument("--others", action="store_true", help="ask those over Click, Jinja and pip")
    parser.add_argument("--half", choices=("development", "held out"), help="ask the questions of one half alone")
    parser.add_argument("--show", action="store_true", help="print what was not answered as it should be")
    parser.add_argument("--config", type=Path, help="a ragloop.toml, to compare settings")
    given = parser.parse_args()
    file, wanted = (OTHERS, OTHER_SDISTS) if given.others else (QUESTIONS, SDISTS)
    with tempfile.TemporaryDirectory() as scratch:
        home = given.home or Path(scratch)
        if not (home / "docs").is_dir():
            (home / "docs").mkdir(parents=True)
            documentation(wanted, given.sdists or home, home / "docs")
        app = App(_settings(wanted, home, given.config))
        app.corpus.sync()
        asked = [one for one in questions(file) if not given.half or one.is_held_out == (given.half == "held out")]
        outcomes = [outcome(app, one) for one in asked]
    for half in ("others",) if given.others else ("development", "held out"):
        held = [one for one in outcomes if given.others or one.asked.is_held_out == (half == "held out")]
        if held:
            print(f"\n{half}\n", *table(held), "", *costs(held), sep="\n")
            print(*(shown(one) for one in held if given.show and not is_as_wanted(one)), sep="\n")


if __name__ == "__main__":
    main()
