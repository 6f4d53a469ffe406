"""Passages that stand in a prompt only: find them again, where a service writes of them nothing but their number.

What all prompts of a service begin and end with is its template, as are short lines that stand in most of them. The
rest is taken apart at blank lines, and where that does not do, at line ends. Parts that follow each other in one
document are one passage. A part that stands in no document stays as an unresolved one: it may be what changed.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ragloop.traffic.exchange import Exchange, Shown
from ragloop.traffic.resolving.resolver import Resolver
from ragloop.traffic.resolving.standing import SHINGLE, where_it_stands
from ragloop.traffic.resolving.tied import Tied
from ragloop.traffic.resolving.words import tokens

_PROMPTS = 3
"""From so many prompts on, a line that stands in most of them is taken for one of the template."""
_MOST_OF_THEM = 0.6
_SHORT = 12
"""Words of the longest line of a template."""


def with_passages_of_prompts(exchanges: Sequence[Exchange], resolver: Resolver) -> list[Exchange]:
    """Return the exchanges, those whose passages have no text with the passages that their prompts hold."""
    wanted = [one for one in exchanges if _is_wanted(one, resolver)]
    bodies = dict(zip(map(id, wanted), _bodies(wanted), strict=True))
    resolver.resolve([Shown(part) for body in bodies.values() for part in _parts(body) if _is_long(part)])
    found = []
    for one in exchanges:
        parts = _passages(bodies[id(one)], resolver) if id(one) in bodies else []
        found.append(replace(one, shown=tuple(map(Shown, parts))) if parts else one)
    return found


def _is_wanted(exchange: Exchange, resolver: Resolver) -> bool:
    if not exchange.prompt or not exchange.shown or any(one.text for one in exchange.shown):
        return False
    return not all(one.is_live for one in resolver.resolve(exchange.shown))


def _bodies(exchanges: Sequence[Exchange]) -> list[str]:
    """Return each prompt without its question and its template."""
    asked = [one.prompt.replace(one.question, "\n\n") if len(one.question) > 1 else one.prompt for one in exchanges]
    different = list(dict.fromkeys(asked))
    start, end = _template(different)
    bodies = [one[start : len(one) - end] for one in asked]
    lines = Counter(line for one in different for line in {*map(str.strip, one.splitlines())})
    most = len(different) * _MOST_OF_THEM
    known = {line for line, count in lines.items() if count >= most and len(tokens(line)) <= _SHORT}
    if len(different) < _PROMPTS:
        return bodies
    return [
        "\n".join("" if line.strip() in known and line.strip() else line for line in one.split("\n")) for one in bodies
    ]


def _template(prompts: Sequence[str]) -> tuple[int, int]:
    """Return how many characters all prompts begin and end with, up to a blank."""
    if len(prompts) < 2:
        return 0, 0
    shortest = min(map(len, prompts))
    begins = _up_to_blank(_common(prompts))
    return begins, min(_up_to_blank(_common([one[::-1] for one in prompts])), shortest - begins)


def _common(texts: Sequence[str]) -> str:
    """Return what all texts begin with."""
    first, last = min(texts), max(texts)
    different = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return first[: next(different, min(len(first), len(last)))]


def _up_to_blank(text: str) -> int:
    return next((at for at in range(len(text), 0, -1) if text[at - 1].isspace()), 0)


def _parts(text: str) -> list[str]:
    return [one for one in text.split("\n\n") if tokens(one)]


def _is_long(text: str) -> bool:
    return len(tokens(text)) >= SHINGLE


@dataclass(frozen=True)
class _Passage:
    """Parts of a prompt that are one passage. `tied` is what became of the first long one of them, None before that."""

    text: str
    tied: Tied | None


def _passages(body: str, resolver: Resolver) -> list[str]:
    """Return the passages of a prompt without its template."""
    found = list(_joined(_parts(body), resolver))
    return [
        text
        for one in found
        for text in ([part.text for part in _joined(one.text.split("\n"), resolver)] if _is_mixed(one) else [one.text])
    ]


def _is_mixed(passage: _Passage) -> bool:
    """Return whether a passage may be several: it stands nowhere as a whole and has several lines."""
    return "\n" in passage.text.strip() and not (passage.tied is not None and passage.tied.is_live)


def _joined(parts: Sequence[str], resolver: Resolver) -> Iterator[_Passage]:
    """Join parts that follow each other in one document; a short one belongs to what stands beside it."""
    held: _Passage | None = None
    for part in parts:
        if not tokens(part):
            continue
        together = _together(held, part, resolver) if held else None
        if together is None:
            if held:
                yield held
            together = _Passage(part, resolver.resolve([Shown(part)])[0] if _is_long(part) else None)
        held = together
    if held:
        yield held


def _together(held: _Passage, part: str, resolver: Resolver) -> _Passage | None:
    """Return a passage with the part that follows it; None where the part is of another one."""
    text = f"{held.text}\n\n{part}"
    if held.tied is not None and held.tied.is_live:
        return _Passage(text, held.tied) if _stands(text, held.tied, resolver) else None
    if held.tied is None:
        tied = resolver.resolve([Shown(part if _is_long(part) else text)])[0]
        if tied.is_live and _stands(text, tied, resolver):
            return _Passage(text, tied)
    return None


def _stands(text: str, tied: Tied, resolver: Resolver) -> bool:
    document = tied.document
    return document is not None and len(where_it_stands(text, resolver.library.document(document.document_id))) == 1
