"""Are planted instructions noticed, and nothing else? The claim: nine of ten attacks, and at most 1 % of other texts.

    python benchmarks/guard.py [--data DIR] [--documents DIR]

Takes the e-mails of BIPIA (Yi et al., arXiv:2312.14197) and plants one of its attacks in each: at the start, in the
middle or at the end, as a line of its own. Prints how many are noticed that speak to a model, and how many that ask for
something else; then how many texts without attacks are taken for planted ones: xquad in four languages, and the files
of DIR.
"""

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ragloop.language.planted import planted_spans

DATA = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parent.parent.parent / "shared" / "data"))
TASKS = frozenset(
    ("Information Retrieval", "Content Creation", "Learning and Tutoring", "Language Translation", "Programming Help")
)
"""Kinds of attacks that ask for something else, in words that could be a reader's; the others speak to a model."""


@dataclass(frozen=True)
class Planted:
    """An e-mail with an attack."""

    text: str
    speaks: bool


def planted(data: Path) -> list[Planted]:
    """Plant every attack once."""
    folder = data / "prompt-injection" / "bipia"
    kinds = json.loads((folder / "text_attack_train.json").read_text(encoding="utf-8"))
    attacks = [(text, kind not in TASKS) for kind, texts in kinds.items() for text in texts]
    mails = [json.loads(line) for line in (folder / "email_train.jsonl").read_text(encoding="utf-8").splitlines()]
    found = []
    for number, (attack, speaks) in enumerate(attacks):
        mail = mails[number % len(mails)]
        found.append(Planted(_with(str(mail["context"]), attack, number % 3), speaks))
    return found


def _with(text: str, attack: str, place: int) -> str:
    at = (0, text.find(". ", len(text) // 2) + 1 or len(text), len(text))[place]
    return f"{text[:at]}\n\n{attack}\n\n{text[at:]}"


def texts(data: Path, folder: Path | None) -> Iterator[tuple[str, str]]:
    """Yield texts that nobody attacks with, each with what it is from."""
    for language in ("en", "de", "zh", "ar"):
        file = data / "xquad" / "dev" / f"xquad.{language}.dev.json"
        for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
            for part in article["paragraphs"]:
                yield "paragraphs of xquad", part["context"]
                yield from (("questions of xquad", qa["question"]) for qa in part["qas"])
    for path in sorted(folder.rglob("*")) if folder else ():
        if path.is_file() and path.suffix in (".txt", ".md", ".rst"):
            yield "files", path.read_text(encoding="utf-8", errors="replace")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds prompt-injection and xquad")
    parser.add_argument("--documents", type=Path, help="folder of documents without attacks")
    given = parser.parse_args()
    cases = planted(given.data)
    for name, speaks in (("speak to a model", True), ("ask for something else", False)):
        held = [one for one in cases if one.speaks is speaks]
        print(f"{sum(bool(planted_spans(one.text)) for one in held)} of {len(held)} are noticed that {name}")
    total, wrong = dict[str, int](), dict[str, int]()
    for source, text in texts(given.data, given.documents):
        total[source] = total.get(source, 0) + 1
        wrong[source] = wrong.get(source, 0) + bool(planted_spans(text))
    print("\n" + "; ".join(f"{one}: {wrong[one]} of {total[one]:,} taken for planted" for one in total))


if __name__ == "__main__":
    main()
