"""Promotion and rollback by hand: what they leave in the registry, and what an operator sees."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.adapters import promote_adapter, roll_back
from ragloop.models.registry import Adapter, Registry, adapter_sha256
from ragloop.store import Store
from tests.flows.conftest import FlowsInProcess


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Two adapters, early and later; none serves."""
    registry = Registry(Store.open(tmp_path / "home"))
    for day, name in enumerate(("early", "later"), 1):
        folder = registry.artifacts / "adapters" / name
        folder.mkdir(parents=True)
        (folder / "adapter_model.safetensors").write_bytes(name.encode())
        (folder / "adapter_config.json").write_text('{"r": 8}')
        at, sha256 = datetime(2026, 1, day, tzinfo=UTC), adapter_sha256(folder)
        registry.register(Adapter(name, at, "base", "d", f"adapters/{name}", sha256, "rejected", "reject", (), {}))
    return registry


def champion(registry: Registry) -> str | None:
    serving = registry.champion()
    return serving.adapter_id if serving else None


def test_an_operator_promotes_and_rolls_back(flows: FlowsInProcess, registry: Registry, tmp_path: Path) -> None:
    home, served = tmp_path / "home", []
    for name in ("early", "later"):
        run = flows.run_of(promote_adapter(name, "asked for", home=home, return_state=True))
        assert (run["state_type"], run["name"]) == ("COMPLETED", f"promote {name} · done")
        served.append(champion(registry))
    state = roll_back("answers got worse", home=home, return_state=True)
    run, artifacts = flows.run_of(state), flows.artifacts(state)
    assert served == ["early", "later"]
    assert champion(registry) == "early"
    assert run["name"] == "roll back · to early"
    assert run["state"]["message"] == "early serves; later is retired."
    assert "answers got worse" in str(artifacts["champions"])


def test_an_empty_form_and_a_rollback_from_the_base_model_change_nothing_and_say_why(
    flows: FlowsInProcess, registry: Registry, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    promoted = flows.run_of(promote_adapter(home=home, return_state=True))
    rolled_back = flows.run_of(roll_back(home=home, return_state=True))
    assert (promoted["state_type"], rolled_back["state_type"]) == ("FAILED", "FAILED")
    assert "`ragloop adapters list` shows all" in promoted["state"]["message"]
    assert "nothing to roll back" in rolled_back["state"]["message"]
    assert champion(registry) is None
