"""Hold the kept evaluation of an adapter against the gate."""

from dataclasses import replace

from ragloop.learning.evaluation.gate import Verdict, judge, withheld
from ragloop.learning.evaluation.run import read_evaluation
from ragloop.learning.recipes import recipe_of
from ragloop.learning.steps.parts import RetrainingParts
from ragloop.registry import REGISTERED, Adapter, AdapterState
from ragloop.registry.evidence import GateRecord


def judge_adapter(parts: RetrainingParts, adapter_id: str) -> Verdict:
    """Judge the kept evaluation, and note the verdict with the adapter.

    Where a trained row is no longer true, what the gate would promote is inconclusive.
    """
    adapter = parts.registry.adapter(adapter_id)
    report = read_evaluation(parts.registry.artifacts.files, adapter.path)
    criteria = recipe_of(parts.dataset_of(adapter).recipe).criteria
    verdict = judge(report.scores, parts.policy.gate, criteria, ended_early=report.ended_early)
    verdict = replace(verdict, reasons=(*verdict.reasons, *adapter.evidence.notes))
    stale = parts.staleness(adapter)
    verdict = withheld(verdict, stale) if stale else verdict
    parts.registry.update(adapter_id, lambda now: _with_criteria(judged(now, verdict), verdict))
    return verdict


def judged(adapter: Adapter, verdict: Verdict, state: AdapterState = REGISTERED) -> Adapter:
    """Return the adapter with a verdict; a state that may not follow the present one is left out."""
    state = state if adapter.state.may_become(state) else adapter.state
    return replace(adapter, verdict=verdict.verdict, reasons=verdict.reasons, state=state)


def _with_criteria(adapter: Adapter, verdict: Verdict) -> Adapter:
    """Return the adapter with what the verdict rests on."""
    return replace(adapter, evidence=replace(adapter.evidence, gate=GateRecord(verdict.criteria)))
