"""Hold the kept evaluation of an adapter against the gate."""

from dataclasses import asdict, replace
from typing import Any

from ragloop.learning.evaluation.gate import Verdict, judge, withheld
from ragloop.learning.evaluation.run import read_evaluation
from ragloop.learning.steps.parts import RetrainingParts
from ragloop.registry import REGISTERED, Adapter, AdapterState


def judge_adapter(parts: RetrainingParts, adapter_id: str) -> Verdict:
    """Judge the kept evaluation, and note the verdict with the adapter.

    Where a trained row is no longer true, what the gate would promote is inconclusive.
    """
    adapter = parts.registry.adapter(adapter_id)
    report = read_evaluation(parts.registry.folder(adapter))
    verdict = judge(report.target, report.elsewhere, parts.policy.gate, ended_early=report.ended_early)
    verdict = replace(verdict, reasons=(*verdict.reasons, *adapter.metrics.get("notes", ())))
    stale = parts.staleness(adapter)
    verdict = withheld(verdict, stale) if stale else verdict
    parts.registry.update(adapter_id, lambda now: judged(now, verdict, criteria=criteria_of(verdict)))
    return verdict


def judged(adapter: Adapter, verdict: Verdict, state: AdapterState = REGISTERED, **metrics: Any) -> Adapter:
    """Return the adapter with a verdict; a state that may not follow the present one is left out."""
    state = state if adapter.state.may_become(state) else adapter.state
    metrics = {**adapter.metrics, **metrics}
    return replace(adapter, verdict=verdict.verdict, reasons=verdict.reasons, state=state, metrics=metrics)


def criteria_of(verdict: Verdict) -> list[dict[str, Any]]:
    """Return the criteria of a verdict as a row of the registry holds them: what the verdict rests on."""
    return [asdict(criterion) for criterion in verdict.criteria]
