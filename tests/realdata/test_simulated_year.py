"""Ten weeks of the simulated year, small: the product gives no stale answer, and one seed gives one year."""

import argparse
import copy
from pathlib import Path
from typing import Any

import pytest
from simulated_year.report import as_markdown, as_svg
from year import FINE_TUNING, measure

pytestmark = [pytest.mark.realdata, pytest.mark.realmodel, pytest.mark.long, pytest.mark.timeout(1800)]


def arguments(data: Path, **more: Any) -> argparse.Namespace:
    wanted = {
        "weeks": 10,
        "asked": 60,
        "products": 6,
        "train": "tiny",
        "facts": 10,
        "every": 10,
        "threads": 1,
        "seed": 0,
    }
    return argparse.Namespace(data=data, **{**wanted, **more})


def without_times(weeks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The figures that follow from the seed."""
    found = copy.deepcopy(weeks)
    for one in found:
        for name in ("seconds", "cpu_seconds", "cadence", "retrained"):
            one.pop(name, None)
        for of in one["policies"].values():
            del of["p50_ms"], of["p95_ms"]
    return found


def test_ten_weeks(realdata: Path, tmp_path: Path) -> None:
    asked = arguments(realdata)
    weeks, found = measure(asked, tmp_path)
    print(as_markdown(found))
    rag, ours = found["policies"]["RAG only"], found["policies"]["ragloop"]
    assert ours["asked"] == 600
    assert ours["stale"] == 0
    assert ours["accuracy"] >= rag["accuracy"] - 0.01
    assert ours["tokens_per_answer"] < 0.7 * rag["tokens_per_answer"]
    assert found["policies"]["cache without validation"]["stale"] + found["policies"][FINE_TUNING]["wrong"] > 0
    assert [one["done"] for one in found["erasures"]] == [True]
    planted = [one["planted_said"]["ragloop"] for one in weeks]
    assert sum(planted) == planted[3], "what was planted is said by nobody once its document is gone"
    assert found["retrainings"], "votes of ten weeks suffice for a retraining"
    assert not any(one["promoted"] for one in found["retrainings"]), "two random layers learn next to nothing"
    assert as_svg(weeks).count("<polyline") == 12

    (tmp_path / "week-09.json").unlink()
    again, _ = measure(asked, tmp_path)
    assert without_times(again) == without_times(weeks), "a run that was stopped goes on at its week, to the same end"
