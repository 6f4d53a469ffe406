"""Which answers and documents a caller sees."""

from collections.abc import Collection, Mapping
from typing import Any

from ragloop.app import App
from ragloop.corpus.index.predicates import DOCUMENTS
from ragloop.corpus.index.table import Index
from ragloop.errors import NotFoundError
from ragloop.records import EVERYTHING, View
from ragloop.store import quoted


def sees(viewer: View, labels: Collection[str] | None) -> bool:
    """Return whether a viewer sees a document with these labels."""
    return viewer.labels is None or not labels or not viewer.labels.isdisjoint(labels)


def covers(viewer: View, asker: View) -> bool:
    """Return whether a viewer sees all that another one sees, and so every answer that it got."""
    return viewer.labels is None or (asker.labels is not None and asker.labels <= viewer.labels)


def asker_of(row: Mapping[str, Any], view_of_nobody: View) -> View:
    """Return what the asker of a logged answer saw; of one that another service gave nobody knows."""
    if row["labels"] is None:
        return EVERYTHING
    return View(frozenset(row["labels"])) if row["labels"] else view_of_nobody


def are_in_view(index: Index, document_ids: Collection[str], viewer: View) -> bool:
    """Return whether a viewer sees all of these documents that are in the index."""
    if viewer.labels is None or not document_ids:
        return True
    where = f"{DOCUMENTS} AND document_id IN ({quoted(sorted(document_ids))})"
    return all(sees(viewer, labels) for labels in index.rows(where, ["labels"])["labels"].to_pylist())


def seen_answer(app: App, interaction_id: str, viewer: View, view_of_nobody: View) -> dict[str, Any] | None:
    """Return the row of a logged answer that a viewer sees, None for any other.

    The index is asked in any case, so that the time of a refusal does not tell whether there is one.
    """
    try:
        row = app.journal.answer(interaction_id)
    except NotFoundError:
        row = None
    documents = {one["document_id"] or "" for one in row["passages"] or ()} if row else {""}
    in_view = are_in_view(app.index, documents, viewer)
    return row if row and in_view and covers(viewer, asker_of(row, view_of_nobody)) else None
