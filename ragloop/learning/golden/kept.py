"""The golden questions that a home keeps: one file of JSON lines among the artifacts, in the form of dataset.golden."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ragloop.catalogue import Lease
from ragloop.errors import NotFoundError, UsageError
from ragloop.learning.evaluation.golden import GoldenDocument, GoldenQuestion, KnownDocuments, golden_of
from ragloop.store import Store
from ragloop.store.files import Files
from ragloop.wording import first_few

FILE = "golden.jsonl"
_WAIT_S = 10.0
"""How long another writer is waited for, who writes one small file."""


class GoldenSet:
    """The kept golden questions of one store; `files` are its artifacts."""

    def __init__(self, store: Store, files: Files) -> None:
        self._store, self._files = store, files

    def all(self) -> list[GoldenQuestion]:
        """Return the kept questions in the order in which they were added. Raises ConfigError where a line is wrong."""
        try:
            content = b"".join(self._files.read(FILE))
        except NotFoundError:
            return []
        return golden_of(content.decode("utf-8", "replace"), f"{self._files}/{FILE}")

    def add(self, questions: Sequence[GoldenQuestion]) -> None:
        """Keep questions, each in the place of one with its id."""
        with self._store.lease(Lease.GOLDEN, wait_s=_WAIT_S):
            self._write({**_by_id(self.all()), **_by_id(questions)}.values())

    def remove(self, wanted: Sequence[str]) -> list[GoldenQuestion]:
        """Remove questions by their ids or their beginnings, and return them. Raises NotFoundError, UsageError."""
        with self._store.lease(Lease.GOLDEN, wait_s=_WAIT_S):
            kept = _by_id(self.all())
            gone = [kept.pop(one) for one in dict.fromkeys(_id_of(one, kept) for one in wanted)]
            self._write(kept.values())
        return gone

    def confirm(self, wanted: Sequence[str], known: KnownDocuments) -> list[GoldenQuestion]:
        """Note that questions hold for the documents of today, and return them. Raises NotFoundError, UsageError.

        A document that is gone cannot be confirmed: UsageError says which.
        """
        with self._store.lease(Lease.GOLDEN, wait_s=_WAIT_S):
            kept = _by_id(self.all())
            ids = list(dict.fromkeys(_id_of(one, kept) for one in wanted))
            confirmed = [as_of_today(kept[one], known) for one in ids]
            self._write({**kept, **_by_id(confirmed)}.values())
        return confirmed

    def _write(self, questions: Iterable[GoldenQuestion]) -> None:
        lines = "".join(json.dumps(one.as_line(), ensure_ascii=False) + "\n" for one in questions)
        self._files.write(FILE, [lines.encode()])


def merged(kept: Sequence[GoldenQuestion], others: Sequence[GoldenQuestion]) -> list[GoldenQuestion]:
    """Return both; of a question that stands in both, the kept one."""
    return list({**_by_id(others), **_by_id(kept)}.values())


def as_of_today(one: GoldenQuestion, known: KnownDocuments) -> GoldenQuestion:
    """Return a question with the revisions that its documents have today.

    Raises NotFoundError for a document that the index does not have, UsageError for a key of several documents.
    """
    return replace(one, documents=tuple(_today(document, known) for document in one.documents))


def with_revisions(one: GoldenQuestion, known: KnownDocuments) -> GoldenQuestion:
    """Return a question whose documents without a revision have that of today. Raises as as_of_today does."""
    of_today = as_of_today(one, known).documents
    pairs = zip(one.documents, of_today, strict=True)
    return replace(one, documents=tuple(given if given.revision else today for given, today in pairs))


def _today(document: GoldenDocument, known: KnownDocuments) -> GoldenDocument:
    found = sorted(known.ids_of(document))
    if not found:
        raise NotFoundError(f"found no document {document.name} in the index; `ragloop documents list` names them all")
    if len(found) > 1:
        raise UsageError(f"found {len(found)} documents with the key {document.name}; name its URI")
    return GoldenDocument(document.name, known.revisions[found[0]])


def _by_id(questions: Iterable[GoldenQuestion]) -> dict[str, GoldenQuestion]:
    return {one.golden_id: one for one in questions}


def _id_of(given: str, kept: Iterable[str]) -> str:
    found = [one for one in kept if given and one.startswith(given)]
    if not found:
        raise NotFoundError(f"found no golden question {given!r}; `ragloop golden list` shows them all")
    if len(found) > 1:
        raise UsageError(f"found {len(found)} golden questions: {first_few(found, 3)}; give more of the id")
    return found[0]
