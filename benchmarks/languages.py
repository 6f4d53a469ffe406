"""Are questions in other languages answered? The claim: with multilingual-e5-small as they are in English.

    python benchmarks/languages.py [--data DIR] [--embedder NAME] [--languages en de zh ar] [--asked N]

Takes the paragraphs of xquad in each language, indexes those of every second article as text files, and asks questions
of all articles in the language that they are in, with the settings that hold by default. Prints one Markdown row per
language: of questions whose paragraph is indexed, how many find it among the first five passages, how many answers hold
the expected words and cite it, how many abstain; of the others, how many are answered though nothing says it. Shares
with intervals of 95 % (Wilson).
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import binomtest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.models.embedding.runtimes import DEFAULT_EMBEDDER

DATA = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parent.parent.parent / "shared" / "data"))
TOP = 5
ROWS = ("right passage in the top five", "right and cited", "abstained", "not indexed, answered")


@dataclass(frozen=True)
class Asked:
    """A question, the words of its answer, and the file of its paragraph; None where that is not indexed."""

    question: str
    answers: tuple[str, ...]
    file: str | None


def split(data: Path, language: str) -> tuple[dict[str, str], list[Asked]]:
    """Return the paragraphs of every second article by file name, and the questions of all."""
    documents: dict[str, str] = {}
    questions: list[Asked] = []
    text = (data / "xquad" / "dev" / f"xquad.{language}.dev.json").read_text(encoding="utf-8")
    for number, article in enumerate(json.loads(text)["data"]):
        for at, paragraph in enumerate(article["paragraphs"]):
            file = f"article{number:02}/{at:02}.txt" if number % 2 == 0 else None
            if file:
                documents[file] = paragraph["context"]
            questions += [
                Asked(one["question"], tuple(answer["text"] for answer in one["answers"]), file)
                for one in paragraph["qas"]
            ]
    return documents, questions


def evenly(questions: Sequence[Asked], count: int) -> list[Asked]:
    """Take so many questions, from all of the list."""
    return [questions[at * len(questions) // count] for at in range(min(count, len(questions)))]


def outcomes(app: App, asked: Sequence[Asked]) -> dict[str, list[bool]]:
    """Search and ask; see ROWS."""
    found: dict[str, list[bool]] = {row: [] for row in ROWS}
    for one in asked:
        answer = app.answering.answerer.ask(one.question)
        if one.file is None:
            found["not indexed, answered"].append(not answer.abstained)
            continue
        passages = app.answering.search(one.question, TOP).passages
        cited = any(citation.uri.endswith(one.file) for citation in answer.citations)
        says = any(words.casefold() in answer.answer.casefold() for words in one.answers)
        found["right passage in the top five"].append(any(passage.uri.endswith(one.file) for passage in passages))
        found["right and cited"].append(not answer.abstained and cited and says)
        found["abstained"].append(answer.abstained)
    return found


def shown(held: Sequence[bool]) -> str:
    low, high = binomtest(sum(held), len(held)).proportion_ci(method="wilson")
    return f"{sum(held) / len(held):.3f} ({low:.2f} to {high:.2f}, n {len(held)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds xquad")
    parser.add_argument("--embedder", default=DEFAULT_EMBEDDER, help="index.embedder, such as multilingual-e5-small")
    parser.add_argument("--languages", nargs="+", default=["en", "de", "zh", "ar"])
    parser.add_argument("--asked", type=int, default=200, help="questions of each language, half of them not indexed")
    given = parser.parse_args()
    if not (given.data / "xquad").is_dir():
        print(f"found no folder xquad in {given.data}: pass --data DIR, or set RAGLOOP_REALDATA")
        return
    print(f"| {given.embedder} | " + " | ".join(ROWS) + " | CPU s a question |")
    print("|---|" + "---|" * len(ROWS) + "---:|")
    for language in given.languages:
        documents, questions = split(given.data, language)
        inside, outside = ([one for one in questions if (one.file is None) == gone] for gone in (False, True))
        asked = [*evenly(inside, given.asked // 2), *evenly(outside, given.asked // 2)]
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            for name, text in documents.items():
                (home / "documents" / name).parent.mkdir(parents=True, exist_ok=True)
                (home / "documents" / name).write_text(text, encoding="utf-8")
            (home / "ragloop.toml").write_text(f'[index]\nembedder = "{given.embedder}"\n', encoding="utf-8")
            app = App(load_settings(home / "ragloop.toml", home / "home"))
            app.corpus.sync(home / "documents")
            began = time.process_time()
            found = outcomes(app, asked)
            spent = (time.process_time() - began) / len(asked)
        print(f"| {language} | " + " | ".join(shown(found[row]) for row in ROWS) + f" | {spent:.2f} |", flush=True)


if __name__ == "__main__":
    main()
