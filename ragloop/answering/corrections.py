"""What a correction rests on, found while the index still has the passages that were shown."""

from collections.abc import Mapping, Sequence
from typing import Any

from ragloop.answering.evidence import as_support
from ragloop.answering.prompts import claims
from ragloop.answering.retrieval import as_passage
from ragloop.answering.support.says import answers
from ragloop.corpus.index.searching.search import Search
from ragloop.corpus.index.table import Index
from ragloop.journal import Corrected
from ragloop.records import Passage

_MOST_SENTENCES = 500
"""A correction of more rests on nothing: each is held against all statements of the passages, which takes 5 ms."""


def bearing_out(index: Index, given: Sequence[Corrected]) -> list[list[dict[str, Any]]]:
    """Return for each correction the statements that bear it out, per document, as `feedback.support` holds them.

    Only passages that the index has as they were shown count. Every sentence must be borne out, or nothing is: what the
    rest rests on could never be seen to change.
    """
    shown = {one["chunk_id"] for row, _ in given for one in row["passages"] or ()}
    indexed = Search(index).passages(sorted(shown))
    return [
        _support(row.get("rewritten") or row["question"], correction, _unchanged(row, indexed))
        for row, correction in given
    ]


def _unchanged(row: Mapping[str, Any], indexed: Mapping[str, dict[str, Any]]) -> list[Passage]:
    held = [(one, indexed[one["chunk_id"]]) for one in row["passages"] or () if one["chunk_id"] in indexed]
    return [as_passage(now, one["rank"], one["score"]) for one, now in held if now["text_hash"] == one["text_hash"]]


def _support(question: str, correction: str, passages: Sequence[Passage]) -> list[dict[str, Any]]:
    found: dict[str, list[str]] = {}
    given = list(dict.fromkeys(claims(correction)))
    for sentence in given if len(given) <= _MOST_SENTENCES else ():
        said = answers(question, sentence, passages, fit=0)
        if not said:
            return []
        for one in said:
            found.setdefault(passages[one.passage].document_id, []).extend(one.digests)
    return as_support(found)
