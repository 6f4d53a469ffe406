"""The drift signals: calibrated, honest about missing evidence, and each naming its action."""

import numpy as np
import pytest

from ragloop.app.policies import drift_policy as policy_of
from ragloop.config import Settings
from ragloop.config.settings import DriftSettings
from ragloop.learning.monitoring import drift
from ragloop.learning.monitoring.drift import DriftReport, Signal, Window, _fisher, _holm
from tests.support.policies import drift_policy

QUICK = drift_policy(alpha=0.05, min_questions=40, permutations=200)
DEFAULT = drift_policy()


def measure(
    before: Window, now: Window, policy: drift.DriftPolicy = DEFAULT, *, champion_changed: bool = False
) -> DriftReport:
    return drift.measure(before, now, policy, champion_changed=champion_changed)


def signal(report: DriftReport, name: str) -> Signal:
    return next(signal for signal in report.signals if signal.name == name)


def questions(rng: np.random.Generator, n: int, topics: int = 5, shift: float = 0.0) -> np.ndarray:
    """Unit vectors around topic centres; a share `shift` of them around a centre that was not there before."""
    centres = np.random.default_rng(1).normal(size=(topics + 1, 16))
    chosen = np.where(rng.random(n) < shift, topics, rng.integers(topics, size=n))
    rows = centres[chosen] + rng.normal(size=(n, 16)) * 0.7
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_questions_of_the_same_kind_rarely_raise_a_false_alarm() -> None:
    alarms = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        report = measure(
            Window(embeddings=questions(rng, 60)), Window(embeddings=questions(rng, 40)), drift_policy(min_questions=40)
        )
        alarms += signal(report, "questions").state == "drift"
    # 0.05 is expected; 0.10 lies more than two standard deviations (0.022) above it.
    assert alarms / 100 <= 0.10


@pytest.mark.long
def test_all_signals_together_rarely_raise_a_false_alarm() -> None:
    alarms = 0
    for seed in range(200):
        rng = np.random.default_rng(1000 + seed)
        before, now = (
            Window(
                embeddings=questions(rng, 50),
                similarities=rng.beta(5, 2, 50),
                abstained=rng.random(60) < 0.2,
                thumbs_down=rng.random(60) < 0.2,
            )
            for _ in range(2)
        )
        alarms += bool(measure(before, now, QUICK).drifted)
    assert alarms / 200 <= 0.08


def test_a_new_topic_among_the_questions_is_found_and_asks_for_retraining() -> None:
    found = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        report = measure(
            Window(embeddings=questions(rng, 150)), Window(embeddings=questions(rng, 100, shift=0.3)), QUICK
        )
        found += signal(report, "questions").action == "retrain"
    assert found >= 18


def test_the_same_windows_give_the_same_report() -> None:
    rng = np.random.default_rng(0)
    before, now = Window(embeddings=questions(rng, 60)), Window(embeddings=questions(rng, 60))
    assert measure(before, now, QUICK) == measure(before, now, QUICK)


def test_empty_windows_are_not_enough_data_in_every_signal() -> None:
    report = measure(Window(), Window())
    assert [signal.state for signal in report.signals] == ["not enough data"] * 5
    assert (report.drifted, report.actions) == ((), ())


def test_ninety_nine_questions_decide_nothing_and_a_hundred_do() -> None:
    rng = np.random.default_rng(0)
    full = Window(embeddings=questions(rng, 100), similarities=rng.random(100))
    short = Window(embeddings=questions(rng, 99), similarities=rng.random(99))
    for name in ("questions", "top_similarity"):
        assert signal(measure(full, short), name).state == "not enough data"
        assert signal(measure(full, full), name).state == "ok"


def test_rows_that_are_not_finite_are_left_out_of_the_counts() -> None:
    rng = np.random.default_rng(0)
    rows, similarities = questions(rng, 100), rng.random(100)
    rows[0, 3] = np.nan
    similarities[:2] = np.inf, np.nan
    report = measure(
        Window(embeddings=questions(rng, 100), similarities=rng.random(100)),
        Window(embeddings=rows, similarities=similarities),
    )
    assert [(s.n_current, s.state) for s in report.signals[1:3]] == [(99, "not enough data"), (98, "not enough data")]


def test_constant_windows_are_ok() -> None:
    same = Window(
        documents={"a": "1"},
        embeddings=np.ones((100, 4), dtype=np.float32),
        similarities=np.full(100, 0.5),
        abstained=np.zeros(100, dtype=bool),
        thumbs_down=np.ones(100, dtype=bool),
    )
    report = measure(same, same)
    assert [signal.state for signal in report.signals] == ["ok"] * 5
    assert [signal.p_value for signal in report.signals] == [None, 1.0, 1.0, 1.0, 1.0]


def test_two_different_constants_are_drift() -> None:
    before = Window(embeddings=np.zeros((100, 4)), similarities=np.full(100, 0.9))
    now = Window(embeddings=np.ones((100, 4)), similarities=np.full(100, 0.2))
    assert [signal.state for signal in measure(before, now).signals[1:3]] == ["drift", "drift"]


def test_large_windows_are_sampled_but_counted_in_full() -> None:
    rng = np.random.default_rng(0)
    policy = drift_policy(alpha=0.05, min_questions=40, max_questions=50, permutations=200)
    report = measure(Window(embeddings=questions(rng, 300)), Window(embeddings=questions(rng, 300, shift=0.9)), policy)
    assert (signal(report, "questions").n_reference, signal(report, "questions").state) == (300, "drift")


def test_embeddings_of_two_embedders_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="same embedder"):
        measure(Window(embeddings=np.ones((100, 4))), Window(embeddings=np.ones((100, 8))))


def test_a_fall_of_similarity_on_the_old_questions_asks_for_reindexing_and_a_rise_for_nothing() -> None:
    rng = np.random.default_rng(0)
    high, low = Window(similarities=rng.normal(0.7, 0.1, 200)), Window(similarities=rng.normal(0.6, 0.1, 200))
    assert signal(measure(high, low), "top_similarity").action == "reindex"
    assert signal(measure(low, high), "top_similarity").state == "ok"


def test_a_fall_of_similarity_on_new_questions_asks_for_recalibration() -> None:
    rng = np.random.default_rng(0)
    before = Window(embeddings=questions(rng, 150), similarities=rng.normal(0.7, 0.1, 150))
    now = Window(embeddings=questions(rng, 150, shift=0.6), similarities=rng.normal(0.6, 0.1, 150))
    assert measure(before, now).actions == ("retrain", "recalibrate")


def test_more_abstentions_ask_for_curation_and_fewer_for_nothing() -> None:
    few, many = Window(abstained=np.arange(100) < 10), Window(abstained=np.arange(100) < 35)
    assert signal(measure(few, many), "abstention_share").action == "curate"
    assert signal(measure(many, few), "abstention_share").state == "ok"


def test_more_thumbs_down_ask_for_a_rollback_only_where_the_champion_changed() -> None:
    few, many = Window(thumbs_down=np.arange(50) < 5), Window(thumbs_down=np.arange(50) < 25)
    assert signal(measure(few, many), "thumbs_down_share").action == "curate"
    assert signal(measure(few, many, champion_changed=True), "thumbs_down_share").action == "roll back"


def test_changed_new_and_vanished_documents_count_alike() -> None:
    before = {str(n): "r1" for n in range(20)}
    now = {str(n): "r1" for n in range(1, 20)} | {"1": "r2", "new": "r1"}
    documents = signal(measure(Window(documents=before), Window(documents=now)), "documents")
    assert (documents.statistic, documents.state, documents.action) == (3 / 21, "drift", "retrain")
    assert documents.p_value is None


def test_a_few_changed_documents_are_no_drift_and_no_reference_is_not_enough_data() -> None:
    before = {str(n): "r1" for n in range(20)}
    assert signal(measure(Window(documents=before), Window(documents=before | {"0": "r2"})), "documents").state == "ok"
    for missing in (None, {}):
        report = measure(Window(documents=missing), Window(documents=before))
        assert signal(report, "documents").state == "not enough data"
    assert signal(measure(Window(documents=before), Window(documents={})), "documents").statistic == 1.0


def test_holm_holds_the_smallest_p_value_against_the_strictest_level() -> None:
    assert _holm([0.04, 0.001, None, 0.02], 0.06) == pytest.approx([0.06, 0.02, 0.06, 0.03])
    # 0.03 fails at 0.06 / 2, so that 0.031, which would pass at 0.06 alone, is held against 0.03 too.
    assert _holm([0.0301, 0.0302], 0.06) == pytest.approx([0.03, 0.03])


def test_fishers_test_equals_scipys() -> None:
    from scipy import stats  # a second of CPU, which collecting the tests should not take

    rng = np.random.default_rng(0)
    for _ in range(50):
        n_before, n_after = (int(n) for n in rng.integers(1, 80, 2))
        before, after = int(rng.integers(n_before + 1)), int(rng.integers(n_after + 1))
        table = [[after, n_after - after], [before, n_before - before]]
        expected = stats.fisher_exact(table, alternative="greater").pvalue
        assert _fisher(before, n_before, after, n_after) == pytest.approx(expected)


@pytest.mark.parametrize(
    "wrong", [{"alpha": 0}, {"corpus_share": 2}, {"min_votes": 1}, {"max_questions": 1}, {"permutations": 50}]
)
def test_a_policy_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"found|never reach"):
        drift_policy(**wrong)


def test_windows_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="embeddings must have shape"):
        Window(embeddings=np.ones(4))
    with pytest.raises(ValueError, match="similarities must have shape"):
        Window(similarities=np.ones((4, 1)))


@pytest.mark.parametrize(("new", "least", "most"), [(12, 9, 10), (0, 0, 1)])
def test_a_small_new_topic_is_found_where_its_questions_crowd(new: int, least: int, most: int) -> None:
    """Twelve of 150 questions: of ten draws the windows as wholes show it in two, its neighbourhoods in all."""
    found = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        centres = rng.normal(size=(31, 64)) / 8

        def asked(n: int, new: int, rng: np.random.Generator = rng, centres: np.ndarray = centres) -> np.ndarray:
            topics = rng.integers(30, size=n)
            topics[:new] = 30
            return centres[topics] + rng.normal(size=(n, 64)) * 0.08

        report = measure(Window(embeddings=asked(300, 0)), Window(embeddings=asked(150, new)))
        found += signal(report, "questions").state == "drift"
    assert least <= found <= most


def test_equal_questions_and_their_order_in_the_log_are_no_crowd() -> None:
    rng = np.random.default_rng(3)
    repeated = np.repeat(rng.normal(size=(6, 16)), 40, axis=0)
    before, after = repeated[rng.permutation(240)], repeated[rng.permutation(240)]
    found = measure(Window(embeddings=before), Window(embeddings=after))
    assert signal(found, "questions").state == "ok"


def test_no_more_questions_are_compared_than_memory_has_room_for() -> None:
    for window, most in ((500, 1_000), (100_000, 2_000)):
        assert policy_of(Settings(drift=DriftSettings(window=window))).max_questions == most
