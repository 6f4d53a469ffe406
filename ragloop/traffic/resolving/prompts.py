"""Passages that stand in a prompt only: find them again, where a service writes of them nothing but their number.

What all prompts of a service begin and end with is its template, as are short lines that stand in most of them. The
rest is taken apart at blank lines, and where that does not do, at line ends. Parts that follow each other in one
document are one passage. A part that stands in no document stays as an unresolved one: it may be what changed.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ragloop.traffic.exchange import Exchange, Shown
from ragloop.traffic.resolving.document import KnownDocument
from ragloop.traffic.resolving.resolver import Resolver
from ragloop.traffic.resolving.standing import SHINGLE, where_it_stands
from ragloop.traffic.resolving.tied import Tied
from ragloop.traffic.resolving.words import tokens

_PROMPTS = 5
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
    known = {line for line, count in lines.items() if count >= most and 0 < len(tokens(line)) <= _SHORT}
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
    """Parts of a prompt that are one passage. `tied` is what became of it, None while it is too short to be tied."""

    text: str
    tied: Tied | None

    @property
    def document(self) -> KnownDocument | None:
        """The document that all of it stands in."""
        return self.tied.document if self.tied is not None and self.tied.is_live else None


def _passages(body: str, resolver: Resolver) -> list[str]:
    """Return the passages of a prompt without its template."""
    found = list[_Passage]()
    for one in _joined(_parts(body), resolver):
        lines = list(_joined(one.text.split("\n"), resolver)) if one.document is None else []
        found += lines if lines and all(line.document for line in lines) else [one]
    kept = [one for at, one in enumerate(found) if not _is_of_neighbours(found, at, resolver)]
    parts = groupby(kept, key=lambda one: one.document is None)
    return [text for unknown, ones in parts for text in _texts(list(ones), together=unknown)]


def _texts(passages: Sequence[_Passage], *, together: bool) -> list[str]:
    """Return the texts of passages; parts that stand nowhere count as one: they are what became of one passage."""
    texts = [one.text for one in passages]
    return ["\n\n".join(texts)] if together else texts


def _is_of_neighbours(passages: Sequence[_Passage], at: int, resolver: Resolver) -> bool:
    """Return whether a part that is too short to be tied stands in the document of the passage before or after it."""
    if passages[at].tied is not None:
        return False
    beside = (one.document for one in (*passages[max(0, at - 1) : at], *passages[at + 1 : at + 2]))
    words = tokens(passages[at].text)
    return any(one is not None and resolver.library.document(one.document_id).holds(words) for one in beside)


def _joined(parts: Sequence[str], resolver: Resolver) -> Iterator[_Passage]:
    """Join parts that follow each other in one document; short ones wait for what follows them."""
    held: _Passage | None = None
    for part in filter(tokens, parts):
        together = _together(held, part, resolver) if held else _tied(part, resolver)
        if together is None:
            if held:
                yield held
            together = _tied(part, resolver)
        held = together
    if held:
        yield held


def _tied(text: str, resolver: Resolver) -> _Passage:
    return _Passage(text, resolver.resolve([Shown(text)])[0] if _is_long(text) else None)


def _together(held: _Passage, part: str, resolver: Resolver) -> _Passage | None:
    """Return a passage with the part that follows it; None where the part is of another one."""
    text = f"{held.text}\n\n{part}"
    if held.tied is None and not _is_long(text):
        return _Passage(text, None)
    tied = held.tied if held.document else None
    if held.tied is None:
        tied = resolver.resolve([Shown(part if _is_long(part) else text)])[0]
    stands = tied is not None and tied.is_live and _stands(text, tied, resolver)
    return _Passage(text, tied) if stands else None


def _stands(text: str, tied: Tied, resolver: Resolver) -> bool:
    document = tied.document
    return document is not None and len(where_it_stands(text, resolver.library.document(document.document_id))) == 1
