"""What topics, costs and an audit take of a log of 100,000 answers.

    python benchmarks/topics_scale.py

The claim: they read the log by columns, and a look that finds few new questions costs no more than reading them. The
log is made up: 200 topics whose questions come again by Zipf's law, vectors around one direction for each topic.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from ragloop.app import App
from ragloop.config import Settings
from ragloop.corpus.index import inventory
from ragloop.hashes import sha256_of_text
from ragloop.models import Vectors
from ragloop.models.training.memory.available import peak_mb

ANSWERS, TOPICS, DOCUMENTS = 100_000, 200, 50


class Directions:
    """Embeds a question as the direction of its topic, with noise of its own; its first word is the topic."""

    fingerprint, dimension, max_tokens = "directions-384", 384, 256

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def embed(self, texts: Sequence[str]) -> Vectors:
        found = np.stack([self._one(text) for text in texts]).astype(np.float32)
        unit: Vectors = found / np.linalg.norm(found, axis=1, keepdims=True)
        return unit

    def _one(self, text: str) -> Any:
        topic, own = (int(sha256_of_text(one)[:8], 16) for one in (text.split()[0], text))
        noise = 0.8 * np.random.default_rng(own).normal(0, 1, self.dimension)
        return np.random.default_rng(topic).normal(0, 1, self.dimension) + noise


def rows(documents: Sequence[str]) -> list[dict[str, Any]]:
    now, rng = datetime.now(UTC), np.random.default_rng(0)
    topics, questions = rng.zipf(1.3, ANSWERS) % TOPICS, rng.zipf(1.5, ANSWERS) % 100
    latency = [("retrieve", 50.0), ("generate", 900.0)]
    found = []
    for number, (topic, question) in enumerate(zip(topics.tolist(), questions.tolist(), strict=True)):
        cited = {"document_id": documents[topic % DOCUMENTS], "revision": "r", "n": 1}
        row = {"interaction_id": f"{number:032x}", "asked_at": now - timedelta(seconds=25 * number), "abstained": False}
        texts = {"question": f"{topic} question {question}", "lane": "base+rag", "model": "m", "answer": "x"}
        figures = {"prompt_tokens": 500, "completion_tokens": 40, "cost_usd": 0.0, "latency_ms": latency}
        passages = [{"document_id": cited["document_id"], "revision": "r", "rank": rank} for rank in range(3)]
        found.append({**row, **texts, **figures, "passages": passages, "citations": [cited]})
    return found


def timed(what: str, work: Callable[[], object]) -> None:
    began = time.process_time()
    work()
    print(f"{what:24} {time.process_time() - began:.2f} CPU s")


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        app = App(Settings(home=home / "home"), embedder=Directions())
        (home / "documents").mkdir()
        for number in range(DOCUMENTS):
            (home / "documents" / f"{number}.md").write_text(f"# {number}\n\nText of {number}.\n")
        app.corpus.sync(home / "documents")
        made = rows(sorted(inventory.keys(app.index)))
        for first in range(0, ANSWERS, 20_000):
            app.journal.take("interactions", made[first : first + 20_000])
        print(f"{ANSWERS:,} answers, {len({row['question'] for row in made}):,} distinct questions")
        timed("topics, first", app.migration.topics)
        timed("topics, nothing new", app.migration.topics)
        timed("topics --anew", lambda: app.migration.topics(anew=True))
        timed("costs", app.migration.costs)
        timed("audit of a document", lambda: app.safekeeping.auditor.audit("3.md"))
    print(f"{peak_mb():.0f} MB at most, with the rows that were made up")


if __name__ == "__main__":
    main()
