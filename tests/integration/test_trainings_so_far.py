"""What the registry says of the trainings so far: when the last one ended, how many in a row the gate rejected."""

from datetime import timedelta
from pathlib import Path

import pytest

from ragloop.learning.monitoring.cadence import NOTHING_TRAINED, Trained
from ragloop.learning.monitoring.windows import last_trained
from ragloop.registry import Registry, VerdictKind
from ragloop.store import Store
from tests.support.registered import AT, register


@pytest.mark.parametrize(
    ("verdicts", "rejected"),
    [
        (["reject"], 1),
        (["promote", "reject", "reject"], 2),
        (["reject", "inconclusive"], 0),
        (["reject", "promote", "reject"], 1),
        (["reject", ""], 0),
    ],
)
def test_rejections_are_counted_back_to_the_last_adapter_that_was_not(
    tmp_path: Path, verdicts: list[str], rejected: int
) -> None:
    registry = Registry(Store.open(tmp_path))
    # Registered newest first: what counts is when they were trained.
    for day, verdict in reversed(list(enumerate(verdicts))):
        kind = VerdictKind(verdict) if verdict else None
        register(registry, f"adapter-{day}", at=AT + timedelta(days=day), verdict=kind)
    assert last_trained(registry) == Trained(AT + timedelta(days=len(verdicts) - 1), rejected)


def test_nothing_was_trained_in_an_empty_registry(tmp_path: Path) -> None:
    assert last_trained(Registry(Store.open(tmp_path))) == NOTHING_TRAINED
