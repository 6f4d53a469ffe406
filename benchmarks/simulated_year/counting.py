"""Tokens of prompts and answers, by the tokenizer of the packaged model."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

from ragloop.answering.lanes import LANES
from ragloop.models.cache import default_cache
from ragloop.models.generation.smollm2 import NAME, resolve_base
from ragloop.records import Answer, LaneName, Passage

AROUND_A_MESSAGE = 5
"""Tokens of the marks that the chat template writes around a message."""


class Tokens:
    """Counts what an answer would cost if a model wrote it."""

    def __init__(self) -> None:
        folder = Path(resolve_base(NAME, default_cache()))
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._of_text = lru_cache(maxsize=100_000)(self._counted)

    def _counted(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def of(self, answer: Answer) -> tuple[int, int]:
        """Return the tokens of prompt and answer; none where the answer was given again."""
        if answer.reused_from:
            return 0, 0
        return self.of_prompt(answer.lane, answer.question, answer.passages), self._of_text(answer.answer)

    def of_prompt(self, lane: LaneName, question: str, passages: Sequence[Passage]) -> int:
        """Return the tokens of what a lane sends to a model for a question."""
        shown = passages if LANES[lane].sees_passages else ()
        messages = LANES[lane].prompt(question, shown).messages
        return sum(self._of_text(one["content"]) + AROUND_A_MESSAGE for one in messages)

    def of_answer(self, text: str) -> int:
        """Return the tokens of what was written."""
        return self._of_text(text)
