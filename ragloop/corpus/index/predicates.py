"""Which rows of an index table are meant, as SQL."""

from collections.abc import Sequence

from ragloop.corpus.index.identity import document_id
from ragloop.records import NO_LABEL, View
from ragloop.store import quoted

CHUNKS = "NOT deleted AND kind = 'chunk'"
"""Chunks that can be retrieved."""
PLANTED = f"{CHUNKS} AND planted > 0"
"""Chunks that speak to a model; see Index.has."""
DOCUMENTS = "NOT deleted AND kind = 'document'"


def of_source(source: str, keys: Sequence[str] | None = None) -> str:
    """Select the documents of a source, all of them or those with these keys."""
    where = f"{DOCUMENTS} AND source IN ({quoted([source])})"
    if keys is None:
        return where
    return f"{where} AND document_id IN ({quoted([document_id(source, key or '') for key in keys] or [''])})"


def chunks_of_documents(document_ids: Sequence[str]) -> str:
    """Select the chunks of these documents."""
    return f"{CHUNKS} AND document_id IN ({quoted(document_ids)})"


def chunks_in(view: View) -> str:
    """Select the chunks in view. Labels that are unknown (null among them) are nobody's."""
    if view.labels is None:
        return CHUNKS
    return f"{CHUNKS} AND array_has_any(labels, [{quoted(sorted({NO_LABEL, *view.labels}))}])"
