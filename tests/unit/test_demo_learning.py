"""The second half of the demonstration where it does not go as one would like."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ragloop.demo.flows import FlowEnd
from ragloop.demo.stage import Stage
from ragloop.demo.steps.learning import PLANT, _answer_the_bell, planted_was_promoted


@dataclass
class NotingFlows:
    """Notes how deployments were started."""

    started: list[str] = field(default_factory=list)

    def run(self, deployment: str) -> FlowEnd:
        self.started.append("by hand")
        return FlowEnd("Completed", "", "")

    def follow(self, deployment: str) -> FlowEnd:
        self.started.append("by event")
        return FlowEnd("Completed", "", "")


@pytest.mark.parametrize(("due", "how"), [(True, "by event"), (False, "by hand")])
def test_a_retraining_that_is_not_due_is_started_by_hand_since_no_event_will_come(due: bool, how: str) -> None:
    flows = NotingFlows()
    app = SimpleNamespace(status=lambda: {"last_drift": {"decision": {"due": due}}})
    stage = SimpleNamespace(flows=flows, app=app, say=lambda line: None, tell=lambda end: None)
    _answer_the_bell(cast("Stage", stage))
    assert flows.started == [how]


@pytest.mark.parametrize("promoted", [True, False])
def test_a_planted_adapter_that_passed_the_gate_is_reported(promoted: bool) -> None:
    steps: list[dict[str, Any]] = [
        {"name": "Retrain", "figures": {"promoted": True}},
        {"name": PLANT, "figures": {"promoted": promoted}},
    ]
    assert planted_was_promoted({"steps": steps}) is promoted
