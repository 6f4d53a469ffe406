"""Whether passages can answer a question at all, or ragloop abstains. Pure.

A question is answered where a passage is similar to it, as the embedder and the reranker see it, or where a passage has
its exact terms. Against that stands what the question is about and no passage has: an identifier, a version, a name, a
word that no document uses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ragloop.answering.signals.reranking import is_english
from ragloop.answering.signals.terms_found import holds_word, plain_words, said, spoken_words
from ragloop.answering.turn import Turn
from ragloop.language.exact import ExactTerm, TermKind, exact_terms, kind_of, standing, stands_in
from ragloop.models.embedding.languages import language_name
from ragloop.records import Passage

READS = 0.5
"""Share of a question that the embedder must know for its cosine to count."""
COVERED = 0.6
"""Share of a question's words that one passage must have beside its numbers."""
SURE, STRANGE, LEAST = 4.0, -5.0, -9.0
"""Relevance, in logits of the reranker: from SURE on passages answer though they lack a name, below LEAST they do not
answer at all, and below STRANGE not where no document has one of the words (benchmarks/real_questions.py)."""
RELEVANT, BELOW = -3.0, 0.1
"""Relevance from which a passage answers that is less similar than the floor asks, and by how much less it may be: a
reader's words and those of a manual differ (benchmarks/real_questions.py)."""
SAID = 0.5
"""Share of the question that a passage must say (see terms_found.said) to count for more than its cosine: in a language
that the embedder does not read it counts for less by as much as it says less (benchmarks/LOG.md, 2026-12-01)."""
NEAR = 40
"""Characters before a version in which the name stands whose version it is."""
UNKNOWN_SHARE = 0.5
"""Share of a question's words that no document has from which none answers."""
_ABOUT = " \n\n\n "
"""Stands between the text of a passage and what it is about: headings, title and path."""
_MUST = (TermKind.IDENTIFIER, TermKind.VERSION)


@dataclass(frozen=True)
class AbstainPolicy:
    """Below the cosine `min_similarity` a passage is found by its words or not at all."""

    min_similarity: float


@dataclass(frozen=True)
class Evidence:
    """What is known of a question and its passages; the texts hold headings, titles and paths.

    `said` is the share of the question that one of them says, `foreign` the language of the question where the embedder
    does not read it.
    """

    question: str
    texts: Sequence[str]
    similarity: float
    relevance: float | None
    unknown: frozenset[str]
    said: float
    foreign: str


def why_unanswerable(turn: Turn, policy: AbstainPolicy) -> str:
    """Return why no passage answers; empty where one may."""
    if not turn.passages:
        return "no passage was found"
    if policy.min_similarity <= -1:
        return ""  # whoever sets no floor wants an answer to everything
    texts = [_told_by(one) for one in turn.passages]
    found = similarity_of(turn), _relevance(turn), turn.unknown, _said(turn), turn.foreign
    evidence = Evidence(turn.query, texts, *found)
    return _missing(evidence) or _too_far(evidence, policy.min_similarity)


def similarity_of(turn: Turn) -> float:
    """Return what is held against the floor: the best cosine, and what a passage says of the question beside it.

    To an embedder texts of a language that it does not read are alike, so that words count as much there. Where it
    reads the language and no reranker read the passages, words make up for a cosine that is a little low.
    """
    if turn.top_similarity is None or turn.reads < READS:
        return -1.0
    if _relevance(turn) is not None:
        return turn.top_similarity
    more = _said(turn) - SAID
    return turn.top_similarity + (more if turn.foreign else min(max(more, 0.0), BELOW))


def _said(turn: Turn) -> float:
    return max((said(_told_by(one), turn.weights) for one in turn.passages), default=0.0)


def _relevance(turn: Turn) -> float | None:
    """Return the relevance of the passage that is most relevant, of a question that embedder and reranker read."""
    if turn.reads < READS or turn.foreign:
        return None
    return max((one.relevance for one in turn.passages if one.relevance is not None), default=None)


def _missing(evidence: Evidence) -> str:
    """Return what the question is about and no passage has."""
    terms = [one for one in exact_terms(evidence.question) if one.kind in _MUST]
    held = frozenset[ExactTerm]().union(*(standing(terms, text) for text in evidence.texts))
    if absent := [one.text for one in terms if one not in held]:
        return f"no passage has {_listed(absent)}"
    if elsewhere := [one for one in _versioned(evidence.question) if not _is_told(one, evidence.texts)]:
        return f"no passage has {_listed([' '.join(one) for one in elsewhere])}"
    names = [one for one in names_of(evidence.question) if not any(holds_word(text, one) for text in evidence.texts)]
    lacking = sorted(one for one in names if one.casefold() in evidence.unknown)
    if lacking:
        return f"no document has {_listed(lacking)}"
    if names and (evidence.relevance is None or evidence.relevance < SURE):
        return f"no passage has {_listed(names)}"
    asked = plain_words(evidence.question)
    strange = [one for one in asked if one in evidence.unknown]
    count = len(asked) + len(exact_terms(evidence.question))
    # Where no reranker tells words of one meaning, half of the words may be the reader's own: "licence" for "license".
    least = UNKNOWN_SHARE * count if evidence.relevance is not None else UNKNOWN_SHARE * count + 1
    if len(strange) >= least and strange and not _is_sure(evidence):
        return f"no document has {_listed(strange)}"
    return ""


def _versioned(question: str) -> list[tuple[str, str]]:
    """Return the names in a question with the version that follows each, such as ("Python", "4.2")."""
    spoken = [one.strip("()[]{}'\"*_,;:!?").rstrip(".") for one in question.split()]
    return [
        (name, version)
        for name, version in pairwise(spoken)
        if kind_of(version) is TermKind.VERSION and name[:1].isupper() and name.isalpha() and name.isascii()
    ]


def _is_told(named: tuple[str, str], texts: Sequence[str]) -> bool:
    """Return whether a text speaks of this version of this name: it has the version near the name, or below it."""
    name, version = named
    return any(
        stands_in(ExactTerm(version, TermKind.VERSION), text) and _is_near(name.casefold(), version, text.casefold())
        for text in texts
    )


def _is_near(name: str, version: str, text: str) -> bool:
    told, _, about = text.rpartition(_ABOUT)
    if holds_word(about, name):
        return True
    bare = version.casefold().removeprefix("v")
    at = told.find(bare)
    while at >= 0:
        if name in told[max(0, at - NEAR) : at]:
            return True
        at = told.find(bare, at + 1)
    return False


def _too_far(evidence: Evidence, floor: float) -> str:
    if _has_exact_terms(evidence):
        return ""
    least = STRANGE if evidence.unknown else LEAST
    if evidence.relevance is not None and evidence.relevance < least:
        return f"no passage is relevant: {evidence.relevance:.1f}, at least {least:g} is needed"
    if evidence.similarity >= floor or _covers(evidence) or _is_read_so(evidence, floor):
        return ""
    beside = (
        f" with its words, since the embedder does not read {language_name(evidence.foreign)}"
        if evidence.foreign
        else ""
    )
    return f"no passage is similar: {evidence.similarity:.2f}{beside}, at least {floor:g} is needed"


def _is_sure(evidence: Evidence) -> bool:
    return evidence.relevance is not None and evidence.relevance >= SURE


def _is_read_so(evidence: Evidence, floor: float) -> bool:
    """Return whether the reranker sees a passage answer that falls a little short of the floor."""
    near = evidence.similarity >= floor - BELOW and not evidence.unknown
    return near and evidence.relevance is not None and evidence.relevance >= RELEVANT


def _has_exact_terms(evidence: Evidence) -> bool:
    """Return whether one passage has all exact terms of the question; a number alone tells little."""
    terms = exact_terms(evidence.question)
    telling = any(one.kind is not TermKind.NUMBER for one in terms)
    asked = plain_words(evidence.question)

    def holds(text: str) -> bool:
        share = sum(holds_word(text, one) for one in asked) / len(asked) if asked else 1.0
        return len(standing(terms, text)) == len(terms) and (telling or share >= COVERED)

    return bool(terms) and any(map(holds, evidence.texts))


def _covers(evidence: Evidence) -> bool:
    """Return whether one passage has most words of a question in a script that has no spaces, or that is not read."""
    return evidence.similarity < 0 and evidence.said >= SAID and len(spoken_words(evidence.question)) > 1


def names_of(question: str) -> list[str]:
    """Return the words of an English question that are written as names: with a capital inside a sentence.

    German writes every noun so; a title writes every word so.
    """
    spoken = question.split()
    if not is_english(question) or 2 * sum(one[:1].isupper() for one in spoken) > len(spoken) > 3:
        return []
    capital = [one.strip("()[]{}'\"*_.,;:!?") for n, one in enumerate(spoken) if n and _is_inside(spoken[n - 1])]
    found = (one[:-2] if one.endswith(("'s", "\u2019s")) else one for one in capital)
    return [one for one in found if len(one) > 2 and one[0].isupper() and one.isalpha() and one.isascii()]


def _is_inside(before: str) -> bool:
    return not before.endswith((".", "!", "?", ":"))


def _told_by(passage: Passage) -> str:
    return passage.text + _ABOUT + " \n ".join((passage.heading, passage.title, passage.uri.replace("/", " ")))


def _listed(terms: Sequence[str]) -> str:
    return ", ".join(terms[:5])
