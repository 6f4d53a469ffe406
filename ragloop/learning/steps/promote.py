"""Make an adapter the champion where its verdict, and the moment, allow it."""

from dataclasses import dataclass
from functools import partial

from ragloop.learning.evaluation.gate import Verdict, withheld
from ragloop.learning.steps.judge import judged
from ragloop.learning.steps.parts import RetrainingParts
from ragloop.registry import INCONCLUSIVE, REGISTERED, REJECTED, RETIRED, Adapter, AdapterState, Canaries, VerdictKind

_STATE = {VerdictKind.REJECT: REJECTED, VerdictKind.INCONCLUSIVE: INCONCLUSIVE}
_COMPARE_AGAIN = "another champion serves than the one that it was compared with; evaluate again."
_JUDGE_AGAIN = "it was evaluated or judged again since this verdict; judge it again."
_TRY_AGAIN = "another adapter is tried in its lane; evaluate again when that canary has ended."
_AGAIN = (_COMPARE_AGAIN, _JUDGE_AGAIN, _TRY_AGAIN)
_ROLLED_BACK = "it was rolled back from; `ragloop adapters promote` brings it back."


@dataclass(frozen=True)
class Promotion:
    """How a retraining ended: the verdict as it stands when all is done, whether the adapter was promoted, and who
    said so. `tried`: a canary of it began, which promotes it or not."""

    verdict: Verdict
    promoted: bool
    by: str = ""
    tried: bool = False

    @property
    def outcome(self) -> str:
        """What was done, as a participle."""
        return "promoted" if self.promoted else "made a challenger" if self.tried else "not promoted"


@dataclass(frozen=True)
class Approved:
    """Who approved of a promotion, and why."""

    by: str
    reason: str = ""


GATE = "the gate"
"""Who decides where no person is asked."""


def promote_adapter(
    parts: RetrainingParts, adapter_id: str, verdict: Verdict, approved: Approved | None = None
) -> Promotion:
    """Promote the adapter if the verdict says so, or begin its canary where its lane has the traffic for one.

    Not promoted are an adapter of which a trained row changed, a retired one, and one that was compared with another
    champion than the one that serves now, was judged again since the verdict, or would be tried where another one is:
    these three stay registered, so that the next retraining evaluates them again. One that serves already, as a
    promotion that was killed leaves it, is promoted. Raises MismatchError when its files changed.
    """
    if verdict.verdict != VerdictKind.PROMOTE:
        return note_verdict(parts, adapter_id, verdict)
    by, said = (approved.by, approved.reason) if approved else (GATE, "")
    reason = "; ".join(filter(None, [said, "gate: " + " ".join(verdict.reasons)]))
    tried = _is_tried_first(parts, adapter_id)
    if tried:
        share, why_not = parts.policy.canary.share, partial(_why_not_tried, parts, verdict)
        why = Canaries(parts.registry).start_if(adapter_id, share, reason, why_not, by)
    else:
        why = parts.registry.promote_if(adapter_id, reason, partial(_why_not, parts, verdict), by)
    if not why:
        return Promotion(verdict, promoted=not tried, by=by, tried=tried)
    verdict = withheld(verdict, why)
    _note(parts, adapter_id, verdict, REGISTERED if why in _AGAIN else INCONCLUSIVE)
    return Promotion(verdict, promoted=False)


def note_verdict(parts: RetrainingParts, adapter_id: str, verdict: Verdict) -> Promotion:
    """Note the state that a verdict leaves where nobody promotes the adapter now."""
    _note(parts, adapter_id, verdict, _STATE.get(verdict.verdict, REGISTERED))
    return Promotion(verdict, promoted=False)


def _is_tried_first(parts: RetrainingParts, adapter_id: str) -> bool:
    """Return whether a canary comes before the promotion; one that serves needs none, also where it was killed."""
    adapter = parts.registry.adapter(adapter_id)
    serves = parts.registry.champion_id(adapter.lane) == adapter.adapter_id
    return not serves and parts.begins_as_challenger(adapter.lane)


def _why_not(parts: RetrainingParts, verdict: Verdict, adapter: Adapter, serving: Adapter | None) -> str:
    """Return why the adapter must not be promoted now; what changes most often is looked at last."""
    if adapter.state == RETIRED:
        return _ROLLED_BACK
    if adapter.evidence.compared_with != (serving.adapter_id if serving else None):
        return _COMPARE_AGAIN
    if adapter.evidence.criteria != verdict.criteria:
        return _JUDGE_AGAIN
    return parts.staleness(adapter)


def _why_not_tried(parts: RetrainingParts, verdict: Verdict, adapter: Adapter, serving: Adapter | None) -> str:
    """Return why no canary of the adapter may begin now."""
    others = [one for one in Canaries(parts.registry).under_way(adapter.lane) if one.adapter_id != adapter.adapter_id]
    return _why_not(parts, verdict, adapter, serving) or (_TRY_AGAIN if others else "")


def _note(parts: RetrainingParts, adapter_id: str, verdict: Verdict, state: AdapterState) -> None:
    """Keep the verdict, and the state where it may follow the present one: what serves or was rolled back from keeps
    its own."""
    parts.registry.update(adapter_id, lambda now: judged(now, verdict, state))
