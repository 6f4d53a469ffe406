"""When may an answer be given again? The claim: more true hits than vCache at an error of 1 %, and no wrong one.

    python benchmarks/answer_cache.py pairs [--data DIR]
    python benchmarks/answer_cache.py lookups [--rows N]
    python benchmarks/answer_cache.py streams [--data DIR] [--length N]

`pairs` reads answer_cache.txt: questions, each with paraphrases and with questions that differ in a number, a name, a
negation and the like. It prints how many of either each rule takes for the same question: ragloop's, a cosine
threshold, GPTCache's and vCache's; and how many pairs of different questions of xquad ragloop takes for the same.
`lookups` measures what it costs to look for an answer in a log of N rows. `streams` asks the questions of xquad en in
streams of N of which 31 % and 55 % repeat an earlier one, half of them word for word, the others with another case,
without their question mark, or with courtesy around them. Each is answered by the extractive generator, without a
reranker, with `answers.cache` on; every fifth also with it off, in turns. It prints the share of repeats that are given
an earlier answer, how many of these are wrong (of another question), and medians of a question: latency / CPU time.

vCache's rule (Schroeder et al., arXiv:2502.03771) is written after vcache/vcache_policy/strategies/verified.py of
vcache-project/vCache, which is in no package index; each of its entries learns from every question that it is the
nearest one of and not answered by, and is told the truth. GPTCache's is that of its release 0.1.44: the squared
Euclidean distance of unit vectors is at most 4 - .8 x 4 (gptcache/config.py, similarity_evaluation/distance.py).
"""

import argparse
import json
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
from scipy.special import expit
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from ragloop.answering.answer import Answerer
from ragloop.answering.reuse.sense import sense_of
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.models import Vectors
from ragloop.records import Answer
from ragloop.store import TABLES

DATA = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parent.parent.parent / "shared" / "data"))
PAIRS = Path(__file__).with_suffix(".txt")
COSINES = (0.8, 0.9, 0.95, 0.97, 0.98, 0.99)
GPTCACHE_COSINE = 1 - (4 - 0.8 * 4) / 2
ROUNDS = 5


@dataclass(frozen=True)
class Group:
    """A question with its paraphrases, and others that differ from it, each with the kind of difference."""

    question: str
    same: tuple[str, ...]
    other: tuple[tuple[str, str], ...]


def groups() -> list[Group]:
    """Read the pairs."""
    found: list[Group] = []
    for line in PAIRS.read_text(encoding="utf-8").splitlines():
        mark, text = line[0], line[2:]
        if mark == "?":
            found.append(Group(text, (), ()))
        elif mark == "=":
            found[-1] = Group(found[-1].question, (*found[-1].same, text), found[-1].other)
        else:
            kind, _, question = text.partition(": ")
            found[-1] = Group(found[-1].question, found[-1].same, (*found[-1].other, (kind, question)))
    return found


@dataclass
class Entry:
    """A question that vCache holds: its vector, what it asks, and what was learnt of it."""

    vector: Vectors
    asks: str
    observations: list[tuple[float, int]] = field(default_factory=lambda: [(0.0, 0), (1.0, 1)])


VARIANCES = dict(
    enumerate(
        (
            0.035445, 0.028285, 0.026436, 0.021349, 0.019371, 0.012615, 0.011433, 0.010228, 0.009963, 0.009253,
            0.011674, 0.013015, 0.010897, 0.011841, 0.013081, 0.010585, 0.014255, 0.012058, 0.013002, 0.011715,
            0.00839, 0.008839, 0.010628, 0.009899, 0.008033, 0.00457, 0.007335, 0.008932, 0.00729, 0.007445,
            0.00761, 0.011423, 0.011233, 0.006783, 0.005233, 0.00872, 0.010005, 0.01199, 0.00977, 0.01891,
            0.01513, 0.02109, 0.01531,
        ),
        6,
    )
)  # fmt: skip
"""Of the threshold, by the number of observations that a threshold parts; as vCache has them."""


class VCache:
    """vCache's verified decisions: for each entry a logistic curve over similarity, and exploration where unsure."""

    def __init__(self, delta: float, seed: int) -> None:
        self._delta, self._draw = delta, random.Random(seed)
        self._grid = np.linspace(1e-6, 1 - 1e-6, 50)
        self.entries: list[Entry] = []

    def ask(self, vector: Vectors, asks: str) -> str | None:
        """Return what the entry asks whose answer is given; None where the question is answered anew."""
        if not self.entries:
            self.entries.append(Entry(vector, asks))
            return None
        cosines = np.stack([one.vector for one in self.entries]) @ vector
        at = int(cosines.argmax())
        nearest, cosine = self.entries[at], round(float(cosines[at]), 3)
        if self._draw.random() > self._explores(nearest, cosine):
            return nearest.asks
        nearest.observations.append((cosine, int(nearest.asks == asks)))
        if nearest.asks != asks:
            self.entries.append(Entry(vector, asks))
        return None

    def _explores(self, entry: Entry, cosine: float) -> float:
        """Return the probability with which the question is answered anew."""
        if len(entry.observations) < 6:
            return 1.0
        seen = np.array(entry.observations)
        x, labels = np.column_stack([np.ones(len(seen)), seen[:, 0]]), seen[:, 1]
        fitted = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000, fit_intercept=False).fit(x, labels)
        intercept, gamma = fitted.coef_[0]
        gamma = max(gamma, 1e-6)
        middle = float(np.clip(-intercept / gamma, 0, 1))
        variance = self._variance(x, labels, fitted, intercept, gamma)
        tops = np.clip(middle + norm.ppf(1 - self._grid) * np.sqrt(variance), 0, 1)
        bounds = (1 - self._grid) * expit(gamma * (cosine - tops))
        return float(np.min(1 - self._delta / (1 - bounds)))

    def _variance(self, x: Any, labels: Any, fitted: Any, intercept: float, gamma: float) -> float:
        if np.min(x[labels == 1, 1]) > np.max(x[labels == 0, 1]):
            return VARIANCES.get(len(x), VARIANCES[max(VARIANCES)])
        p = fitted.predict_proba(x)[:, 1]
        curvature = x.T @ ((p * (1 - p))[:, None] * x)
        slope = np.array([-1 / gamma, intercept / gamma**2])
        return max(0.0, float(slope @ np.linalg.pinv(curvature) @ slope))


def pairs(data: Path) -> None:
    found = groups()
    same = [(one.question, text) for one in found for text in one.same]
    other = [(one.question, text, kind) for one in found for kind, text in one.other]
    texts = list(dict.fromkeys([*(text for pair in same for text in pair), *(one[1] for one in other)]))
    vectors = dict(zip(texts, _embedded(texts), strict=True))

    def cosine(one: str, two: str) -> float:
        return float(vectors[one] @ vectors[two])

    print(f"{len(found)} questions, {len(same)} paraphrases, {len(other)} others\n")
    print("| rule | true hits | wrong hits |\n|---|---:|---:|")
    true = [sense_of(one) == sense_of(two) for one, two in same]
    wrong = [kind for one, two, kind in other if sense_of(one) == sense_of(two)]
    _print_rule("ragloop", sum(true), len(wrong), len(same), len(other))
    for least in (*COSINES, GPTCACHE_COSINE):
        name = f"cosine >= {least:g}" if least != GPTCACHE_COSINE else f"GPTCache, as it is set (cosine >= {least:g})"
        hits = sum(cosine(one, two) >= least for one, two in same)
        _print_rule(name, hits, sum(cosine(one, two) >= least for one, two, _ in other), len(same), len(other))
    highest = max(cosine(one, two) for one, two, _ in other)
    hits = sum(cosine(one, two) > highest for one, two in same)
    _print_rule(f"cosine > {highest:.4f}, the most of any other", hits, 0, len(same), len(other))
    for number, (hits, misses) in enumerate(_by_vcache(found, vectors), 1):
        if number in (1, ROUNDS):
            _print_rule(f"vCache, error 1 %, round {number}", hits, misses, len(same), len(other))
    if wrong:
        print(f"\nwrong: {Counter(wrong)}")
    lowest = min(cosine(one, two) for (one, two), hit in zip(same, true, strict=True) if hit)
    print(f"\nlowest cosine of a true hit {lowest:.2f}; highest of another question {highest:.4f}")
    asked = [one for one, _, _ in xquad(data)]
    senses = Counter(map(sense_of, dict.fromkeys(asked)))
    alike = sum(1 for count in senses.values() for _ in combinations(range(count), 2))
    print(f"xquad, {len(set(asked)):,} different questions: {alike} pairs of one sense")


def _print_rule(name: str, true: int, wrong: int, same: int, other: int) -> None:
    print(f"| {name} | {true} ({true / same:.3f}) | {wrong} ({wrong / other:.3f}) |")


def _by_vcache(found: Sequence[Group], vectors: dict[str, Vectors]) -> Iterator[tuple[int, int]]:
    """Ask every question of every group once a round, in an order of its own; yield true and wrong hits of each.

    Only hits of paraphrases and of others count, as for the other rules.
    """
    cache, draw = VCache(0.01, 0), random.Random(0)
    asked = [(one.question, one.question, False) for one in found]
    for one in found:
        asked += [(text, one.question, True) for text in one.same] + [(text, text, True) for _, text in one.other]
    for _ in range(ROUNDS):
        draw.shuffle(asked)
        given = [(cache.ask(vectors[text], asks), asks, counts) for text, asks, counts in asked]
        yield (
            sum(got == asks and counts for got, asks, counts in given),
            sum(got is not None and got != asks and counts for got, asks, counts in given),
        )


def _embedded(texts: Sequence[str]) -> Vectors:
    with tempfile.TemporaryDirectory() as folder:
        return App(load_settings(home=Path(folder) / "home")).embedder.embed(texts)


def xquad(data: Path) -> list[tuple[str, str, str]]:
    """Read each question with its paragraph's name and text."""
    file = data / "xquad" / "dev" / "xquad.en.dev.json"
    articles = json.loads(file.read_text(encoding="utf-8"))["data"]
    return [
        (one["question"], f"a{number:02}p{part}", paragraph["context"])
        for number, article in enumerate(articles)
        for part, paragraph in enumerate(article["paragraphs"])
        for one in paragraph["qas"]
    ]


def lookups(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = App(load_settings(home=Path(folder) / "home"))
        app.parts.made_store()
        start = datetime(2026, 1, 1, tzinfo=UTC)
        passage = {"chunk_id": "0" * 16, "document_id": "0" * 16, "revision": "0" * 64, "text_hash": "0" * 64}
        rows = [
            {
                "interaction_id": uuid4().hex,
                "asked_at": start + timedelta(seconds=number),
                "question": f"What is number {number}?",
                "answer": "It is a number. [1]" * 10,
                "passages": [passage] * 4,
                "citations": [],
                "reuse_key": f"{number:064}",
            }
            for number in range(count)
        ]
        app.store.insert("interactions", pa.Table.from_pylist(rows, schema=TABLES["interactions"]))
        took = []
        for number in range(0, count, max(1, count // 30)):
            began = time.perf_counter()
            assert app.journal.answered.under([f"{number:064}"])
            took.append((time.perf_counter() - began) * 1000)
        print(f"{count:,} rows: {median(took):.1f} ms to find an answer (median of {len(took)})")


@dataclass(frozen=True)
class Sent:
    """A question of a stream as it is sent, and the one of xquad that it is; `repeats` says how it repeats it."""

    text: str
    asks: str
    repeats: str = ""


REWORDED = ("{lower}", "{bare}", "Please tell me: {text}", "Hi, {text} Thanks!", "Could you tell me {lower}")


def stream(questions: Sequence[str], length: int, repeats: float, draw: random.Random) -> list[Sent]:
    """Return a stream in which each question is new or, with the chance `repeats`, one that was sent before."""
    fresh, sent = iter(draw.sample(list(questions), len(questions))), list[Sent]()
    for _ in range(length):
        if sent and draw.random() < repeats:
            asks = draw.choice(sent).asks
            worded = draw.random() < 0.5
            text = _reworded(asks, draw.choice(REWORDED)) if worded else asks
            sent.append(Sent(text, asks, "reworded" if worded else "exact"))
        elif asks := next(fresh, ""):
            sent.append(Sent(asks, asks))
        else:
            break
    return sent


def _reworded(text: str, form: str) -> str:
    lower = text[:1].lower() + text[1:]
    return form.format(text=text, lower=lower, bare=text.rstrip("?").lower())


def streams(data: Path, length: int) -> None:
    paragraphs = {name: text for _, name, text in xquad(data)}
    # Two of xquad's questions are there twice, with a space at the end.
    asked = list(dict.fromkeys(" ".join(question.split()) for question, _, _ in xquad(data)))
    print("| repeats | sent | that repeat | hits: exact | reworded | wrong | on (ms) | of them hits | off |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as place:
        folder, home = Path(place) / "documents", Path(place) / "home"
        folder.mkdir()
        for name, text in paragraphs.items():
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
        App(load_settings(home=home)).corpus.sync(folder)
        for repeats in (0.31, 0.55):
            own = Path(shutil.copytree(home, f"{home}-{repeats}"))
            sent = stream(asked, length, repeats, random.Random(0))
            print(f"| {repeats:.0%} | {_row(sent, own)} |", flush=True)


def _cached(home: Path, cache: str) -> App:
    settings = load_settings(home=home)
    answers = settings.answers.model_copy(update={"cache": cache})
    retrieval = settings.retrieval.model_copy(update={"reranker": "none"})
    return App(settings.model_copy(update={"answers": answers, "retrieval": retrieval}))


def _row(sent: Sequence[Sent], home: Path) -> str:
    """Ask a stream; return what became of it as cells of a table."""
    on, off = _cached(home, "on").answering.answerer, _cached(home, "off").answering.answerer
    wrote, given, took = dict[str, str](), list[str](), dict[str, list[tuple[float, float]]]()
    on.try_all([sent[0].text])
    off.try_all([sent[0].text])
    for number, one in enumerate(sent):
        answer, spent = _asked(on, one.text)
        wrote[answer.interaction_id] = one.asks
        given.append(wrote[answer.reused_from] if answer.reused_from else "")
        for side in ("on", *(["hit"] if answer.reused_from else [])):
            took.setdefault(side, []).append(spent)
        if number % 5 == 0:
            took.setdefault("off", []).append(_asked(off, one.text)[1])
    asked = list(zip(sent, given, strict=True))
    hits = [
        f"{sum(got == one.asks for one, got in asked if one.repeats == kind)} of "
        f"{sum(one.repeats == kind for one in sent)}"
        for kind in ("exact", "reworded")
    ]
    wrong = sum(bool(got) and got != one.asks for one, got in asked)
    repeated = sum(bool(one.repeats) for one in sent)
    return " | ".join(
        [str(len(sent)), str(repeated), *hits, str(wrong), *map(_medians, (took["on"], took.get("hit"), took["off"]))]
    )


def _asked(answerer: Answerer, question: str) -> tuple[Answer, tuple[float, float]]:
    """Ask a question; return the answer with its latency and its CPU time (ms)."""
    began = time.perf_counter(), time.process_time()
    answer = answerer.ask(question)
    return answer, (1000 * (time.perf_counter() - began[0]), 1000 * (time.process_time() - began[1]))


def _medians(spent: Sequence[tuple[float, float]] | None) -> str:
    return " / ".join(f"{median(times):.0f}" for times in zip(*spent, strict=True)) if spent else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", nargs="?", default="pairs", choices=("pairs", "lookups", "streams"))
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds xquad")
    parser.add_argument("--rows", type=int, default=100_000, help="answers in the log")
    parser.add_argument("--length", type=int, default=1_000, help="questions of a stream")
    given = parser.parse_args()
    if given.what == "pairs":
        pairs(given.data)
    elif given.what == "streams":
        streams(given.data, given.length)
    else:
        lookups(given.rows)


if __name__ == "__main__":
    main()
