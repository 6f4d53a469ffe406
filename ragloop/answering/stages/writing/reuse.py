"""Give an answer again that was given to the same question over the same passages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ragloop.answering.lanes import LANES
from ragloop.answering.reuse.key import renumbered, reuse_key
from ragloop.answering.reuse.votes import disowned
from ragloop.answering.routing import CANARY, CANARY_REUSE, Arm, Assigned
from ragloop.answering.turn import Turn
from ragloop.errors import MismatchError, NotFoundError, UnavailableError
from ragloop.journal import Answered
from ragloop.language.citations import without_marks
from ragloop.models import Embedder
from ragloop.models.generation.generators import Generators
from ragloop.records import CacheUse, Draft, EarlierAnswer, Route

if TYPE_CHECKING:
    from ragloop.config.answering import AnswerSettings


@dataclass(frozen=True)
class ReusePolicy:
    """Whether answers are given again, of generators that cost nothing too, and for how long."""

    on: bool
    of_free_ones: bool
    longest: timedelta

    @classmethod
    def of(cls, answers: "AnswerSettings") -> "ReusePolicy":
        """Read what the settings say."""
        return cls(answers.cache != "off", answers.cache == "on", timedelta(days=answers.cache_days))


@dataclass(frozen=True)
class Reuse:
    """Gives each turn the key of its answer, and the answer that the log has under it.

    It comes after the route, which decides who would answer. An answer stands whose every sentence its passages still
    say, and whose words were written anew since somebody last voted them down or corrected them (see reuse.votes).

    Under a canary it is noted where either side has an answer to give again. What is given again is quick, and the
    champion has had more time to give answers: only where both would write can their times be compared.
    """

    answered: Answered
    generators: Generators
    embedder: Embedder
    policy: ReusePolicy
    now: Callable[[], datetime]

    def __call__(self, turns: Sequence[Turn]) -> list[Turn]:
        keyed = [self._keyed(turn) for turn in turns]
        others = {turn.interaction_id: other for turn in keyed if (other := self._other_side(turn))}
        keys = sorted({turn.reuse_key for turn in (*keyed, *others.values()) if turn.reuse_key})
        before = self.answered.under(keys) if keys else {}
        given = [self._given(turn, before) for turn in keyed]
        quick = {one for one, other in others.items() if self._given(other, before).reused_from}
        return [_noted(turn) if turn.reused_from or turn.interaction_id in quick else turn for turn in given]

    def _other_side(self, turn: Turn) -> Turn | None:
        """Return the turn as the other side of its canary would get it, with its key; None where there is none."""
        found = Assigned.of(turn.decisions.get(CANARY, ""))
        if found is None:
            return None
        champion = self.generators.standing(turn.lane).champion_id
        other = champion if found.arm is Arm.CHALLENGER else found.adapter_id
        route = Route(turn.lane, other) if other else Route(LANES[turn.lane].fallback)
        try:
            return self._keyed(replace(turn, route=route))
        except (MismatchError, NotFoundError, UnavailableError):  # it could not answer, and gives nothing again
            return None

    def _keyed(self, turn: Turn) -> Turn:
        """Return the turn with the key of its answer, where reuse pays."""
        free = self.generators.is_free(turn.route)
        if turn.draft is not None or turn.unanswerable or not self.policy.on or (free and not self.policy.of_free_ones):
            return turn
        with self.generators.for_route(turn.route, self.embedder) as generator:
            key = reuse_key(turn, LANES[turn.route.lane], generator.fingerprint)
        return replace(turn, reuse_key=key, cache=CacheUse.MISS)

    def _given(self, turn: Turn, under: Mapping[str, Sequence[EarlierAnswer]]) -> Turn:
        before = under.get(turn.reuse_key, ())
        bad = disowned(before)
        oldest = self.now() - self.policy.longest
        for one in before:
            if one.is_written and one.asked_at >= oldest and without_marks(one.answer) not in bad:
                return _again(turn, one)
        return turn


def _noted(turn: Turn) -> Turn:
    """Return the turn with the note that its time says nothing about a canary, where there is one."""
    return turn.decided(CANARY_REUSE, "one side has an answer to give again") if CANARY in turn.decisions else turn


def _again(turn: Turn, before: EarlierAnswer) -> Turn:
    """Return the turn with that answer, if its passages say all of it."""
    text = renumbered(before.answer, before.citations, turn.passages)
    cited = LANES[turn.route.lane].check(turn.query, text, turn.passages)
    if cited.text != text:
        return turn
    turn = replace(turn, draft=Draft(text, model=before.model), cited=cited, model=before.model)
    turn = turn.judged("support", "cited")
    turn = replace(turn, cache=CacheUse.HIT, reused_from=before.interaction_id)
    return turn.decided("reuse", f"the answer of {before.interaction_id}: the same question over the same passages")
