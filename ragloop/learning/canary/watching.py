"""Watch the canaries of a store: read what was logged since each began, decide, and change the alias where it is due.

Nothing is kept between two looks: each reads the log again from the beginning of the canary. So a watcher that is
killed between decision and change has lost nothing, and several may watch at once: a change names the step that it was
decided on, and the second one of two does nothing.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from ragloop.answering.routing import CANARY, CANARY_REUSE, Assigned
from ragloop.errors import MismatchError
from ragloop.journal import ROW, Journal
from ragloop.learning.canary.decision import CanaryAction, CanaryDecision, CanaryPolicy, decide
from ragloop.learning.canary.outcomes import LoggedAnswer, LoggedVote, Tally, tallied
from ragloop.records import FeedbackKind, LaneName
from ragloop.registry import Adapter, Canaries, Challenger, Registry

BY = "the canary"
"""Who changed an alias where no person did."""
_log = logging.getLogger(__name__)
_DECIDED = ["interaction_id", "asked_at", "decisions"]
_ANSWERS = ["interaction_id", "asked_at", "asked_by", "conversation", "lane", "abstained", "latency_ms", "decisions"]
_VOTES = ["interaction_id", "given_at", "kind"]


@dataclass(frozen=True)
class Watched:
    """What a look at a canary found: what the counts say, what is to be done, and whether it was. `trouble` says why
    the challenger cannot serve or must not be promoted; empty where it may."""

    challenger: Challenger
    decision: CanaryDecision
    action: CanaryAction
    trouble: str = ""
    done: bool = False

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is to be done."""
        return (self.trouble,) if self.trouble else self.decision.reasons


class CanaryWatch:
    """The canaries of one store; `outdated(adapter)` says which of its trained rows are no longer true."""

    def __init__(
        self, journal: Journal, registry: Registry, policy: CanaryPolicy, outdated: Callable[[Adapter], str]
    ) -> None:
        self._journal, self._registry, self._policy, self._outdated = journal, registry, policy, outdated
        self.canaries = Canaries(registry)

    def look(self) -> list[Watched]:
        """Decide on every canary, and change nothing."""
        return [self._watched(one) for one in self.canaries.under_way()]

    def act(self) -> list[Watched]:
        """Decide on every canary, and do what was decided."""
        return [self._done(one) for one in self.look()]

    def _watched(self, tried: Challenger) -> Watched:
        decision = decide(tried.now.share, logged_since(self._journal, tried, self._policy.slow_ms), self._policy)
        if trouble := self.canaries.lost(tried):
            return Watched(tried, decision, CanaryAction.ROLL_BACK, f"it cannot serve: {trouble}")
        if trouble := self.canaries.waits(tried):
            return Watched(tried, decision, CanaryAction.STAY, f"it waits: {trouble}")
        if decision.action is CanaryAction.PROMOTE and (trouble := self._stale(tried)):
            return Watched(tried, decision, CanaryAction.STOP, trouble)
        return Watched(tried, decision, decision.action)

    def _stale(self, tried: Challenger) -> str:
        try:
            return self._outdated(self._registry.adapter(tried.adapter_id))
        except MismatchError as error:
            return str(error)  # nobody can tell whether its rows are still true

    def _done(self, watched: Watched) -> Watched:
        done = self._do(watched)
        if done:
            _log.info("canary of adapter %s: %s", watched.challenger.adapter_id, watched.action)
        return replace(watched, done=done)

    def _do(self, watched: Watched) -> bool:
        tried, why = watched.challenger, " ".join(watched.reasons)
        match watched.action:
            case CanaryAction.RAMP:
                return self.canaries.ramp(tried, watched.decision.share, why, BY)
            case CanaryAction.PROMOTE:
                return self.canaries.promote(tried, why, BY)
            case CanaryAction.ROLL_BACK:
                return self.canaries.roll_back(tried, why, BY)
            case CanaryAction.STOP:
                return self.canaries.stop(tried, why, BY)
        return False


def logged_since(journal: Journal, tried: Challenger, slow_ms: float) -> Tally:
    """Count what was logged of a canary since it began.

    Of all rows since then it reads the decisions and who was voted on, of those of the canary some more columns.
    """
    answers, feedback = journal.tables()
    # The clock was set back where a canary begins in the future; then all counts that was logged of its challenger.
    since = tried.since if tried.since <= journal.store.now() else None
    decided = answers.rows(_DECIDED, _since("asked_at", since) if since else None)
    mine = decided.filter(_is_of(decided, tried))
    votes = feedback.rows(_VOTES, _since("given_at", since) if since else None)
    votes = votes.filter(pc.is_in(votes["interaction_id"], value_set=pc.unique(mine["interaction_id"])))
    return tallied(_answers(answers.take(mine[ROW].to_numpy(), _ANSWERS), tried), _votes(votes), slow_ms)


def _is_of(decided: pa.Table, tried: Challenger) -> pa.ChunkedArray:
    """Return which rows a canary decided about."""
    said = pc.map_lookup(decided["decisions"], pa.scalar(CANARY), "first")
    return pc.ends_with(said, f" for {tried.adapter_id}").fill_null(False)


def questions_of(journal: Journal, lane: LaneName, since: datetime) -> int:
    """Count the questions that were asked in a lane since then: answered in it, or by another one in its place."""
    answers, _ = journal.tables()
    rows = answers.rows(["lane", "fallback"], _since("asked_at", since))
    answered = pc.equal(rows["lane"], str(lane)).fill_null(False)
    in_place = pc.match_substring(rows["fallback"].fill_null(""), f"for the lane {lane};")
    return int(pc.sum(pc.or_(answered, in_place).cast(pa.int64())).as_py() or 0)


def _answers(rows: pa.Table, tried: Challenger) -> Iterator[LoggedAnswer]:
    for row in rows.to_pylist():
        decisions = dict(row["decisions"] or ())
        found = Assigned.of(decisions.get(CANARY, ""))
        if found is not None and found.adapter_id == tried.adapter_id:
            yield LoggedAnswer(
                row["interaction_id"],
                f"{row['asked_by'] or ''}/{row['conversation']}" if row["conversation"] else row["interaction_id"],
                row["asked_at"],
                found,
                bool(row["abstained"]),
                row["lane"] != tried.lane,
                sum(value for _, value in row["latency_ms"] or ()),
                CANARY_REUSE not in decisions,
            )


def _votes(rows: pa.Table) -> Iterator[LoggedVote]:
    for row in rows.select(_VOTES).to_pylist():
        yield LoggedVote(row["interaction_id"], row["given_at"], row["kind"] != FeedbackKind.UP)


def _since(column: str, moment: datetime) -> str:
    return f"{column} >= timestamp '{moment.replace(tzinfo=None).isoformat(sep=' ')}'"
