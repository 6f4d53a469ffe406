"""Whether a passage of another service still stands in a document: exact about facts, lenient about cuts.

It stands where its words follow each other in the document, or where each of its pieces does (see pieces) in runs that
cannot be met by chance: a run has eight words and more, stands in one place only or soon after the run before it, and
begins as a statement of the document does, with no word that leads back to the one before it. So an inserted paragraph
costs nothing, while one changed number, name or negation does, also where the sentence that it makes stands elsewhere
in the document.
"""

import re
from collections.abc import Iterator, Sequence

from ragloop.traffic.resolving.document import DocumentWords, Run, words_of
from ragloop.traffic.resolving.pieces import Piece, pieces_as_parsed, pieces_of_text

SHINGLE = 8
"""Words that are not met by chance."""
NEAR = 120
"""Words within which a run that stands in several places has to follow the one before it."""
_LEADS_BACK = re.compile(
    r"it|its|this|these|that|those|they|their|he|she|his|her|both|such|here|otherwise|then|also|however", re.IGNORECASE
)


def where_it_stands(text: str, document: DocumentWords) -> tuple[Run, ...]:
    """Return the runs of the document that say what the passage says; none where something of it changed or went."""
    raw = pieces_of_text(text)
    if runs := _runs(raw, document):
        return runs
    return _runs(pieces_as_parsed(text, document.document.key), document)


def _runs(pieces: Sequence[Piece], document: DocumentWords) -> tuple[Run, ...]:
    if not pieces:
        return ()
    whole = document.find_cut(words_of(pieces))
    if whole is not None:
        return (whole,)
    found, before = list[Run](), 0
    for words in _longest(pieces, document):
        run = _accepted(words, document, before if found else None)
        if run is None:
            return ()
        found.append(run)
        before = run.after
    return tuple(found)


def _longest(pieces: Sequence[Piece], document: DocumentWords) -> Iterator[list[str]]:
    """Yield the words of pieces that follow each other in the document, as many together as do."""
    at = 0
    while at < len(pieces):
        words, end = list(pieces[at].words), at + 1
        while end < len(pieces) and _holds([*words, *pieces[end].words], document, at == 0, end == len(pieces) - 1):
            words += pieces[end].words
            end += 1
        yield words
        at = end


def _holds(words: Sequence[str], document: DocumentWords, is_first: bool, is_last: bool) -> bool:
    return document.holds(words) or ((is_first or is_last) and document.find_cut(words) is not None)


def _accepted(words: Sequence[str], document: DocumentWords, before: int | None) -> Run | None:
    """Return where a run stands, None where it does not or may stand by chance."""
    run = document.find_cut(words)
    if run is None or len(words) < SHINGLE:
        return None
    if before is not None:
        near = document.find(words, before)
        if _LEADS_BACK.fullmatch(words[0]) or not document.is_begin((near or run).first):
            return None
        if near is not None and near.first - before <= NEAR:
            return near
    return run if document.is_unique(words) or not document.holds(words) else None


def contained_share(text: str, document: DocumentWords) -> float:
    """Return the share of a passage's shingles that stand in the document; 0 where it has none."""
    words = words_of(pieces_of_text(text))
    shingles = [words[at : at + SHINGLE] for at in range(len(words) - SHINGLE + 1)]
    return sum(map(document.holds, shingles)) / len(shingles) if shingles else 0.0
