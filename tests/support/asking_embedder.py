"""An embedder that reads questions in another way than passages, as models do that were trained with prompts."""

from collections.abc import Sequence

from ragloop.models import Vectors
from tests.support.word_embedder import WordEmbedder

ASKS = "whom"
"""A question with this word means the passage that has MEANT; a passage with it means nothing of the kind."""
MEANT = "heron"


class AskingEmbedder(WordEmbedder):
    """Reads ASKS as MEANT in questions alone. `asked` are the questions that it embedded."""

    fingerprint = "asking-64"
    questions_differ = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        self.asked.extend(texts)
        vectors = self.embed([one.lower().replace(ASKS, MEANT) for one in texts])
        del self.embedded[-len(texts) :]
        return vectors
