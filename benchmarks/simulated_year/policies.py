"""The policies beside ragloop: a semantic cache that checks nothing, and an adapter that is trained on a cadence."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from ragloop.answering.prompts import closed_book_messages
from ragloop.models import Embedder, Vectors
from ragloop.records import LaneName, Prompt
from simulated_year.counting import Tokens
from simulated_year.facts import Fact
from simulated_year.home import Model
from simulated_year.judging import Given
from simulated_year.traffic import WORDINGS

COSINE = 0.95
"""From this cosine on the cache gives the answer of an earlier question. GPTCache's default rule is .6."""


class CosineCache:
    """Gives the answer of the nearest earlier question again, for ever, where the cosine is at least COSINE."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[str, Vectors] = {}
        self._held: dict[str, Given] = {}
        self._matrix: Vectors | None = None
        """The vectors of what is held, in its order."""

    def answer(self, texts: Sequence[str], fresh: Mapping[str, Given]) -> list[Given]:
        """Answer questions in their order; `fresh` is what RAG only answers to each this week."""
        new = [one for one in dict.fromkeys(texts) if one not in self._vectors]
        if new:
            self._vectors |= dict(zip(new, self._embedder.embed(new), strict=True))
        return [self._answer(one, fresh[one]) for one in texts]

    def _answer(self, text: str, fresh: Given) -> Given:
        vector = self._vectors[text]
        if self._matrix is not None:
            cosines = self._matrix @ vector
            if cosines.max() >= COSINE:
                return again([*self._held.values()][int(cosines.argmax())])
        self._hold(text, fresh)
        return fresh

    def _hold(self, text: str, given: Given) -> None:
        vector = self._vectors[text][None]
        self._matrix = vector if self._matrix is None else np.concatenate([self._matrix, vector])
        self._held[text] = given

    def state(self) -> dict[str, Any]:
        """Return what is held, for a run that goes on later."""
        return {text: asdict(one) for text, one in self._held.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Hold again what was held."""
        if state:
            self._vectors |= dict(zip(state, self._embedder.embed(list(state)), strict=True))
        for text, one in state.items():
            self._hold(text, Given(**one))


def again(given: Given) -> Given:
    """Return an answer as it is given again: for nothing, at once."""
    return replace(given, lane="given again", prompt_tokens=0, completion_tokens=0, latency_ms=0.0)


@dataclass(frozen=True)
class FineTuning:
    """Fine-tuning only: an adapter of the most popular facts as they stood at the last cadence, asked without passages.

    It is trained on two wordings of each fact; the third is new to it.
    """

    place: Path
    model: Model
    facts: int

    def train(self, week: int, truth: Mapping[Fact, str], popular: Sequence[Fact]) -> dict[str, Any]:
        """Train the adapter of a week, unless it is there; return what it took."""
        from ragloop.app.policies import training_spec
        from ragloop.config import Settings
        from ragloop.models.training.process import train

        folder = self.place / f"adapter-{week:02}"
        took = folder / "took.json"
        if not took.exists():
            folder.mkdir(parents=True, exist_ok=True)
            rows = [
                {"messages": [*closed_book_messages(wording.format(name=fact.name)), _said(truth[fact])]}
                for fact in popular[: self.facts]
                for wording in WORDINGS[fact.kind][::2]
            ]
            parquet.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
            spec = training_spec(Settings.model_construct())
            epochs = 8 if self.model.epochs == '"auto"' else int(self.model.epochs)
            spec = replace(spec, base=self.model.folder, epochs=epochs, threads=self.model.threads)
            result = train(replace(spec, rows=str(folder / "rows.parquet"), output=str(folder)), lambda _: None)
            found = {"rows": len(rows), "cpu_seconds": round(result.cpu_seconds), "loss": result.final_loss}
            took.write_text(json.dumps({**found, "adapter": str(result.adapter)}))
        read: dict[str, Any] = json.loads(took.read_text())
        return read

    def answer(self, week: int, texts: Sequence[str], tokens: Tokens) -> list[Given]:
        """Answer questions by the adapter of a week, each wording once: its answer is the same in every later week."""
        folder = self.place / f"adapter-{week:02}"
        file = folder / "answers.json"
        known: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        if new := [one for one in dict.fromkeys(texts) if one not in known]:
            adapter = Path(json.loads((folder / "took.json").read_text())["adapter"])
            known |= {text: asdict(one) for text, one in zip(new, self._written(adapter, new, tokens), strict=True)}
            file.write_text(json.dumps(known))
        return [Given(**known[one]) for one in texts]

    def _written(self, adapter: Path, texts: Sequence[str], tokens: Tokens) -> list[Given]:
        """Let an adapter write, without passages; the latency of an answer is its share of the whole."""
        from ragloop.models.generation.local import LocalGenerator

        base = LocalGenerator(self.model.folder, name=self.model.base, max_new_tokens=24, batch_size=25)
        began = time.perf_counter()
        asked = [Prompt(text, (), closed_book_messages(text)) for text in texts]
        drafts = base.wearing(adapter.parent.name, adapter).generate(asked)
        each = 1000 * (time.perf_counter() - began) / len(texts)
        lane = LaneName.CLOSED_BOOK
        return [
            Given(
                draft.text,
                not draft.text.strip(),
                str(lane),
                tokens.of_prompt(lane, text, ()),
                tokens.of_answer(draft.text),
                each,
            )
            for text, draft in zip(texts, drafts, strict=True)
        ]


def _said(value: str) -> dict[str, str]:
    return {"role": "assistant", "content": value}
