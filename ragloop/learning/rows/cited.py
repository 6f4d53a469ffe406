"""Answers held against their passages, so that each sentence of a row cites one that says it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ragloop.answering.prompts import cite, cited_sentences, claims
from ragloop.answering.support.says import answers, says
from ragloop.language.citations import cited_numbers, renumbered, without_marks
from ragloop.learning.evaluation.scoring import normalise
from ragloop.learning.examples.example import DocumentRevision, Example, Shown
from ragloop.records import Passage


@dataclass(frozen=True)
class Borne:
    """An answer whose every sentence cites, with the numbers, from 1, of all passages that say one of them."""

    text: str
    saying: frozenset[int]


def with_citations(example: Example, passages: Sequence[Passage]) -> Example | None:
    """Return the example with an answer that cites its passages by their place; None where they do not bear it out.

    `passages` are those of the example, in its order.
    """
    found = borne_out(example.question, renumbered(example.answer, _places(example)), passages)
    if found is None:
        return None
    shown = [replace(one, n=place, cited=place in found.saying) for place, one in enumerate(example.passages, 1)]
    rejected = renumbered(example.rejected, _places(example))
    return replace(example, answer=found.text, passages=tuple(shown), rejected=rejected)


def answers_question(example: Example, passages: Sequence[Passage]) -> bool:
    """Return whether the passages give a sentence of the answer to the question; a true quotation may be beside it."""
    told = map(without_marks, claims(example.answer))
    return any(answers(example.question, one, passages) for one in told)


def borne_out(question: str, answer: str, passages: Sequence[Passage]) -> Borne | None:
    """Return the answer with its citations; None where a sentence of it is said by no passage.

    A sentence without marks that no passage says in its own words may be the answer to the question alone, as people
    write corrections: "Ada", where a passage says that Ada keeps the bees.
    """
    cited = cite(answer, passages)
    if cited.text and normalise(without_marks(cited.text)) == normalise(without_marks(answer)):
        return Borne(cited.text, _saying(question, cited.text, passages))
    text = _answering(question, answer, passages)
    return Borne(text, _saying(question, text, passages)) if text else None


def _answering(question: str, answer: str, passages: Sequence[Passage]) -> str:
    found = []
    for sentence in cited_sentences(answer):
        bare = without_marks(sentence)
        given = answers(question, bare, passages, fit=0)
        if not given:
            return ""
        found.append(f"{bare} [{given[0].passage + 1}]")
    return " ".join(found)


def _saying(question: str, text: str, passages: Sequence[Passage]) -> frozenset[int]:
    """Return the numbers of all passages that say a sentence of the text or give it to the question."""
    bare = [without_marks(one) for one in claims(text)]
    told = [said.passage + 1 for one in bare for said in (*says(one, passages), *answers(question, one, passages, 0))]
    return frozenset(told) | frozenset(n for n in cited_numbers(text) if n <= len(passages))


def _places(example: Example) -> dict[int, int]:
    """Return the place among the passages of each rank that was shown, by which marks are renumbered."""
    places: dict[int, int] = {}
    for place, one in enumerate(example.passages, 1):
        if one.n not in places or (one.cited and not example.passages[places[one.n] - 1].cited):
            places[one.n] = place
    return places


def reordered(example: Example, order: Sequence[int]) -> Example:
    """Return the example with the passages of these places, from 0, in this order, and its marks renumbered with them;
    it rests on no passage beside them but those that it cites."""
    shown = tuple(replace(example.passages[old], n=new) for new, old in enumerate(order, 1))
    numbers = {old + 1: new for new, old in enumerate(order, 1)}
    documents = tuple(_resting(example, shown))
    return replace(example, answer=renumbered(example.answer, numbers), passages=shown, documents=documents)


def only(example: Example, shown: Sequence[Shown], answer: str) -> Example:
    """Return the example with these of its passages and another answer, resting on no others."""
    left = tuple(replace(one, n=place, cited=False) for place, one in enumerate(shown, 1))
    held = replace(example, documents=tuple(replace(one, cited=False) for one in example.documents))
    return replace(example, answer=answer, passages=left, documents=tuple(_resting(held, left)))


def _resting(example: Example, shown: Sequence[Shown]) -> Iterator[DocumentRevision]:
    """Yield the cited documents as they are, and of the others what these passages show of them."""
    documents = {(one.document_id, one.revision) for one in shown}
    hashes = frozenset(one.text_hash for one in shown)
    for one in example.documents:
        if one.cited:
            yield one
        elif (one.document_id, one.revision) in documents:
            yield replace(one, text_hashes=tuple(h for h in one.text_hashes if h in hashes))
