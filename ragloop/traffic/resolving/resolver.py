"""The ladder by which a passage is tied to a document: named with its revision, named, or found by its text."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from ragloop.traffic.exchange import Shown
from ragloop.traffic.resolving.document import KnownDocument, Run
from ragloop.traffic.resolving.library import Library
from ragloop.traffic.resolving.places import Named
from ragloop.traffic.resolving.standing import contained_share, where_it_stands
from ragloop.traffic.resolving.tied import UNRESOLVED, Tied, Verdict

PART_OF_IT = 0.3
"""Share of a passage's shingles that a document must hold, where nothing names it, for the passage to be of it and to
have changed since. Two versions of one text share more, texts on one subject next to nothing."""


class Candidates(Protocol):
    """Finds documents that may hold a text."""

    def candidates(self, text: str) -> Sequence[str]:
        """Return ids of documents, the likeliest first."""
        ...


class Resolver:
    """Ties passages to the documents of one state of an index, each different passage once."""

    def __init__(self, library: Library, candidates: Candidates) -> None:
        self.library, self._candidates = library, candidates
        self._known: dict[Shown, Tied] = {}

    def resolve(self, passages: Iterable[Shown]) -> list[Tied]:
        """Tie passages, in their order."""
        passages = [_unscored(one) for one in passages]
        fresh = [one for one in dict.fromkeys(passages) if one not in self._known]
        looked_at = [(one, self._named(one)) for one in fresh]
        by_text = {one: self._by_text(one) for one, named in looked_at if not named.documents and one.text}
        ids = [one.document_id for _, named in looked_at for one in named.documents]
        self.library.prepare([*ids, *(one for found in by_text.values() for one in found)])
        for one, named in looked_at:
            self._known[one] = self._tied(one, named, by_text.get(one, ()))
        return [self._known[one] for one in passages]

    def _named(self, shown: Shown) -> Named:
        named = self.library.places.named(shown.names)
        if named.documents or not shown.external_id:
            return named
        own = self.library.of_chunk(shown.external_id)
        return Named((own,), True) if own else self.library.places.named((shown.external_id,))

    def _by_text(self, shown: Shown) -> Sequence[str]:
        return self._candidates.candidates(shown.text)

    def _tied(self, shown: Shown, named: Named, by_text: Sequence[str]) -> Tied:
        if not named.documents:
            return self._of_text(shown, by_text)
        told = [one for one in named.documents if one.revision in shown.revisions]
        if told:
            return self._as_told(shown, told[0])
        if not shown.text.strip():
            return self._of_chunk(shown, named)
        for one in named.documents:
            if runs := where_it_stands(shown.text, self.library.document(one.document_id)):
                return self._live(Verdict.DOCUMENT, one, runs)
        if named.is_sure:
            return Tied(Verdict.CHANGED, named.documents[0])
        return self._likeliest(shown, [one.document_id for one in named.documents], least=0.2)

    def _as_told(self, shown: Shown, document: KnownDocument) -> Tied:
        runs = where_it_stands(shown.text, self.library.document(document.document_id)) if shown.text else ()
        return self._live(Verdict.REVISION, document, runs)

    def _of_chunk(self, shown: Shown, named: Named) -> Tied:
        """Tie a passage without text: only the id of a chunk says what it says."""
        words = self.library.document(named.documents[0].document_id)
        held = [one for one in words.chunks if one.chunk_id == shown.external_id]
        if not held:
            return UNRESOLVED
        return self._live(Verdict.REVISION, named.documents[0], where_it_stands(held[0].text, words))

    def _of_text(self, shown: Shown, by_text: Sequence[str]) -> Tied:
        for one in by_text:
            words = self.library.document(one)
            if runs := where_it_stands(shown.text, words):
                return self._live(Verdict.TEXT, words.document, runs)
        return self._likeliest(shown, by_text, least=PART_OF_IT)

    def _likeliest(self, shown: Shown, document_ids: Sequence[str], least: float) -> Tied:
        """Tie a passage that stands nowhere as a whole to the document that holds most of it."""
        shares = {one: contained_share(shown.text, self.library.document(one)) for one in document_ids}
        best = max(shares, key=shares.__getitem__, default="")
        if not best or shares[best] < least:
            return UNRESOLVED
        return Tied(Verdict.CHANGED, self.library.places.by_id[best])

    def _live(self, verdict: Verdict, document: KnownDocument, runs: Sequence[Run]) -> Tied:
        words = self.library.document(document.document_id)
        return Tied(verdict, document, words.chunks_of(runs), words.digests(runs))


def _unscored(shown: Shown) -> Shown:
    return Shown(shown.text, shown.names, shown.revisions, shown.external_id)
