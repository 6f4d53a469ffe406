"""What an answer rests on, as its row of the log tells. Pure."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from ragloop.language.citations import cited_numbers
from ragloop.learning.examples.example import DocumentRevision, Shown

Row = Mapping[str, Any]


def passages_of(row: Row, correction: Row | None) -> tuple[Shown, ...]:
    """Return the passages that an answer was made from, by rank; what it cites, or its correction rests on, is cited.

    A passage that no index holds has no chunk, and is left out.
    """
    ranked = sorted(row["passages"] or (), key=lambda one: one["rank"])
    borne = {one["document_id"] for one in (correction or {}).get("support") or ()}
    cited = {one.get("chunk_id") for one in row["citations"] or ()}
    return tuple(
        Shown(
            one["chunk_id"],
            one["text_hash"],
            one["document_id"],
            one["revision"],
            n=one["rank"],
            cited=one["document_id"] in borne if correction is not None else one["chunk_id"] in cited,
        )
        for one in ranked
        if one["chunk_id"] and one.get("text_hash")
    )


def resting_on_passages(row: Row, passages: Sequence[Shown]) -> tuple[DocumentRevision, ...]:
    """Return the documents of passages that a row repeats, cited ones first: all of each passage must stand."""
    if not _is_whole(row):
        return ()
    keys = dict.fromkeys((one.document_id, one.revision) for one in sorted(passages, key=lambda one: not one.cited))
    held = {key: [one for one in passages if (one.document_id, one.revision) == key] for key in keys}
    return tuple(
        DocumentRevision(*key, any(one.cited for one in ones), tuple(dict.fromkeys(one.text_hash for one in ones)))
        for key, ones in held.items()
    )


def resting_on(row: Row, correction: Row | None) -> tuple[DocumentRevision, ...]:
    """Return what the example rests on, cited first, then shown by rank, each revision once."""
    cited = [(one["document_id"], one["revision"]) for one in row["citations"] or ()]
    ranked = sorted(row["passages"] or (), key=lambda one: one["rank"])
    shown = [(one["document_id"], one["revision"]) for one in ranked]
    support = (correction or row).get("support")
    statements = {one["document_id"]: tuple(one["statements"]) for one in support or ()}
    chunks = {one.get("chunk_id") for one in row["citations"] or ()}
    cited = cited if _is_whole(row) else []
    if correction is not None and support:
        rests_on = [one for one in [*cited, *shown] if one[0] in statements]
    else:
        rests_on = cited if cited and correction is None else [*cited, *shown]
    return tuple(
        DocumentRevision(
            *key,
            cited=key in cited,
            text_hashes=_text_hashes(ranked, key, chunks if correction is None and cited else None),
            statements=statements.get(key[0], ()),
        )
        for key in dict.fromkeys(rests_on)
    )


def _is_whole(row: Row) -> bool:
    """Return whether every passage that the answer marks is known: else it rests on more than its citations say."""
    known = {one["n"] for one in row["citations"] or ()}
    shown = {one["rank"] for one in row["passages"] or ()}
    return known.issuperset(n for n in cited_numbers(row["answer"] or "") if n in shown)


def _text_hashes(passages: Sequence[Row], document: tuple[str, str], chunks: Container[str] | None) -> tuple[str, ...]:
    """Return the hashes of a document's passages, of these chunks or of all."""
    return tuple(
        one["text_hash"]
        for one in passages
        if (one["document_id"], one["revision"]) == document
        and one.get("text_hash")
        and (chunks is None or one["chunk_id"] in chunks)
    )


def may_rest_elsewhere(row: Row) -> bool:
    """Return whether a passage was shown that no index holds, and a sentence of the answer has no other behind it."""
    return not row.get("support") and any(not one["document_id"] for one in row["passages"] or ())
