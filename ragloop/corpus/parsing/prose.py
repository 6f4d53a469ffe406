"""Sample the prose of a document, by which its language is told."""

from collections.abc import Iterator

from ragloop.corpus.parsing.document import ParsedDocument

SAMPLE = 2_000
"""Most characters of a sample."""
_PARTS = 4
"""Stretches of a long document that a sample is taken from: the first may be a licence, or another language."""
_KINDS = ("paragraph", "list")


def prose_sample(document: ParsedDocument) -> str:
    """Return some of the prose of a document: all of a short one, of a long one stretches from its begin to its end.

    Code, tables, titles and front matter are left out.
    """
    spans = [(one.start, one.end) for one in document.blocks if one.kind in _KINDS]
    whole = sum(end - start for start, end in spans)
    if whole <= SAMPLE:
        return "\n".join(document.text[start:end] for start, end in spans)
    wanted = ((whole - SAMPLE // _PARTS) * part // (_PARTS - 1) for part in range(_PARTS))
    return "\n".join(_stretch(document.text, spans, first, SAMPLE // _PARTS) for first in wanted)


def _stretch(text: str, spans: list[tuple[int, int]], first: int, length: int) -> str:
    """Return so many characters of the prose, from its character `first` on."""
    return "\n".join(_pieces(text, spans, first, first + length))


def _pieces(text: str, spans: list[tuple[int, int]], first: int, last: int) -> Iterator[str]:
    at = 0
    for start, end in spans:
        if at < last and at + end - start > first:
            yield text[start + max(0, first - at) : start + min(end - start, last - at)]
        at += end - start
