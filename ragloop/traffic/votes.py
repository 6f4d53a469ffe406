"""What people said of imported answers, wherever their votes stand: with the exchange, or in a file of their own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ragloop.journal import LONGEST_CORRECTION, Journal
from ragloop.store import quoted
from ragloop.traffic.exchange import Exchange, LateVote, Skipped, Vote
from ragloop.traffic.rows import encodable, feedback_row

_NO_ANSWER = "found a vote on an exchange that is not in the log; import the exchange first"
_TOO_LONG = f"found a correction of more than {LONGEST_CORRECTION:,} characters, expected the right answer alone"


@dataclass(frozen=True)
class _Asked:
    interaction_id: str
    at: datetime


@dataclass
class Votes:
    """Votes of one import. Exchanges are noted by all names that a vote may call them."""

    _named: dict[str, _Asked] = field(default_factory=dict)
    _given: list[tuple[_Asked, Vote]] = field(default_factory=list)
    _late: list[LateVote] = field(default_factory=list)

    @property
    def are_given(self) -> bool:
        """Return whether there is a vote."""
        return bool(self._given or self._late)

    def note(self, exchange: Exchange, interaction_id: str, at: datetime) -> None:
        """Keep the votes of an exchange, and its names; of several in one trace the last has the name of the trace."""
        asked = _Asked(interaction_id, at)
        self._given += [(asked, vote) for vote in exchange.votes]
        self._named |= {encodable(f"{exchange.origin}:{name}"): asked for name in names_of(exchange.external_id)}

    def add(self, vote: LateVote) -> None:
        """Keep a vote until all exchanges are noted."""
        self._late.append(vote)

    def rows(self, journal: Journal) -> tuple[list[dict[str, Any]], list[Skipped]]:
        """Return the rows of the votes, each once, and those that are of no known exchange."""
        skipped = list[Skipped]()
        given = list(self._given)
        missing = [one for one in self._late if not any(name in self._named for name in _names(one))]
        named = self._named | _logged(journal, missing)
        for late in self._late:
            asked = next((named[name] for name in _names(late) if name in named), None)
            if asked is None:
                skipped.append(Skipped(next(iter(late.about), "?"), _NO_ANSWER))
            else:
                given.append((asked, late.vote))
        fitting = [one for one in given if len(one[1].correction or "") <= LONGEST_CORRECTION]
        skipped += [Skipped(asked.interaction_id, _TOO_LONG) for asked, vote in given if (asked, vote) not in fitting]
        now = journal.store.now()
        rows = (feedback_row(asked.interaction_id, vote, asked.at, now) for asked, vote in fitting)
        return list({one["feedback_id"]: one for one in rows}.values()), skipped


def names_of(external_id: str) -> Iterable[str]:
    """Return the names by which an exchange may be called: its own, that of its trace and that of its step."""
    trace, _, step = external_id.rpartition(":")
    return filter(None, (external_id, trace, step))


def _names(late: LateVote) -> list[str]:
    return [encodable(f"{late.origin}:{one}") for one in late.about]


def _logged(journal: Journal, late: Sequence[LateVote]) -> dict[str, _Asked]:
    """Return the exchanges of earlier imports that these votes may mean, by their names."""
    if not late:
        return {}
    answers, _ = journal.tables()
    origins = sorted({one.origin for one in late})
    where = " OR ".join(f"starts_with(origin, {quoted([one + ':'])})" for one in origins)
    found: dict[str, _Asked] = {}
    for row in answers.rows(["interaction_id", "asked_at", "origin"], where).to_pylist():
        origin, _, external_id = row["origin"].partition(":")
        asked = _Asked(row["interaction_id"], row["asked_at"])
        found |= {f"{origin}:{name}": asked for name in names_of(external_id)}
    return found
