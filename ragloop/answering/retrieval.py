"""Passages for a question: vector and full-text search, exact terms and rare words, fused by rank."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ragloop.answering.signals.copies import Kept, without_copies
from ragloop.answering.signals.editions import OLDER, chosen, mark_of
from ragloop.answering.signals.terms_found import MOST_TERMS, by_place, by_terms, seldom, weights
from ragloop.corpus.index.searching.search import Matching, Nearest, search_of
from ragloop.corpus.index.table import Index
from ragloop.language.exact import ExactTerm, TermKind, exact_terms
from ragloop.models import Vectors
from ragloop.models.generation.quoting.layout import is_front_matter
from ragloop.records import EVERYTHING, UNLABELLED, Passage, View

if TYPE_CHECKING:
    from ragloop.config.answering import RetrievalSettings


SURE = 0.9
"""Confidence from which recognised text counts as text. Below it half of the words are right, below .6 next to none,
from .95 most are; a higher threshold loses questions that only a scan answers (benchmarks/recognised_rank.py)."""


FRONT_MATTER = 0.5
"""Front matter has all the words of a page and says nothing: it comes after what the page says."""
PLANTED = 0.5
"""A passage that speaks to a model comes after those that are found as well. An honest one that seems to do so, as one
in some thousands does, is still found where it alone says what is asked."""
_TEXTS_WITH = 8
_LOOKED_UP = 6
"""Words of a question that are looked up one by one, since at most one candidate has them; 3 ms each."""


@dataclass(frozen=True)
class Retrieved:
    """Passages by descending score, and the best cosine among all candidates (None when there are none).

    `generation`: fingerprint of the generation that all of them come from. `unknown`: words of the question that no
    chunk in view has. `copies`: how many passages were passed over that say what one of these says, `other_versions`:
    how many candidates are of a version that is not asked for. `weights`: what each word of the question says about a
    passage that has it.
    """

    passages: tuple[Passage, ...]
    top_similarity: float | None
    generation: str
    unknown: frozenset[str] = frozenset()
    copies: int = 0
    other_versions: int = 0
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RetrievalPolicy:
    """How passages are found, and what a caller without labels sees; see config.RetrievalSettings.

    With `guard`, passages that speak to a model rank lower.
    """

    top_k: int
    candidates: int
    rrf_k: int
    without_labels: View = UNLABELLED
    guard: bool = True

    @classmethod
    def of(cls, settings: "RetrievalSettings", *, guard: bool) -> "RetrievalPolicy":
        """Read what the settings say."""
        view = EVERYTHING if settings.without_labels == "everything" else UNLABELLED
        return cls(settings.top_k, settings.candidates, settings.rrf_k, view, guard)

    def for_top(self, top_k: int) -> "RetrievalPolicy":
        """Return this policy with another number of passages, for which there are candidates enough."""
        return replace(self, top_k=top_k, candidates=max(self.candidates, top_k))

    def view_of(self, labels: Collection[str]) -> View:
        """Return what a caller with these labels sees."""
        return View(frozenset(labels)) if labels else self.without_labels


class Retriever:
    """Finds passages in one state of an index, so that no document shows two of its revisions."""

    def __init__(self, index: Index, policy: RetrievalPolicy) -> None:
        self._search, self._policy = search_of(index.snapshot()), policy
        self._generation = index.generation

    def retrieve(self, question: str, vector: Vectors, labels: Collection[str] = ()) -> Retrieved:
        """Find the passages that a caller with these labels sees.

        `vector` is the question's unit vector (shape (dimension,)). What is out of view is no candidate either.
        """
        p, view = self._policy, self._policy.view_of(labels)
        terms = exact_terms(question)[:MOST_TERMS]
        wanted = [Nearest(), Matching(question), *_of_terms(terms)]
        rankings = self._search.rankings(wanted, vector, p.candidates, view)
        candidates = {row["id"]: row for ranking in rankings for row in ranking}
        found = chosen(list(candidates.values()), terms)
        rows = {row["id"]: row for row in found.rows}
        rare, unknown = self._seldom(question, rows, view)
        placed = by_place(rows.values(), terms)
        orders = [[row["id"] for row in ranking if row["id"] in rows] for ranking in rankings[:2]]
        fused = fuse([*orders, by_terms(rows.values(), terms), placed, placed, *rare], p.rrf_k)
        scores = {
            one: score
            * trust(rows[one]["confidence"])
            * worth(rows[one]["text"])
            * (PLANTED if p.guard and rows[one].get("planted") else 1)
            * (OLDER if one in found.older else 1)
            for one, score in fused.items()
        }
        best = sorted(scores, key=lambda one: (-scores[one], -rows[one]["similarity"], one))
        kept = without_copies([rows[one] for one in best], terms, p.top_k)
        passages = self._located(kept, scores, found.older)
        top_similarity = max((row["similarity"] for row in rows.values()), default=None)
        copies, others = sum(map(len, kept.copies.values())), len(candidates) - len(rows)
        weighed = weights(question, rows.values())
        return Retrieved(passages, top_similarity, self._generation.fingerprint, unknown, copies, others, weighed)

    def _located(self, kept: Kept, scores: Mapping[str, float], older: Mapping[str, str]) -> tuple[Passage, ...]:
        """Return rows as passages, each with what says that its page does not hold any more; such ones come last."""
        marked = [self._standing(row, kept.copies.get(row["id"], ())) for row in self._search.located(kept.rows)]
        scored = [(row, mark, scores[row["id"]] * (OLDER if mark else 1)) for row, mark in marked]
        ranked = sorted(scored, key=lambda one: -one[2])
        return tuple(
            replace(
                as_passage(row, rank, score),
                outdated=older.get(row["id"]) or (f'of a page that says: "{mark}"' if mark else ""),
            )
            for rank, (row, mark, score) in enumerate(ranked, 1)
        )

    def _standing(self, row: Mapping[str, Any], copies: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], str]:
        """Return a row with the mark of its page; of a marked page a copy instead whose page has none."""
        mark = _mark(row)
        holds = next((one for one in self._search.located(copies) if not _mark(one)), None) if mark and copies else None
        return (holds, "") if holds else (row, mark)

    def texts_with(self, word: str, labels: Collection[str] = ()) -> list[str]:
        """Return the texts of a few chunks in the caller's view that have a word as it is written."""
        nowhere = np.zeros(self._generation.dimension, np.float32)
        rows = self._search.by_words(word, nowhere, _TEXTS_WITH, self._policy.view_of(labels))
        return [row["text"] for row in rows if word in row["text"]]

    def _seldom(
        self, question: str, rows: Mapping[str, dict[str, Any]], view: View
    ) -> tuple[list[list[str]], frozenset[str]]:
        """Return the rows that alone have a word of the question, each as a ranking, and the words that no row has."""
        asked = seldom(question, rows.values())[:_LOOKED_UP]
        holding = self._search.holding(asked, 2, view)
        rare = [found for found in holding.values() if len(found) == 1 and found[0] in rows]
        return rare, frozenset(word for word, found in holding.items() if not found)


def _of_terms(terms: Sequence[ExactTerm]) -> Iterator[Nearest | Matching]:
    """Ask for candidates that hold the exact terms of a question, and for those of the versions that it names."""
    if terms:
        yield Matching(" ".join(one.text for one in terms))
    yield from (Nearest(one.text) for one in terms if one.kind is TermKind.VERSION)


def fuse(rankings: Sequence[Sequence[str]], k: int) -> dict[str, float]:
    """Fuse rankings by reciprocal rank: the sum of 1 / (k + rank) over the rankings that hold an id.

    Cormack, Clarke and Buettcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods",
    SIGIR 2009.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, one in enumerate(ranking, 1):
            scores[one] = scores.get(one, 0.0) + 1 / (k + rank)
    return scores


def trust(confidence: float | None, sure: float = SURE) -> float:
    """Return what the score of a chunk is multiplied by: less than 1 where its text was recognised poorly."""
    return 1.0 if confidence is None else min(1.0, confidence / sure)


def worth(text: str) -> float:
    """Return what the score of a chunk is multiplied by: less than 1 where it is nothing but front matter."""
    return FRONT_MATTER if is_front_matter(text) else 1.0


def as_text(chunk: Mapping[str, Any]) -> Passage:
    """Return the text of a chunk as a passage of no search: what it says can be looked at, and it is cited nowhere."""
    return Passage(
        rank=0,
        score=0.0,
        similarity=0.0,
        source=chunk.get("source") or "",
        uri=chunk.get("uri") or "",
        title=chunk.get("title") or "",
        heading=chunk["heading"] or "",
        start=0,
        end=0,
        text=chunk["text"],
        text_hash=chunk["text_hash"],
        chunk_id=chunk.get("chunk_id") or "",
        document_id=chunk["document_id"],
        revision=chunk.get("revision") or "",
        confidence=chunk.get("confidence"),
    )


def _mark(row: Mapping[str, Any]) -> str:
    return mark_of(row["title"] or "", row["begins"])


def as_passage(row: Mapping[str, Any], rank: int, score: float) -> Passage:
    """Return a row of the index as a passage."""
    return Passage(
        rank=rank,
        score=score,
        similarity=row.get("similarity", 0.0),
        source=row["source"],
        uri=row["uri"],
        title=row["title"] or "",
        heading=row["heading"] or "",
        start=row["start"],
        end=row["end"],
        text=row["text"],
        text_hash=row["text_hash"],
        chunk_id=row["id"],
        document_id=row["document_id"],
        revision=row["revision"],
        confidence=row["confidence"],
    )
