"""Which of several versions of a page is answered from? The claim: the newest, unless the question names another.

    python benchmarks/versions.py [--data DIR] [--home DIR] [--questions N] [--show]

Indexes the documentation of KEDA 2.17, 2.18 and 2.19 side by side, and the lists of questions and the guides of Django
4.2, 5.0 and 5.1. Asks for sections of KEDA's pages by page and heading, and the questions of Django's lists: each with
no version, and with the oldest and the newest one named. Prints which version the cited passages are of, with intervals
of 95 % (Clopper and Pearson): `all` where every cited passage is of that version, `first` where the first one is, and
`read` the share of the passages that the generator got. A section is asked for only if the newest version has it.
"""

import argparse
import json
import os
import random
import re
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import binomtest

from ragloop.answering.signals.copies import version_of
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.records import Answer

DATA = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parent.parent.parent / "shared" / "data"))
RELEASES = {"KEDA": ("2.17", "2.18", "2.19"), "Django": ("4.2", "5.0", "5.1")}
DJANGO = {"4.2": "v4.2.16", "5.0": "v5.0.8", "5.1": "v5.1"}
GUIDES = ("docs/faq/", "docs/howto/")
BATCH = 10
_TITLE = re.compile(r"title\s*[:=]\s*[\"']?([^\"']+)")


@dataclass(frozen=True)
class Asked:
    """A question, and the version that is to answer it; `names` says whether the question names it."""

    product: str
    question: str
    version: str
    names: bool


def documents(data: Path, folder: Path) -> None:
    """Put the versions side by side, each in a folder named after it."""
    for version in RELEASES["KEDA"]:
        _extract(data / "keda-docs" / f"v{version}.tar.xz", folder / "keda" / version, "content/")
    for version, tree in DJANGO.items():
        _extract(data / "django-docs" / f"{tree}.tar.xz", folder / "django" / version, *GUIDES)


def _extract(archive: Path, folder: Path, *parts: str) -> None:
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            part = next((one for one in parts if one in member.name), None)
            if part is None or not member.name.endswith((".md", ".txt")):
                continue
            below = member.name.split(part, 1)[1].split("/")
            kept = [one for one in below if one not in ("docs", *RELEASES["KEDA"])]
            file = folder / Path(part.strip("/").rpartition("/")[2], *kept)
            file.parent.mkdir(parents=True, exist_ok=True)
            read = tar.extractfile(member)
            file.write_bytes(read.read() if read else b"")


def questions(data: Path, folder: Path, count: int) -> list[Asked]:
    """Return so many questions of either product, each without a version, with the oldest and with the newest."""
    pairs = map(json.loads, (data / "django-docs" / "faq_pairs.jsonl").read_text(encoding="utf-8").splitlines())
    django = sorted({one["question"] for one in pairs if one["version"] == "5.1"})
    newest = folder / "keda" / RELEASES["KEDA"][-1]
    keda = sorted({one for file in newest.rglob("*.md") for one in _sections(file)})
    drawn = random.Random(7)
    told = [("KEDA", one) for one in drawn.sample(keda, count)]
    told += [("Django", one) for one in drawn.sample(django, min(count, len(django)))]
    return [one for product, question in told for one in _asked(product, question)]


def _sections(file: Path) -> Iterator[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    title = next((found[1] for one in lines if (found := _TITLE.match(one))), "")
    headings = [one.strip("# ") for one in lines if one.startswith(("## ", "### "))]
    return (f"{one} of {title}?" for one in headings if title and "example" not in one.lower())


def _asked(product: str, question: str) -> Iterator[Asked]:
    oldest, newest = RELEASES[product][0], RELEASES[product][-1]
    yield Asked(product, question, newest, names=False)
    for version in (oldest, newest):
        yield Asked(product, f"{question.rstrip('?')} in {product} {version}?", version, names=True)


def table(asked: Sequence[Asked], answers: Sequence[Answer]) -> Iterator[str]:
    yield "| | n | abstained | all | first | read |\n|---|---:|---:|---:|---:|---:|"
    for product, versions in RELEASES.items():
        for names, version in ((False, versions[-1]), (True, versions[0]), (True, versions[-1])):
            held = [
                answer
                for one, answer in zip(asked, answers, strict=True)
                if (one.product, one.names, one.version) == (product, names, version)
            ]
            given = [_versions(one) for one in held if not one.abstained]
            wanted = tuple(map(int, version.split(".")))
            shares = [sum(all(v == wanted for v in one) for one in given), sum(one[0] == wanted for one in given)]
            read = [_version(one.uri) == wanted for answer in held for one in answer.passages]
            cells = [
                f"{product} {version}, {'named' if names else 'no version named'}",
                len(held),
                len(held) - len(given),
            ]
            cells += [*(_share(one, len(given)) for one in shares), f"{sum(read) / max(1, len(read)):.3f}"]
            yield f"| {' | '.join(map(str, cells))} |"


def _version(uri: str) -> tuple[int, ...]:
    return version_of({"uri": uri})[:2]


def _versions(answer: Answer) -> list[tuple[int, ...]]:
    return [_version(one.uri) for one in answer.citations]


def _share(count: int, of: int) -> str:
    if not of:
        return "none"
    ends = binomtest(count, of).proportion_ci()
    return f"{count / of:.3f} ({ends.low:.3f} to {ends.high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds keda-docs and django-docs")
    parser.add_argument("--home", type=Path, help="folder that keeps the documents and their index for the next run")
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--show", action="store_true", help="print what was answered from another version")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = given.home or Path(scratch)
        if not (home / "docs").is_dir():
            documents(given.data, home / "docs")
        app = App(load_settings(home=home / "home"))
        app.corpus.sync(home / "docs")
        asked = questions(given.data, home / "docs", given.questions)
        answers = list[Answer]()
        for at in range(0, len(asked), BATCH):
            answers += app.answering.answerer.ask_all([one.question for one in asked[at : at + BATCH]])
    print("\n".join(table(asked, answers)))
    for one, answer in zip(asked, answers, strict=True):
        wanted = tuple(map(int, one.version.split(".")))
        if given.show and not answer.abstained and any(found != wanted for found in _versions(answer)):
            cited = [c.uri.rsplit("/docs/", 1)[-1] for c in answer.citations]
            print(f"- {one.question}: {cited}\n    {answer.answer[:300]!r}")


if __name__ == "__main__":
    main()
