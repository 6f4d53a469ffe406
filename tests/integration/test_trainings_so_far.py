"""What the registry says of the trainings so far: when the last one ended, how many in a row the gate rejected."""

from datetime import timedelta
from pathlib import Path

import pytest

from ragloop.learning.monitoring.cadence import NOTHING_TRAINED, Trained
from ragloop.learning.monitoring.windows import last_trained
from ragloop.registry import Registry, VerdictKind
from ragloop.store import Store
from tests.support.indexed_folder import IndexedFolder
from tests.support.registered import AT, register
from tests.support.word_embedder import WordEmbedder


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


@pytest.mark.parametrize(("verdict", "waits"), [("reject", True), ("inconclusive", False)])
def test_changed_documents_ask_later_for_a_training_after_a_rejected_adapter(
    tmp_path: Path, verdict: str, *, waits: bool
) -> None:
    home = IndexedFolder(tmp_path / "home", tmp_path / "documents", WordEmbedder())
    home.write("ferry.md", "# Ferry\n\nThe ferry leaves at nine.\n")
    home.sync()
    app = home.app()
    register(app.registry, "adapter", at=app.store.now() - timedelta(hours=30), verdict=VerdictKind(verdict))
    app.learning.measure_drift()
    home.write("ferry.md", "# Ferry\n\nThe ferry leaves at ten.\n")
    home.sync()
    said = " ".join(home.app().learning.measure_drift().decision.reasons)
    assert "documents drifted" in said
    assert ("the gate rejected the last adapter, so drift waits 2 days after a training" in said) is waits


def test_nothing_was_trained_in_an_empty_registry(tmp_path: Path) -> None:
    assert last_trained(Registry(Store.open(tmp_path))) == NOTHING_TRAINED
