"""Make an adapter the champion where its verdict, and the moment, allow it."""

from dataclasses import dataclass
from functools import partial

from ragloop.learning.evaluation.gate import Verdict, withheld
from ragloop.learning.steps.judge import judged
from ragloop.learning.steps.parts import RetrainingParts
from ragloop.registry import INCONCLUSIVE, REGISTERED, REJECTED, RETIRED, Adapter, AdapterState, VerdictKind

_STATE = {VerdictKind.REJECT: REJECTED, VerdictKind.INCONCLUSIVE: INCONCLUSIVE}
_COMPARE_AGAIN = "another champion serves than the one that it was compared with; evaluate again."
_JUDGE_AGAIN = "it was evaluated or judged again since this verdict; judge it again."
_ROLLED_BACK = "it was rolled back from; `ragloop adapters promote` brings it back."


@dataclass(frozen=True)
class Promotion:
    """How a retraining ended: the verdict as it stands when all is done, whether the adapter was promoted, and who
    said so."""

    verdict: Verdict
    promoted: bool
    by: str = ""


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
    """Promote the adapter if the verdict says so.

    Not promoted are an adapter of which a trained row changed, a retired one, and one that was compared with another
    champion than the one that serves now, or judged again since the verdict: these two stay registered, so that the
    next retraining evaluates them again. One that serves already, as a promotion that was killed leaves it, is
    promoted. Raises MismatchError when its files changed.
    """
    if verdict.verdict != VerdictKind.PROMOTE:
        _note(parts, adapter_id, verdict, _STATE[verdict.verdict])
        return Promotion(verdict, promoted=False)
    by, said = (approved.by, approved.reason) if approved else (GATE, "")
    reason = "; ".join(filter(None, [said, "gate: " + " ".join(verdict.reasons)]))
    why = parts.registry.promote_if(adapter_id, reason, partial(_why_not, parts, verdict), by)
    if not why:
        return Promotion(verdict, promoted=True, by=by)
    verdict = withheld(verdict, why)
    _note(parts, adapter_id, verdict, REGISTERED if why in (_COMPARE_AGAIN, _JUDGE_AGAIN) else INCONCLUSIVE)
    return Promotion(verdict, promoted=False)


def _why_not(parts: RetrainingParts, verdict: Verdict, adapter: Adapter, serving: Adapter | None) -> str:
    """Return why the adapter must not be promoted now; what changes most often is looked at last."""
    if adapter.state == RETIRED:
        return _ROLLED_BACK
    if adapter.evidence.compared_with != (serving.adapter_id if serving else None):
        return _COMPARE_AGAIN
    if adapter.evidence.criteria != verdict.criteria:
        return _JUDGE_AGAIN
    return parts.staleness(adapter)


def _note(parts: RetrainingParts, adapter_id: str, verdict: Verdict, state: AdapterState) -> None:
    """Keep the verdict, and the state where it may follow the present one: what serves or was rolled back from keeps
    its own."""
    parts.registry.update(adapter_id, lambda now: judged(now, verdict, state))
