"""Whether questions that need their conversation, a glossary or several answers find their passages.

The questions of follow_ups.jsonl are asked over the documentation of real_questions.py, once as they stand and once
rewritten. Each part of a question has documents and words, as there; a question is found where each part is. A hash of
the question parts them into the half that the rules were written on and the half held out. The questions of
real_questions.jsonl stand alone: each is asked after another one of its documentation, and what is changed of it is
counted as a false rewrite. Prints Markdown.
"""

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from real_questions import SDISTS, TOP, Asked, documentation, questions, says

from ragloop.answering.conversation.rewriting import Rewriting
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.records import Earlier, Passage

FILE = Path(__file__).with_suffix(".jsonl")
GLOSSARY = Path(__file__).with_suffix(".toml")
DRAWS = 2_000


@dataclass(frozen=True)
class Part:
    """What a part of a question is answered by."""

    documents: tuple[str, ...]
    says: tuple[str, ...]

    def is_among(self, passages: Sequence[Passage]) -> bool:
        of_it = (one for one in passages if one.uri.endswith(tuple(f"/{name}" for name in self.documents)))
        return any(says(f"{one.heading}\n{one.text}", self.says) for one in of_it)


@dataclass(frozen=True)
class Case:
    """A question, what was asked before, and its parts."""

    kind: str
    earlier: tuple[Earlier, ...]
    question: str
    parts: tuple[Part, ...]

    @property
    def about(self) -> str:
        return self.parts[0].documents[0].partition("/")[0]

    @property
    def is_held_out(self) -> bool:
        return bool(hashlib.sha256(self.question.encode()).digest()[0] % 2)


@dataclass(frozen=True)
class Outcome:
    """What became of a case."""

    case: Case
    rewritten: tuple[str, ...]
    before: bool
    after: bool


def cases() -> list[Case]:
    rows = map(json.loads, FILE.read_text(encoding="utf-8").splitlines())
    return [
        Case(
            one["kind"],
            tuple(Earlier(before) for before in one["earlier"]),
            one["question"],
            tuple(Part(tuple(part["documents"]), tuple(part["says"])) for part in one["parts"]),
        )
        for one in rows
    ]


def opened(home: Path) -> App:
    """Index the documentation, where that was not done before, and open the home with the glossary."""
    if not (home / "docs").is_dir():
        (home / "docs").mkdir(parents=True)
        documentation(SDISTS, home, home / "docs")
    lines = ["[answers]", f'glossary = "{GLOSSARY}"']
    for name in SDISTS:
        lines += ["[[sources]]", f'name = "{name}"', f'uri = "{(home / "docs" / name).resolve()}"']
        lines += [f'labels = ["{name}"]']
    (home / "ragloop.toml").write_text("\n".join(lines), encoding="utf-8")
    app = App(load_settings(home / "ragloop.toml", home=home / "home"))
    app.corpus.sync()
    return app


def outcome(app: App, rewriting: Rewriting, case: Case) -> Outcome:
    rewritten = rewriting.of(case.question, case.earlier).questions
    before = found(app, case, [case.question])
    return Outcome(case, rewritten, before, before if rewritten == (case.question,) else found(app, case, rewritten))


def found(app: App, case: Case, asked: Sequence[str]) -> bool:
    passages = [app.answering.search(one, TOP, [case.about]).passages for one in asked]
    # Parted questions have five passages each; as one they have five together.
    return all(any(part.is_among(held) for held in passages) for part in case.parts)


def false_rewrites(rewriting: Rewriting) -> tuple[list[tuple[str, str, tuple[str, ...]]], int]:
    """Return the stand-alone questions that were changed, with the one before each, and how many there are."""
    last: dict[str, Asked] = {}
    changed, count = [], 0
    for one in questions():
        before = last.get(one.about)
        last[one.about] = one
        if before:
            count += 1
            found = rewriting.of(one.question, [Earlier(before.question)]).questions
            if found != (one.question,):
                changed.append((before.question, one.question, found))
    return changed, count


def share(held: Sequence[bool]) -> str:
    values = np.array(held, dtype=float)
    draws = np.random.default_rng(0).choice(values, (DRAWS, len(values))).mean(axis=1)
    low, high = np.quantile(draws, (0.025, 0.975))
    return f"{values.mean():.3f} ({low:.2f} to {high:.2f})"


def table(outcomes: Sequence[Outcome]) -> list[str]:
    lines = ["| right passages in the top five | n | as asked | rewritten |", "|---|---:|---:|---:|"]
    for kind in ("follow-up", "parts", "acronym"):
        for half in ("development", "held out"):
            held = [one for one in outcomes if one.case.kind == kind and one.case.is_held_out == (half == "held out")]
            if held:
                before, after = share([one.before for one in held]), share([one.after for one in held])
                lines.append(f"| {kind}, {half} | {len(held)} | {before} | {after} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, help="folder that keeps the documents and their index for the next run")
    parser.add_argument("--half", choices=("development", "held out"), help="ask the questions of one half alone")
    parser.add_argument("--show", action="store_true", help="print the development half, as it was rewritten")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        app = opened(given.home or Path(scratch))
        rewriting = app.answering.rewriting
        began = time.process_time()
        changed, count = false_rewrites(rewriting)
        cpu_ms = (time.process_time() - began) * 1000 / count
        asked = [one for one in cases() if not given.half or one.is_held_out == (given.half == "held out")]
        outcomes = [outcome(app, rewriting, one) for one in asked]
    print(*table(outcomes), sep="\n")
    print(f"\nStand-alone questions that were changed: {len(changed)} of {count}; {cpu_ms:.2f} CPU ms a question.")
    if given.show:
        print(*(f"- {before} | {asked} → {' + '.join(found)}" for before, asked, found in changed), sep="\n")
        for one in outcomes:
            if not one.case.is_held_out:
                before = " | ".join(earlier.question for earlier in one.case.earlier)
                state = f"{'found' if one.before else 'lost'} → {'found' if one.after else 'lost'}"
                print(f"- {state}: {before} | {one.case.question} → {' + '.join(one.rewritten)}")


if __name__ == "__main__":
    main()
