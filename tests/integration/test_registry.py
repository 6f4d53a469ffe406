"""Which adapter serves: promotion, rollback, and files that are no longer what was registered."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ragloop.errors import MismatchError, UsageError
from ragloop.records import LaneName
from ragloop.registry import PROMOTED, RETIRED, Adapter, Registry, Request, retire
from ragloop.store import Store
from tests.support.registered import AT, register


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Three adapters, a, b and c; none serves."""
    registry = Registry(Store.open(tmp_path))
    for number, name in enumerate("abc"):
        register(registry, name, at=AT + timedelta(days=number))
    return registry


def champion(registry: Registry) -> str | None:
    serving = registry.champion()
    return serving.adapter_id if serving else None


def promote(registry: Registry, *names: str) -> None:
    for name in names:
        registry.promote(name, "test")


def roll_back(registry: Registry) -> str | None:
    done = registry.rollback("test")
    assert (done.champion.adapter_id if done.champion else None) == champion(registry)
    return champion(registry)


def test_promotions_are_a_stack_that_rollbacks_pop(registry: Registry) -> None:
    promote(registry, "a", "b", "a")
    assert [roll_back(registry) for _ in range(3)] == ["b", "a", None]
    with pytest.raises(UsageError, match="nothing to roll back"):
        registry.rollback("test")
    assert [change["kind"] for change in registry.history()] == ["promote"] * 3 + ["rollback"] * 3


def test_a_promotion_after_a_rollback_stands_on_what_the_rollback_left(registry: Registry) -> None:
    promote(registry, "a", "b")
    roll_back(registry)
    promote(registry, "c")
    assert [roll_back(registry) for _ in range(2)] == ["a", None]


def test_promoting_the_champion_changes_nothing(registry: Registry) -> None:
    promote(registry, "a", "b", "b")
    assert len(registry.history()) == 2
    assert roll_back(registry) == "a"


def test_a_rollback_retires_what_it_leaves_and_a_person_may_bring_it_back(registry: Registry) -> None:
    promote(registry, "a", "b")
    assert registry.rollback("worse").left == "b"
    assert (registry.adapter("a").state, registry.adapter("b").state) == (PROMOTED, RETIRED)
    assert registry.promote("b", "by hand").state == registry.adapter("b").state == PROMOTED
    assert champion(registry) == "b"


def test_a_rollback_skips_adapters_whose_files_are_broken_and_says_so(registry: Registry) -> None:
    promote(registry, "a", "b", "c")
    (registry.artifacts.folder / "adapters" / "b" / "adapter_model.safetensors").write_bytes(b"other")
    done = registry.rollback("worse")
    assert champion(registry) == "a"
    assert len(done.skipped) == 1
    assert done.skipped[0].startswith("skipped b: the files of adapter b")
    assert "skipped b" in registry.history()[-1]["reason"]
    assert registry.adapter("b").state == PROMOTED
    promote(registry, "c")
    shutil.rmtree(registry.artifacts.folder / "adapters" / "a")
    assert registry.rollback("worse").champion is None
    assert champion(registry) is None


@pytest.mark.parametrize("change", ['{"r": 8, "lora_alpha": 64, "target_modules": ["q", "v"]}', "{", None])
def test_a_changed_configuration_is_a_changed_adapter(registry: Registry, change: str | None) -> None:
    file = registry.artifacts.folder / "adapters" / "a" / "adapter_config.json"
    file.unlink() if change is None else file.write_text(change)
    with pytest.raises(MismatchError, match="retrain"):
        registry.promote("a", "test")
    assert (champion(registry), registry.adapter("a").state) == (None, "registered")


def test_the_order_of_modules_in_the_configuration_means_nothing(registry: Registry) -> None:
    (registry.artifacts.folder / "adapters" / "a" / "adapter_config.json").write_text(
        '{"target_modules": ["v", "q"], "r": 8}'
    )
    promote(registry, "a")
    assert champion(registry) == "a"


def test_a_promotion_asks_right_before_the_alias_moves_and_is_not_asked_about_what_serves_already(
    registry: Registry,
) -> None:
    promote(registry, "a")
    asked: list[tuple[str, str | None]] = []

    def why_not(adapter: Adapter, serving: Adapter | None) -> str:
        asked.append((adapter.adapter_id, serving.adapter_id if serving else None))
        return "" if len(asked) > 1 else "not yet"

    assert registry.promote_if("c", "test", why_not) == "not yet"
    assert (champion(registry), registry.adapter("c").state) == ("a", "registered")
    assert registry.promote_if("c", "test", why_not) == ""
    assert champion(registry) == "c"
    assert registry.promote_if("c", "again, after it was killed", lambda *_: pytest.fail("it asks")) == ""
    assert (asked, len(registry.history())) == ([("c", "a")] * 2, 2)


def test_a_champion_whose_files_are_gone_does_not_serve(registry: Registry) -> None:
    promote(registry, "a")
    shutil.rmtree(registry.artifacts.folder / "adapters" / "a")
    serving, trouble = registry.serving()
    assert serving is None
    assert "found no files of adapter a" in trouble
    assert registry.promote_if("b", "compared with the base model", lambda _, serving: "no" * bool(serving)) == ""


def test_a_rollback_never_returns_to_the_adapter_that_it_leaves(registry: Registry) -> None:
    promote(registry, "c", "a", "b", "a")
    shutil.rmtree(registry.artifacts.folder / "adapters" / "b")
    assert roll_back(registry) == "c"
    assert registry.adapter("a").state == RETIRED


def test_a_rollback_returns_to_none_that_was_retired_meanwhile(registry: Registry) -> None:
    promote(registry, "a", "b", "c", "b")
    retire(registry, "c", "worse")
    retire(registry, "a", "worse")
    assert roll_back(registry) is None


def test_a_request_to_roll_back_is_carried_out_once_whichever_lane_has_a_champion_then(registry: Registry) -> None:
    register(registry, "reader", lane=LaneName.ADAPTER_RAG)
    promote(registry, "reader", "a")
    first = registry.rollback("worse", Request("a", "once"))
    again = registry.rollback("worse", Request(registry.champion_id(), "once"))
    assert (first.left, again.left, registry.champion_id()) == ("a", "a", "reader")
    registry.rollback("worse", Request("reader", "another"))
    assert registry.rollback("worse", Request(None, "once")).left == "a"


def test_an_erased_adapter_is_said_to_be(registry: Registry) -> None:
    promote(registry, "a", "b")
    registry.update("a", lambda now: replace(now, sha256=""))
    assert registry.rollback("worse").skipped == (
        "skipped a: adapter a was erased with what it was trained on; retrain",
    )
    with pytest.raises(MismatchError, match="was erased"):
        registry.promote("a", "test")
