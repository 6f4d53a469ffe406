"""Any cross-encoder that sentence-transformers loads: a folder or a name on a hub."""

from collections.abc import Sequence

from ragloop.errors import NotFoundError
from ragloop.models.hub import must_be_within_reach


class SentenceTransformerReranker:
    """Scores passages on whatever device sentence-transformers picks."""

    def __init__(self, source: str) -> None:
        try:
            from sentence_transformers import CrossEncoder
        except ImportError as error:
            raise NotFoundError(
                f"reranker {source!r} needs {error.name}, which is not installed: pip install 'ragloop[models]'"
            ) from None
        try:
            must_be_within_reach(source)
            self._model = CrossEncoder(source)
        except (OSError, ValueError) as error:
            raise NotFoundError(
                f"no reranker {source!r} ({' '.join(str(error).split())[:200]}); expected a folder or a hub name of a "
                "cross-encoder: correct retrieval.reranker, or download the model first"
            ) from error
        self.fingerprint = f"sentence-transformers {source}"

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """Score each text: how well it answers the question."""
        if not texts:
            return []
        found = self._model.predict([(question, text) for text in texts], show_progress_bar=False)
        return [float(one) for one in found]
