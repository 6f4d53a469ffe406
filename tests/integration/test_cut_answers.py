"""An answer of which nobody got the end: a model stops writing it, and the log keeps that it was cut."""

from pathlib import Path

from ragloop.journal import Journal
from ragloop.models.generation.local import LocalGenerator
from ragloop.models.generation.wanted import is_wanted, wanted_while
from ragloop.records import Prompt
from ragloop.service.serving import mark_cut
from ragloop.store import Store
from tests.support.tiny_model import save_tiny_model


def test_a_model_stops_writing_what_nobody_waits_for(tmp_path: Path) -> None:
    save_tiny_model(tmp_path / "model")
    generator = LocalGenerator(tmp_path / "model", name="tiny", max_new_tokens=40, threads=1)
    prompts = [Prompt("Who keeps the bees?"), Prompt("Who keeps the ferry?")]
    whole = generator.generate(prompts)
    left = iter([True, True, False])
    with wanted_while(lambda: next(left, False)):
        cut = generator.generate(prompts)
    assert is_wanted()
    assert max(one.completion_tokens for one in cut) <= 3 < max(one.completion_tokens for one in whole)
    assert generator.generate(prompts) == whole


def logged(tmp_path: Path) -> Journal:
    journal = Journal(Store.open(tmp_path / "home"))
    journal.append("interactions", [row("i1"), row("i2")])
    return journal


def row(interaction_id: str) -> dict[str, object]:
    return {
        "interaction_id": interaction_id,
        "question": "Who?",
        "answer": "Ada.",
        "latency_ms": {"embed": 1.5},
        "cut": False,
    }


def cuts(journal: Journal) -> dict[str, bool]:
    rows = journal.interactions().to_pylist()
    assert [one["latency_ms"] for one in rows] == [[("embed", 1.5)]] * 2
    return {one["interaction_id"]: one["cut"] for one in rows}


def test_that_an_answer_was_cut_is_kept_whenever_it_is_folded(tmp_path: Path) -> None:
    journal = logged(tmp_path)
    mark_cut(journal, "i1", cut=True)
    assert journal.answer("i1")["cut"] is True
    assert cuts(journal) == {"i1": True, "i2": False}
    mark_cut(journal, "i2", cut=True)
    mark_cut(journal, "i1", cut=False)
    assert journal.answer("i2")["cut"] is True
    assert cuts(journal) == {"i1": False, "i2": True}


def test_the_later_word_counts_where_a_fold_was_killed_between(tmp_path: Path) -> None:
    """What a killed fold left is a sealed file; the next fold finds several and folds the newest last."""
    journal = logged(tmp_path)
    current = tmp_path / "home" / "journal" / "current.jsonl"
    for number in range(5):
        current.rename(current.with_name(f"sealed-{number:06}{9 - number}.jsonl"))
        mark_cut(journal, "i1", cut=number % 2 == 0)
        assert journal.answer("i1")["cut"] is (number % 2 == 0)
    assert cuts(journal) == {"i1": True, "i2": False}
