"""Say where another document gives another value than the answer, the newest first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ragloop.answering.prompts import Cited, cited_sentences
from ragloop.answering.signals.copies import version_of
from ragloop.answering.support.conflicts import Conflict, conflict
from ragloop.answering.turn import Turn
from ragloop.corpus.index.table import Index
from ragloop.language.citations import defused
from ragloop.records import Passage
from ragloop.store import quoted

OTHER = "Another document gives another value:"
OLDER = "An older document gives another value:"
NEWER = "Of the two values the newer document gives this one:"
_BOTH = 2
"""Sentences of an answer that says the two values and nothing else."""


@dataclass(frozen=True)
class SayConflicts:
    """Adds to an answer the statement that contradicts it, with its citation; the ledger says which is newer.

    `readable` gives what of a passage may be said to answer a question.
    """

    index: Index
    readable: Callable[[Passage, str], Passage]

    def __call__(self, turns: Sequence[Turn]) -> list[Turn]:
        return [self._said(turn) for turn in turns]

    def _said(self, turn: Turn) -> Turn:
        if turn.cited is None or not turn.cited.text:
            return turn
        found = conflict(turn.query, turn.cited, [self.readable(one, turn.query) for one in turn.passages])
        if found is None:
            return turn
        cited, other = turn.passages[found.cited - 1], turn.passages[found.other - 1]
        changed = self._changed([cited, other])
        told = f"passages {found.cited} and {found.other} give {' and '.join(found.values)}"
        text = _text(turn.cited.text, found, _newer(other, cited, changed))
        rests_on = {**turn.cited.rests_on, found.other: _with(turn.cited, found)}
        # Nothing of it is reused: the check of an answer that is given again keeps what one passage says.
        turn = replace(turn, cited=Cited(text, rests_on), reuse_key="")
        return turn.decided("conflicts", told).judged("conflicts", told)

    def _changed(self, passages: Sequence[Passage]) -> Mapping[str, datetime | None]:
        """Return when the documents of passages changed at their source, by document id."""
        ids = sorted({one.document_id for one in passages})
        rows = self.index.read(f"id IN ({quoted(ids)})", ["id", "changed_at"])
        return {row["id"]: row["changed_at"] for row in rows.to_pylist()}


def _with(cited: Cited, found: Conflict) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*cited.rests_on.get(found.other, ()), found.statement.digest)))


def _newer(one: Passage, other: Passage, changed: Mapping[str, datetime | None]) -> bool | None:
    """Return whether one document is newer than the other; None where nothing tells.

    Versions tell where both paths have one, times of change where both are known.
    """
    versions = version_of({"uri": one.uri}), version_of({"uri": other.uri})
    if all(versions) and versions[0] != versions[1]:
        return versions[0] > versions[1]
    times = changed.get(one.document_id), changed.get(other.document_id)
    if times[0] is None or times[1] is None or times[0] == times[1]:
        return None
    return times[0] > times[1]


def _text(answer: str, found: Conflict, other_is_newer: bool | None) -> str:
    rival, said = f"{defused(found.statement.text)} [{found.other}]", f"{defused(found.said.text)} [{found.cited}]"
    if rival in answer:
        newer, older = (rival, said) if other_is_newer else (said, rival)
        if len(cited_sentences(answer)) > _BOTH:
            return f"{answer}\n\n{NEWER} {newer}"
        return f"{newer}\n\n{OTHER if other_is_newer is None else OLDER} {older}"
    if other_is_newer:
        return f"{rival}\n\n{OLDER} {answer}"
    return f"{answer}\n\n{OTHER if other_is_newer is None else OLDER} {rival}"
