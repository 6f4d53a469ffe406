"""How many false sentences a passage is taken to support, and how many true ones it is not.

    python -m benchmarks.false_sentences [FOLDER OF DATA SETS]

True sentences are those of real passages: as they stand, and reworded by rule (a phrase moved to the front or the end,
dates and numbers written another way, an aside left out). False ones are made of them: a number in the place of which
another number of the passage stands, another unit, another name of the passage, a negation put in or taken out, a date
or version that is one off. For short answers, XQuAD's own answer to its question stands against each answer to another
question on the same paragraph, which the paragraph holds word for word.
"""

import json
import random
import re
import sys
import tarfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ragloop.answering.prompts import cited_sentences
from ragloop.answering.support.says import answers, says
from ragloop.answering.support.terms import content_words
from ragloop.corpus.chunking.chunker import chunk
from ragloop.corpus.parsing import media_type, parse
from ragloop.records import Passage

OLD_SHARE = 0.6
_NUMBER = re.compile(r"(?<![\w.])\d[\d.,]*\d(?![\w])|(?<![\w.])\d(?![\w.])")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w-]+(?: [A-Z][\w-]+)*")
_UNITS = {"seconds": "minutes", "minutes": "hours", "hours": "days", "days": "weeks", "weeks": "months",
          "months": "years", "years": "months", "metres": "kilometres", "miles": "feet", "percent": "degrees",
          "kilometers": "miles", "million": "billion", "billion": "million"}  # fmt: skip
_FIELDS = re.compile(r"^\s*(?:- )?\w+:(?: |$)", re.MULTILINE)
_VERB = re.compile(r"\b(is|are|was|were|can|will|does|do|has|have|should|may)\b")
_PHRASE = re.compile(r"^((?:In|After|Since|For|At|On|By|During|As of|Until) [^,.]{3,40}), (\w)(.+?)([.!])$")
_ASIDE = re.compile(r" \([^()]{2,60}\)|, (?:which|who) [^,]{3,60}(?=,)")

Case = tuple[str, str, Sequence[Passage]]
"""Kind, sentence, passages."""


def passage(text: str, title: str, heading: str) -> Passage:
    """A passage of a document that no index holds."""
    return Passage(1, 1.0, 0.9, "s", "file:///x", title, heading, 0, len(text), text, "h", "c", "d", "r")


def corpora(data: Path) -> Iterator[tuple[str, Sequence[Passage]]]:
    """Documents as their passages: XQuAD's articles, Django's FAQ, pages of endoflife.date."""
    for article in json.loads((data / "xquad/dev/xquad.en.dev.json").read_text())["data"]:
        yield "xquad", [passage(one["context"], article["title"], article["title"]) for one in article["paragraphs"]]
    for name, archive, wanted in (
        ("django", "django-docs/v5.0.8.tar.xz", "docs/faq/"),
        ("endoflife", "endoflife-date/r2_2025-07-07.tar.xz", "products/"),
    ):
        with tarfile.open(data / archive) as tar:
            files = [one for one in tar.getmembers() if one.isfile() and wanted in one.name]
            for file in sorted(files, key=lambda one: one.name)[::3] if name == "endoflife" else files:
                yield name, _chunks(tar.extractfile(file).read(), file.name)  # type: ignore[union-attr]


def _chunks(data: bytes, name: str) -> list[Passage]:
    kind = "text/x-rst" if name.endswith(".txt") else media_type(name)
    document = parse(data, kind or "text/plain", name)
    count: Callable[[Sequence[str]], list[int]] = lambda texts: [len(text) // 4 for text in texts]  # noqa: E731
    return [passage(one.text, document.title, one.heading) for one in chunk(document, count)]


def cases(passages: Sequence[Passage], dice: random.Random) -> Iterator[Case]:
    """True and false sentences on the passages of a document, five shown as a question would show them."""
    for n, one in enumerate(passages):
        shown = [one, *[other for m, other in enumerate(passages) if m != n][:4]]
        if _FIELDS.search(one.text):
            continue  # its lines are no sentences
        for sentence in cited_sentences(" ".join(one.text.split())):
            if 6 <= len(sentence.split()) <= 40 and "|" not in sentence and _VERB.search(sentence):
                yield "true: as it stands", sentence, shown
                made = [*_reworded(sentence), *_falsified(sentence, one.text, dice)]
                yield from ((kind, text, shown) for kind, text in made if text != sentence)


def _reworded(sentence: str) -> Iterator[tuple[str, str]]:
    if found := _PHRASE.match(sentence):
        front = found[1][0].lower() + found[1][1:]
        yield "true: phrase moved", f"{found[2].upper()}{found[3]} {front}{found[4]}"
    if _ASIDE.search(sentence):
        yield "true: aside left out", _ASIDE.sub("", sentence)
    spelled = re.sub(r"\b\d{1,3}(?:,\d{3})+\b", lambda d: d[0].replace(",", ""), sentence)
    spelled = re.sub(r"\b(\d{4})-(\d{2})-(\d{2})\b", lambda d: f"{int(d[3])} {_month(int(d[2]))} {d[1]}", spelled)
    spelled = re.sub(r"(?<=\d)%", " percent", spelled).replace(" per cent", " percent")
    if spelled != sentence:
        yield "true: numbers respelled", spelled


def _month(number: int) -> str:
    names = "January February March April May June July August September October November December"
    return names.split()[min(max(number, 1), 12) - 1]


def _falsified(sentence: str, text: str, dice: random.Random) -> Iterator[tuple[str, str]]:
    numbers = _NUMBER.findall(sentence)
    others = sorted({one for one in _NUMBER.findall(text) if one not in sentence})
    if numbers and others:
        yield "false: number of elsewhere", _put(sentence, dice.choice(numbers), dice.choice(others))
    if numbers:
        number = dice.choice(numbers)
        yield "false: date or version", _put(sentence, number, number[:-1] + str((int(number[-1]) + 1) % 10))
    for unit, other in _UNITS.items():
        if re.search(rf"\d {unit}\b", sentence):
            yield "false: unit", sentence.replace(unit, other, 1)
            break
    names = [one for one in _NAME.findall(sentence) if len(one) > 3]
    strangers = sorted({one for one in _NAME.findall(text) if one not in sentence and len(one) > 3})
    if names and strangers:
        yield "false: name of elsewhere", _put(sentence, dice.choice(names), dice.choice(strangers))
    verb = _VERB.search(sentence)
    if re.search(r"\b(?:not|never|no|cannot)\b|n't\b", sentence):
        plain = re.sub(r"\b(do|does|did) not ", "", re.sub(r"n't\b", " not", sentence))
        yield "false: negation out", re.sub(r" (?:not|never)\b|\bno |(?<=can)not\b", "", plain)
    elif verb:
        yield "false: negation in", sentence[: verb.end()] + " not" + sentence[verb.end() :]


def _put(sentence: str, one: str, other: str) -> str:
    return re.sub(rf"(?<![\w.]){re.escape(one)}(?!\w)", lambda _: other, sentence, count=1)


def short_answers(data: Path) -> Iterator[tuple[str, str, str, Sequence[Passage]]]:
    """Kind, question, answer and the paragraph, for XQuAD's questions."""
    for article in json.loads((data / "xquad/dev/xquad.en.dev.json").read_text())["data"]:
        for paragraph in article["paragraphs"]:
            shown = [passage(paragraph["context"], article["title"], article["title"])]
            given = [(one["question"], one["answers"][0]["text"]) for one in paragraph["qas"]]
            for question, answer in given:
                yield "true: short answer", question, answer, shown
                for other in {other for _, other in given if other not in answer and answer not in other}:
                    told = "with a number" if re.search(r"\d", other) else "without"
                    yield f"false: answer to another question, {told}", question, other, shown


def supported_by_share(sentence: str, passages: Sequence[Passage]) -> bool:
    """The rule that the words of the whole passage alone decide, for comparison."""
    words = content_words(sentence)
    held = [content_words(f"{one.title} {one.heading} {one.text}") for one in passages]
    return any(len(words & one) >= OLD_SHARE * max(1, len(words)) for one in held)


def measure(data: Path, seed: int = 0) -> Mapping[str, Mapping[str, tuple[int, int, int]]]:
    """Per corpus and kind: cases, taken as supported, and taken so by the share of words alone."""
    dice = random.Random(seed)
    counts: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for name, passages in corpora(data):
        for kind, sentence, shown in cases(passages, dice):
            counts[name][kind, "cases"] += 1
            counts[name][kind, "now"] += bool(says(sentence, shown))
            counts[name][kind, "share"] += supported_by_share(sentence, shown)
    for kind, question, answer, shown in short_answers(data):
        counts["xquad"][kind, "cases"] += 1
        counts["xquad"][kind, "now"] += bool(answers(question, answer, shown))
        counts["xquad"][kind, "share"] += 1  # each stands in the passage word for word
    return {
        name: {kind: (found[kind, "cases"], found[kind, "now"], found[kind, "share"]) for kind, _ in sorted(found)}
        for name, found in counts.items()
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")
    print("| corpus | kind | cases | supported | by share of words |\n|---|---|--:|--:|--:|")
    for corpus, kinds in measure(folder).items():
        for kind, (count, now, share) in kinds.items():
            print(f"| {corpus} | {kind} | {count} | {now / count:.1%} | {share / count:.1%} |")
