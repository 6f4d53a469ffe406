"""Blocks of an answer that stay whole: code between fences, and rows of a table. Pure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ragloop.language.citations import is_marks

FENCE = "```"
_NAME = 3
"""Most words of the name of a field."""


@dataclass(frozen=True)
class Segment:
    """Lines of an answer: one line of prose, or a block with the marks that stand below it."""

    text: str
    is_block: bool = False
    marks: str = ""

    @property
    def inside(self) -> list[str]:
        """What the block quotes: its code as one text, the values of its JSON object, or each row of its table without
        the rule."""
        lines = self.text.split("\n")
        if self.text.startswith(FENCE):
            return self.values or ["\n".join(lines[1:-1])]
        return [one for one in lines if one.strip("|-: ")]

    @property
    def values(self) -> list[str]:
        """The texts and numbers in a fenced JSON object, and its names that are long enough to say something; else
        none."""
        code = "\n".join(self.text.split("\n")[1:-1]).strip() if self.text.startswith(FENCE) else ""
        if not code.startswith("{"):
            return []
        try:
            return list(_leaves(json.loads(code, object_pairs_hook=_said_in)))
        except (ValueError, RecursionError):
            return []


def segments(text: str) -> Iterator[Segment]:
    """Yield the lines of a text, those of a block together; a fence that is not closed goes to the end."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        end = _block_end(lines, at)
        if end == at:
            yield Segment(lines[at])
            at += 1
            continue
        marked = end < len(lines) and is_marks(lines[end])
        yield Segment("\n".join(lines[at:end]), is_block=True, marks=lines[end].strip() if marked else "")
        at = end + bool(marked)


def _block_end(lines: list[str], at: int) -> int:
    """Return where the block ends that begins at this line; the line itself where none does."""
    if lines[at].startswith(FENCE):
        closing = next((n for n in range(at + 1, len(lines)) if lines[n].strip() == FENCE), len(lines) - 1)
        return closing + 1
    end = at
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    return end


def _said_in(pairs: Sequence[tuple[str, Any]]) -> list[Any]:
    """Return what an object says, also under a name that it has twice."""
    return [said for name, value in pairs for said in ((name, value) if len(name.split()) > _NAME else (value,))]


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    elif value is not None and value != "":
        yield value if isinstance(value, str) else json.dumps(value)
