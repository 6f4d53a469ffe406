"""Policies as the default settings give them, with changes."""

from dataclasses import replace
from typing import Any

from ragloop.app import policies
from ragloop.config import Settings
from ragloop.learning.evaluation.criteria import GatePolicy
from ragloop.learning.monitoring.cadence import CadencePolicy
from ragloop.learning.monitoring.drift import DriftPolicy

_DEFAULTS = Settings.model_construct()
"""Without the environment."""


def gate_policy(**changes: Any) -> GatePolicy:
    """What a challenger must show."""
    return replace(policies.gate_policy(_DEFAULTS), **changes)


def drift_policy(**changes: Any) -> DriftPolicy:
    """When a difference counts as drift."""
    return replace(policies.drift_policy(_DEFAULTS), **changes)


def cadence_policy(**changes: Any) -> CadencePolicy:
    """When training is due."""
    return replace(policies.cadence_policy(_DEFAULTS), **changes)
