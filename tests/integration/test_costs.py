"""Costs are added up from a log whose answers have known tokens, latencies and charges."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from ragloop.answering.routing import SAID_IN_PART
from ragloop.app import App
from ragloop.config import Settings
from ragloop.migration.costs.report import CostReport
from ragloop.registry import REGISTERED, Adapter, Evidence
from ragloop.registry.evidence import TrainingRecord
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.s3_server import Bucket
from tests.support.topic_home import NOW, Clock

HOUR = 3600
COSTS = {"compute_usd_per_hour": 3.6, "training_usd_per_hour": 10.0, "fixed_usd_per_month": 30.0}


@pytest.fixture
def app(tmp_path: Any) -> App:
    clock = Clock()
    settings = Settings(home=tmp_path / "home", costs=COSTS, cadence={"every_days": 10})
    app = App(settings, embedder=ConstantEmbedder(), now=clock)
    app.parts.made_store()
    return app


def logged(days_ago: float, lane: str = "base+rag", **values: Any) -> dict[str, Any]:
    stages = {"retrieve": 500.0, "generate": 1500.0}
    asked = {"interaction_id": uuid4().hex, "asked_at": NOW - timedelta(days=days_ago), "question": "q", "lane": lane}
    given = {"cost_usd": 0.0, "model": "m", "latency_ms": list(stages.items()), "citations": [], "passages": []}
    return {**asked, **given, **values}


def log(app: App, *rows: dict[str, Any]) -> None:
    app.journal.take("interactions", rows)


def trained(app: App, days_ago: float, hours: float) -> None:
    record = TrainingRecord(10, hours * HOUR, 0, 0, 0, 0, 0, 0.0)
    at = NOW - timedelta(days=days_ago)
    name = f"{int(days_ago):016x}"
    app.registry.register(
        Adapter(name, at, "b", "d", f"adapters/{name}", "0" * 64, REGISTERED, None, (), Evidence(record))
    )


def report(app: App) -> CostReport:
    return app.migration.costs()


def test_a_machine_costs_the_time_of_the_stages_and_waits_while_an_endpoint_writes(app: App) -> None:
    theirs = logged(1, latency_ms=None, model="theirs", cost_usd=None)
    log(app, logged(1), logged(1, cost_usd=0.01), theirs)  # 2 s; .5 s, and what was charged; nobody knows
    found = report(app)
    assert found.answers_usd == pytest.approx(0.002 + 0.0105)
    assert (found.answers, found.unpriced) == (3, 1)
    assert any("costs.prices" in one for one in found.notes)


def test_a_model_without_a_logged_cost_is_priced_by_its_tokens(app: App) -> None:
    price = {"model": "theirs", "input_usd_per_million": 2, "output_usd_per_million": 8}
    settings = app.settings.model_copy(update={"costs": Settings(costs={"prices": [price]}).costs})
    log(app, logged(1, model="theirs", cost_usd=None, prompt_tokens=1000, completion_tokens=500))
    other = App(settings, embedder=ConstantEmbedder(), now=app.parts.now)
    assert report(other).answers_usd == pytest.approx(0.002 + 0.004)


def test_training_storage_and_fixed_costs_are_in_the_total_and_older_ones_are_not(app: App) -> None:
    log(app, logged(29.9), logged(40))
    trained(app, 5, hours=2)
    trained(app, 50, hours=100)
    found = report(app)
    assert (found.answers, found.training_usd) == (1, 20.0)
    assert found.fixed_usd == pytest.approx(30, rel=0.01)
    assert found.total_usd == pytest.approx(0.002 + 20 + found.fixed_usd)


def test_a_month_is_forecast_from_the_days_and_its_interval_holds_it(app: App) -> None:
    log(app, *(logged(day) for day in range(1, 11) for _ in range(day % 3 + 1)))
    found = report(app)
    assert found.month is not None
    assert found.month.usd == pytest.approx(30 * 20 * 0.002 / 10 + 30)
    assert found.month.interval is not None
    assert found.month.interval.low < found.month.usd < found.month.interval.high
    (lane,) = found.lanes
    assert (lane.lane, lane.answers) == ("base+rag", 20)


@pytest.mark.parametrize(("days", "forecast"), [(0.1, False), (6, False), (7, True)])
def test_no_month_is_forecast_from_few_days(app: App, days: float, *, forecast: bool) -> None:
    log(app, logged(days))
    found = report(app)
    assert (found.month is not None) is forecast
    assert any("not enough days" in one for one in found.notes) is not forecast
    assert (found.as_row()["month_usd"] is None) is not forecast


def test_what_lies_in_buckets_is_counted(tmp_path: Any, bucket: Bucket) -> None:
    prices = {"storage_usd_per_gb_month": 1e9}
    settings = Settings(
        home=tmp_path / "home", store=bucket.uri("store"), artifacts=bucket.uri("artifacts"), costs=prices
    )
    app = App(settings, embedder=ConstantEmbedder())
    app.parts.made_store()
    in_store = sum(one.bytes for one in app.parts.store.files.list().values())
    before = app.migration.costs().storage_usd
    assert before >= in_store > 0
    app.registry.artifacts.files.write("more", [b"0" * 1000])
    assert app.migration.costs().storage_usd - before == pytest.approx(1000, rel=0.01)


def test_break_even_lies_where_what_answers_save_pays_for_the_trainings(app: App) -> None:
    latencies = [(n, [("generate", 100.0 * (n % 5))]) for n in range(40)]
    rag = [logged(20 - n / 4, latency_ms=[*one, ("retrieve", 2000.0)]) for n, one in latencies]
    closed = [logged(20 - n / 4, "closed-book", latency_ms=[*one, ("retrieve", 200.0)]) for n, one in latencies]
    log(app, *rag, *closed)
    trained(app, 10, hours=0.018)
    trained(app, 3, hours=0.018)
    adapted, found = report(app).break_even
    assert "adapter+rag" in adapted.why_not
    assert found.saving_usd == pytest.approx(0.0018)
    assert found.questions == pytest.approx(2 * 0.18 / 0.0018, rel=1e-3)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.questions < found.high
    assert found.asked_per_month == pytest.approx(120, rel=0.01)
    assert found.pays is False
    assert found.most_retrainings == pytest.approx(found.asked_per_month * 0.0018 / 0.18, rel=0.01)
    assert f"up to {found.most_retrainings:.3g} retrainings pay" in found.told


def test_two_answers_that_were_written_in_doubt_of_an_adapter_are_no_cost_of_base_rag(app: App) -> None:
    doubted = {"fallback": f"{SAID_IN_PART}; and more", "cost_usd": 0.03, "latency_ms": []}
    adapted = [logged(n / 2, "adapter+rag", cost_usd=0.005, latency_ms=[]) for n in range(20)]
    log(app, *adapted, *(logged(n / 2, cost_usd=0.01, latency_ms=[]) for n in range(20)), logged(1, **doubted))
    trained(app, 3, hours=0.018)
    found, _ = report(app).break_even
    assert (found.against_usd, found.answer_usd) == (0.01, pytest.approx((20 * 0.005 + 0.03) / 21, rel=1e-3))


@pytest.mark.parametrize(
    ("prices", "why_not", "told"),
    [
        ({}, "no answer and no training has a price", "not known"),
        ({"compute_usd_per_hour": 3.6, "training_usd_per_hour": 0.0}, "", "its answers are not cheaper"),
    ],
    ids=["nothing has a price", "trainings are free"],
)
def test_a_lane_that_saves_nothing_is_not_called_cheaper(
    app: App, prices: dict[str, float], why_not: str, told: str
) -> None:
    closed = [logged(20 - n / 4, "closed-book", latency_ms=[("retrieve", 3000.0)]) for n in range(40)]
    log(app, *(logged(20 - n / 4) for n in range(40)), *closed)
    trained(app, 10, hours=1)
    settings = app.settings.model_copy(update={"costs": Settings(costs=prices).costs})
    found = report(App(settings, embedder=ConstantEmbedder(), now=app.parts.now)).break_even[1]
    assert (found.questions, found.high, found.why_not) == (None, None, why_not)
    assert not found.pays
    assert told in found.told


def test_costs_below_a_millionth_of_a_dollar_are_not_rounded_away(app: App) -> None:
    log(app, *(logged(20 - n / 4, latency_ms=[("retrieve", 0.4)]) for n in range(40)))
    log(app, *(logged(20 - n / 4, "closed-book", latency_ms=[("retrieve", 0.3)]) for n in range(40)))
    trained(app, 10, hours=1)
    found = report(app).break_even[1]
    assert (found.against_usd, found.answer_usd) == pytest.approx((4e-7, 3e-7))
    assert found.saving_usd == pytest.approx(1e-7)
    assert json.loads(json.dumps(report(app).as_row(), allow_nan=False))


def test_a_question_costs_78_hundredths_of_a_cent_where_60_percent_cost_3_tenths_and_40_percent_15(app: App) -> None:
    cheap = [logged(1, "closed-book", latency_ms=[], cost_usd=0.003) for _ in range(60)]
    log(app, *cheap, *(logged(1, latency_ms=[], cost_usd=0.015) for _ in range(40)))
    found = report(app)
    assert found.answer
    assert found.answer.usd == pytest.approx(0.0078)
    assert [(one.lane, one.answer and round(one.answer.usd, 6)) for one in found.lanes] == [
        ("closed-book", 0.003),
        ("base+rag", 0.015),
    ]


def test_nothing_logged_costs_what_is_fixed(app: App) -> None:
    found = report(app)
    assert (found.answers, found.answer, found.month) == (0, None, None)
    assert found.as_row()["break_even"][0]["why_not"]
