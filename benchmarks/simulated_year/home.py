"""The home of ragloop in the simulated year: the product itself, by a clock that the weeks set."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from ragloop.answering.evidence import answer_of
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.erasure.asked import Asked
from ragloop.errors import UsageError
from ragloop.models import Embedder, KnowsWords, Vectors
from ragloop.records import Answer, CacheUse, LaneName
from simulated_year.counting import Tokens
from simulated_year.judging import Given
from simulated_year.written import reasons

SETTINGS = """
[retrieval]
reranker = "none"
[answers]
cache = "on"
[sync]
guard_share = 1.0
[drift]
window = 250
[cadence]
every_days = {days}
min_new_examples = {examples}
[dataset]
max_answer_words = 60
golden = "golden.jsonl"
[model]
base = "{base}"
max_new_tokens = 96
threads = {threads}
[training]
epochs = {epochs}
"""
_REASONED = ["interaction_id", "asked_at", "question", "rewritten", "abstained", "reuse_key", "reused_from"]
BATCH = 20
"""Questions that are asked at once: none of them is given an answer of another one of the same batch."""


class Clock:
    """A clock that the weeks set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@dataclass(frozen=True)
class Model:
    """What trains: the base model's name and its folder, passes over the rows ("auto" in quotes), threads."""

    base: str
    folder: str
    epochs: str
    threads: int


@dataclass(frozen=True)
class Cadence:
    """A retraining is due every so many days, if there are so many new examples."""

    days: int
    examples: int


class Remembering:
    """Embeds each text once for as long as the process lives: the rows of a few pages are read again and again."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder, self._known = embedder, dict[str, Vectors]()
        self.fingerprint, self.dimension = embedder.fingerprint, embedder.dimension
        self.max_tokens = embedder.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text."""
        return self._embedder.count_tokens(texts)

    def known_shares(self, texts: Sequence[str]) -> list[float]:
        """Return of each text the share of its letters that the embedder knows."""
        return self._embedder.known_shares(texts) if isinstance(self._embedder, KnowsWords) else [1.0] * len(texts)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector per text."""
        if new := [one for one in dict.fromkeys(texts) if one not in self._known]:
            self._known |= dict(zip(new, self._embedder.embed(new), strict=True))
        found = [self._known[one] for one in texts]
        return np.stack(found) if found else self._embedder.embed([])


class Home:
    """One home, and the folder of documents that it follows."""

    def __init__(self, place: Path, clock: Clock, tokens: Tokens, model: Model, cadence: Cadence) -> None:
        self._documents, self._clock, self.tokens = place / "documents", clock, tokens
        self._documents.mkdir(exist_ok=True)
        settings = place / "ragloop.toml"
        settings.write_text(_settings(model, cadence))
        read = load_settings(settings, place / "home")
        self.app = App(read, embedder=Remembering(App(read).embedder), now=clock)

    def sync(self, pages: Mapping[str, str]) -> dict[str, Any]:
        """Write the pages of a week as its folder, dated by the clock, and sync; return what the sync did."""
        for file in self._documents.iterdir():
            if file.name not in pages:
                file.unlink()
        for name, text in pages.items():
            file = self._documents / name
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                file.write_text(text, encoding="utf-8")
                os.utime(file, (self._clock.at.timestamp(),) * 2)
        report = self.app.corpus.sync(self._documents, confirm_deletes=True)
        if not report.complete:
            raise RuntimeError(f"the sync left something out: {report}")
        counts = {"changed": report.updated, "added": report.added, "deleted": report.deleted}
        return {**counts, "embedded": report.chunks_embedded}

    def ask(self, texts: Sequence[str]) -> list[Answer]:
        """Ask a batch of questions, which logs the answers."""
        return self.app.answering.answerer.ask_all(texts)

    def by_rag_only(self, texts: Sequence[str]) -> list[Answer]:
        """Answer in base+rag, none by an earlier answer, without a trace in the log."""
        found = list[Answer]()
        for at in range(0, len(texts), BATCH):
            found += map(answer_of, self.app.answering.answerer.try_all(texts[at : at + BATCH]))
        return found

    def given(self, answer: Answer) -> Given:
        """Return an answer with its tokens, by the rule of the year."""
        prompt, completion = self.tokens.of(answer)
        lane = "given again" if answer.reused_from else str(answer.lane)
        return Given(answer.answer, answer.abstained, lane, prompt, completion, sum(answer.latency_ms.values()))

    def why_written(self, interaction_ids: Sequence[str]) -> dict[str, int]:
        """Count why those answers were written that were not given again."""
        log, feedback = self.app.journal.interactions(columns=_REASONED), self.app.journal.feedback()
        return dict(reasons(log.to_pylist(), feedback.to_pylist(), set(interaction_ids)))

    def drift(self) -> dict[str, Any]:
        """Measure drift; return the names of the signals that rang, and whether training is due."""
        measured = self.app.learning.measure_drift()
        rang = [one.name for one in measured.report.drifted]
        return {"rang": rang, "due": measured.decision.due, "reasons": list(measured.decision.reasons)}

    def retrain(self) -> dict[str, Any]:
        """Retrain; return how it ended. Where nothing new can be trained on, that is how it ended."""
        try:
            report = self.app.learning.retraining.run()
        except UsageError as error:
            return {"verdict": "nothing trained", "reasons": [str(error)], "promoted": False}
        adapter = self.app.registry.adapter(report.adapter_id)
        seconds = adapter.evidence.training.cpu_seconds if adapter.evidence.training else None
        verdict = {"verdict": str(report.verdict), "reasons": list(report.reasons), "promoted": report.promoted}
        return {**verdict, "adapter": report.adapter_id, "cpu_seconds": seconds}

    def move_topics(self) -> list[dict[str, Any]]:
        """Move topics between lanes as the plan says, up and down; nothing to plan without an adapter that serves."""
        if not any(self.app.registry.serving(lane)[0] for lane in LaneName if lane != LaneName.BASE_RAG):
            return []
        planned = self.app.routing.plan()
        self.app.routing.move(planned, planned.moves, "the simulated year")
        return [asdict(one) for one in planned.moves]

    def maintain(self) -> None:
        """Do what the nightly maintenance does."""
        self.app.corpus.maintain()
        self.app.learning.maintain()

    def erase(self, page: str) -> dict[str, Any]:
        """Erase a document with all that rests on it."""
        erased = self.app.erasing.run(Asked(documents=(page,), by="the simulated year", reason="asked for"))
        return {"page": page, "done": erased.is_done, "removed": dict(erased.removed), "left": len(erased.found)}


def _settings(model: Model, cadence: Cadence) -> str:
    return SETTINGS.format(base=model.base, epochs=model.epochs, threads=model.threads, **asdict(cadence))


def is_rag_only(answer: Answer) -> bool:
    """Return whether an answer of ragloop is what RAG only writes: by the base generator over the same passages."""
    return answer.lane == LaneName.BASE_RAG and answer.cache != CacheUse.HIT and not answer.adapter


def days_after(monday: datetime, part: int, parts: int) -> datetime:
    """Return the time of the so-many-th part of a week; its first hours belong to the sync."""
    return monday + timedelta(hours=12) + timedelta(days=6) * part / max(1, parts)
