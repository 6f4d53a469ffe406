"""How often is a document said to be in another language than it is? The claim: of English ones below one in 200.

    python benchmarks/document_languages.py [--data DIR]

English: the documentation of Django 5.1 and KEDA 2.19, the pages of endoflife.date, the abstracts of Cranfield, the
README of each installed package, and the paragraphs of XQuAD. Others: XQuAD in German, Chinese and Arabic. Neither: the
Python files of the installed packages read as text, and strings that break programs. Mixed: paragraphs of XQuAD in two
languages, a share of each. Prints how many are told as what, and the CPU time of a document, parsing not counted.
"""

import argparse
import json
import os
import random
import sysconfig
import tarfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.prose import SAMPLE, prose_sample
from ragloop.models.language_identification import language_of

DATA = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parent.parent.parent / "shared" / "data"))
ARCHIVES = {"Django": "django-docs/v5.1", "KEDA": "keda-docs/v2.19", "endoflife.date": "endoflife-date/r3_2026-01-05"}
PACKAGES = Path(sysconfig.get_paths()["purelib"])
SHARES = (0.9, 0.8, 0.5, 0.2, 0.1)
MIXED = 60
MOST_SCRIPTS = 400


def sampled(data: bytes, name: str) -> str:
    """Return the sample that a sync takes of a document."""
    return prose_sample(parse(data, media_type(name) or "text/plain", name))


def archived(archive: Path) -> Iterator[str]:
    """Yield samples of the documents in an archive."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.name.endswith((".md", ".txt")):
                file = tar.extractfile(member)
                yield sampled(file.read() if file else b"", Path(member.name).name)


def readmes() -> Iterator[str]:
    """Yield samples of the READMEs that installed packages carry."""
    for metadata in sorted(PACKAGES.glob("*.dist-info/METADATA")):
        head, _, body = metadata.read_text(encoding="utf-8", errors="replace").partition("\n\n")
        if len(body) > 50:
            yield sampled(body.encode(), "README.md" if "text/markdown" in head else "README.rst")


def scripts() -> Iterator[str]:
    """Yield the begin of Python files, as if they were prose."""
    files = sorted(PACKAGES.rglob("*.py"))
    for file in random.Random(1).sample(files, min(MOST_SCRIPTS, len(files))):
        yield file.read_text(encoding="utf-8", errors="replace")[:SAMPLE]


def paragraphs(data: Path, code: str) -> list[str]:
    """Return the paragraphs of XQuAD in a language."""
    articles = json.loads((data / "xquad" / "dev" / f"xquad.{code}.dev.json").read_text(encoding="utf-8"))["data"]
    return [one["context"] for article in articles for one in article["paragraphs"]]


def mixed(first: Sequence[str], second: Sequence[str], share: float) -> Iterator[str]:
    """Yield texts of which so much is of the first language and what follows of the second."""
    drawn = random.Random(3)
    for _ in range(MIXED):
        one, other = (" ".join(drawn.sample(list(texts), 4)) for texts in (first, second))
        yield one[: int(SAMPLE * share)] + "\n" + other[: int(SAMPLE * (1 - share))]


def report(name: str, texts: Sequence[str]) -> None:
    """Print what the texts are told as."""
    language_of("a text that loads the model " * 10)
    began = time.process_time()
    told = Counter(found.language if (found := language_of(text)) else "none" for text in texts)
    each_ms = (time.process_time() - began) / max(1, len(texts)) * 1e3
    counts = ", ".join(f"{code} {count:,}" for code, count in told.most_common())
    print(f"{name:28} n {len(texts):5,}   {each_ms:.2f} ms   {counts}", flush=True)


def sets(data: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the names of the sets and their texts."""
    for name, archive in ARCHIVES.items():
        yield name, list(archived(data / f"{archive}.tar.xz"))
    corpus = (data / "cranfield" / "beir" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    yield "Cranfield", [json.loads(line)["text"] for line in corpus]
    yield "READMEs", list(readmes())
    of: Mapping[str, list[str]] = {code: paragraphs(data, code) for code in ("en", "de", "zh", "ar")}
    yield from ((f"XQuAD {code}", texts) for code, texts in of.items())
    yield "Python as text", list(scripts())
    yield "strings", json.loads((data / "naughty-strings" / "blns.json").read_text(encoding="utf-8"))
    for code in ("de", "zh", "ar"):
        yield from ((f"en {share:.0%}, then {code}", list(mixed(of["en"], of[code], share))) for share in SHARES)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=DATA)
    for name, texts in sets(options.parse_args().data):
        report(name, texts)


if __name__ == "__main__":
    main()
