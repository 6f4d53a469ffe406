"""Do the quoted sentences answer? The claim: four of five extractive answers hold the answer and cite its paragraph.

    python benchmarks/extractive_answers.py [--data DIR] [--language en]

Takes xquad (SQuAD form) and indexes the paragraphs of every article but each fourth. Answers every question as
`ragloop ask` does, floor included. Prints one Markdown table: for questions whose paragraph is indexed, the share of
answers that hold the annotated answer word for word, that also cite its paragraph, and whose citations are all of that
paragraph; for questions about the other articles, the share that abstains.
"""

import argparse
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.records import Answer

DATA = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parent.parent.parent / "shared" / "data"))
LEFT_OUT = 4
"""Each so-many-th article is not indexed."""


def ask_all(articles: list[dict[str, Any]], folder: Path) -> list[tuple[str | None, str, Answer]]:
    """Per question its paragraph (None where that is not indexed), the annotated answer, and what was answered."""
    asked: list[tuple[str | None, str, str]] = []
    (folder / "documents").mkdir()
    for number, article in enumerate(articles):
        for part, paragraph in enumerate(article["paragraphs"]):
            name = f"a{number:02}p{part}" if number % LEFT_OUT else None
            if name:
                (folder / "documents" / f"{name}.txt").write_text(paragraph["context"], encoding="utf-8")
            asked += [(name, one["answers"][0]["text"], one["question"]) for one in paragraph["qas"]]
    app = App(load_settings(home=folder / "home"))
    app.corpus.sync(folder / "documents")
    answers = app.answering.answerer.ask_all([question for _, _, question in asked])
    return [(name, gold, answer) for (name, gold, _), answer in zip(asked, answers, strict=True)]


def holds(answer: Answer, gold: str) -> bool:
    plain = " ".join(re.sub(r"\s*\[\d+\]", "", answer.answer).split()).lower()
    return not answer.abstained and " ".join(gold.split()).lower() in plain


def cited(answer: Answer) -> set[str]:
    return {Path(citation.uri).stem for citation in answer.citations}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds xquad")
    parser.add_argument("--language", default="en", help="en, de, zh or ar")
    given = parser.parse_args()
    file = given.data / "xquad" / "dev" / f"xquad.{given.language}.dev.json"
    if not file.is_file():
        print(f"found no {file}: pass --data DIR, or set RAGLOOP_REALDATA")
        sys.exit(0)
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        answered = ask_all(json.loads(file.read_text(encoding="utf-8"))["data"], Path(folder))
        seconds = time.process_time() - started
    inside = [(name, gold, answer) for name, gold, answer in answered if name]
    outside = [answer for name, _, answer in answered if not name]
    rows = {
        "holds the answer": sum(holds(answer, gold) for _, gold, answer in inside) / len(inside),
        "holds it and cites the paragraph": sum(holds(a, gold) and name in cited(a) for name, gold, a in inside)
        / len(inside),
        "cites nothing but the paragraph": sum(cited(answer) == {name} for name, _, answer in inside) / len(inside),
        "abstains": sum(answer.abstained for _, _, answer in inside) / len(inside),
    }
    print("| questions | n | | share |\n|---|---:|---|---:|")
    for what, share in rows.items():
        print(f"| paragraph indexed | {len(inside)} | {what} | {share:.3f} |")
    print(
        f"| article not indexed | {len(outside)} | abstains | {sum(a.abstained for a in outside) / len(outside):.3f} |"
    )
    print(f"\n{seconds:.0f} CPU s, indexing included")


if __name__ == "__main__":
    main()
