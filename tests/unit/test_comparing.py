"""Comparisons: ranking measures by hand, intervals that cover, NaN that is counted, and who is better."""

from dataclasses import replace
from math import isnan, log2, nan

import numpy as np
import pytest

from ragloop.answering.prompts import Cited
from ragloop.answering.retrieval import as_text
from ragloop.answering.turn import Turn
from ragloop.learning.comparing.asking import Answered
from ragloop.learning.comparing.comparison import Better, compared
from ragloop.learning.comparing.intervals import bounds, more_pairs
from ragloop.learning.comparing.ranking import ndcg, recall, reciprocal_rank
from ragloop.learning.comparing.report import as_json, as_markdown, as_svg, verdict
from ragloop.learning.comparing.scores import Asked, scores_of
from ragloop.learning.evaluation.golden import GoldenDocument, GoldenQuestion
from ragloop.records import Draft, LaneName

PLAIN = Asked(GoldenQuestion("Who?", ("Ada",)))


def passage(document: str):
    held = {"text": "Ada keeps bees.", "heading": "", "text_hash": "", "document_id": document, "chunk_id": document}
    return as_text(held)


def turn(*documents: str, answer: str = "", cites: tuple[int, ...] = ()) -> Turn:
    found = tuple(map(passage, documents))
    return Turn(
        "i", "Who?", LaneName.BASE_RAG, passages=found, ranked=found, draft=Draft(answer, cost_usd=None),
        cited=Cited(f"{answer} [1]" if cites else "", dict.fromkeys(cites, ())), latency_ms={"embed": 2.0, "load": 1.0},
    )  # fmt: skip


def test_ranking_measures_are_those_of_the_papers() -> None:
    ranking, relevant = ["a", "b", "c", "d"], {"b", "d", "x"}
    assert recall(ranking, relevant, 2) == pytest.approx(1 / 3)
    assert recall(ranking, relevant, 10) == pytest.approx(2 / 3)
    gained, best = 1 / log2(3) + 1 / log2(5), 1 + 1 / log2(3) + 1 / log2(4)
    assert ndcg(ranking, relevant, 10) == pytest.approx(gained / best)
    assert ndcg(["b", "d", "x"], relevant, 10) == pytest.approx(1)
    assert (reciprocal_rank(ranking, relevant), reciprocal_rank(["a"], relevant)) == (0.5, 0)


def test_an_answer_is_measured_against_any_right_answer_and_its_documents() -> None:
    golden = GoldenQuestion("Who?", ("Grace", "Ada"), (GoldenDocument("d"),))
    asked = Asked(golden, frozenset({"d", "e"}))
    scores = scores_of(asked, turn("x", "d", answer="Ada", cites=(1, 2)))
    assert (scores["exact_match"], scores["token_f1"], scores["contains_answer"]) == (1, 1, 1)
    assert (scores["citation_precision"], scores["citation_recall"], scores["mrr"]) == (0.5, 0.5, 0.5)
    assert (scores["groundedness"], scores["latency_ms"], scores["latency_ms.embed"]) == (1, 3, 2)
    assert isnan(scores["cost_usd"])
    assert "abstention_precision" not in scores


def test_an_abstention_is_wrong_or_right_and_cites_nothing() -> None:
    asked = Asked(GoldenQuestion("Who?", ("Ada",), (GoldenDocument("d"),)), frozenset({"d"}))
    scores = scores_of(asked, turn("d"))
    assert (scores["exact_match"], scores["abstention_precision"], scores["citation_recall"]) == (0, 0, 0)
    assert isnan(scores["citation_precision"])
    nothing = scores_of(Asked(GoldenQuestion("Where?", should_abstain=True)), turn("d"))
    assert (nothing["abstention_precision"], nothing["abstention_recall"]) == (1, 1)
    told = scores_of(Asked(GoldenQuestion("Where?", should_abstain=True)), turn("d", answer="Here", cites=(1,)))
    assert told["abstention_recall"] == 0
    assert "abstention_precision" not in told


def test_questions_without_an_answer_and_documents_that_are_not_there_are_counted_and_not_averaged() -> None:
    golden = GoldenQuestion("Who?", ("Ada",), (GoldenDocument("gone"),))
    asked, known = Asked(golden), Asked(replace(golden, question="Where?"), frozenset({"d"}))
    lost = scores_of(known, None)
    assert isnan(lost["token_f1"])
    assert isnan(lost["mrr"])
    assert isnan(lost["citation_precision"])
    assert isnan(lost["citation_recall"])
    found = [
        Answered(asked, scores_of(asked, turn("d", answer="Ada", cites=(1,))), {}),
        Answered(known, scores_of(known, turn("d", answer="Ada", cites=(1,))), {}),
        Answered(known, lost, {}),
    ]
    lines = {line.measure: line.a for line in compared(found, "", None).whole.lines}
    assert (lines["mrr"].mean, lines["mrr"].n, lines["mrr"].nan) == (1, 1, 2)
    assert (lines["token_f1"].mean, lines["token_f1"].n, lines["token_f1"].nan) == (1, 2, 1)
    assert (lines["cost_usd"].mean, lines["cost_usd"].n, lines["cost_usd"].nan) == (None, 0, 3)


@pytest.mark.parametrize(("true", "questions"), [(0.5, 40), (0.9, 20), (0.98, 60)])
def test_the_interval_of_a_share_covers_the_true_one(true: float, questions: int) -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(100):
        values = (rng.random((questions, 1)) < true).astype(float)
        interval = bounds(values, values, [False]).a[0]
        assert interval is not None
        covered += interval.low <= true <= interval.high
    assert covered >= 93


def test_a_difference_is_one_of_pairs() -> None:
    rng = np.random.default_rng(1)
    hard = rng.random((200, 1)) < 0.5
    a = hard.astype(float)
    b = np.where(rng.random((200, 1)) < 0.06, 1.0, a)
    drawn = bounds(a, b, [False])
    difference, alone = drawn.difference[0], drawn.a[0]
    assert difference is not None
    assert alone is not None
    assert difference.high - difference.low < 0.8 * (alone.high - alone.low)


def test_equal_answers_to_a_few_questions_are_no_certainty() -> None:
    ones = np.ones((20, 1))
    drawn = bounds(ones, ones, [False])
    assert drawn.a[0] is not None
    assert 0.8 < drawn.a[0].low < 0.9
    assert drawn.difference[0] is not None
    assert not drawn.difference[0].decides


def test_values_of_nobody_have_no_interval() -> None:
    none = np.full((5, 1), nan)
    assert bounds(none, none, [False]).difference[0] is None


def test_the_better_one_is_named_and_less_of_a_cost_is_better() -> None:
    scores = [({"token_f1": 0.2, "latency_ms": 9.0 + n}, {"token_f1": 0.9, "latency_ms": 90.0 + n}) for n in range(40)]
    found = [Answered(PLAIN, *one) for one in scores]
    made = compared(found, "a", "b")
    better = {line.measure: line.difference.better for line in made.whole.lines if line.difference}
    assert better == {"token_f1": Better.B, "latency_ms": Better.A}


def test_what_is_undecided_says_how_many_more_pairs_would_decide() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(0.05, 0.3, 60).clip(-1, 1)
    a = np.zeros((60, 1))
    interval = bounds(a, values[:, None], [True]).difference[0]
    assert interval is not None
    needed = more_pairs(values, interval, is_share=False)
    assert needed is not None
    many = rng.choice(values, (60 + needed) * 2)[:, None]
    decided = bounds(np.zeros_like(many), many, [True]).difference[0]
    assert decided is not None
    assert decided.decides


def test_figures_of_different_questions_are_no_difference() -> None:
    alone = [Answered(PLAIN, {"token_f1": 0.5}, {}), Answered(PLAIN, {}, {"token_f1": 1.0})] * 20
    (line,) = compared(alone, "a", "b").whole.lines
    assert line.difference is not None
    assert (line.difference.mean, line.difference.pairs, line.difference.interval) == (None, 0, None)
    assert (line.difference.better, line.difference.more_pairs) == (Better.INCONCLUSIVE, None)
    assert verdict(line) == "inconclusive, no question has both values"
    (line,) = compared([*alone, *[Answered(PLAIN, {"token_f1": 0.75}, {"token_f1": 0.5})] * 60], "a", "b").whole.lines
    assert line.difference is not None
    assert (line.difference.mean, line.difference.pairs, line.difference.better) == (-0.25, 60, Better.A)


def test_abstentions_of_different_questions_are_compared() -> None:
    right, wrong = {"abstention_precision": 1.0}, {"abstention_precision": 0.0}
    found = [Answered(PLAIN, wrong, {}), Answered(PLAIN, {}, right)] * 20
    (line,) = compared(found, "a", "b").whole.lines
    assert line.difference is not None
    assert (line.difference.mean, line.difference.pairs, line.difference.better) == (1, 0, Better.B)


def test_small_equal_differences_of_shares_need_as_many_pairs_as_are_told() -> None:
    def found(pairs: int) -> list[Answered]:
        return [Answered(PLAIN, {"token_f1": 0.5}, {"token_f1": 0.52})] * pairs

    (line,) = compared(found(10), "a", "b").whole.lines
    assert line.difference is not None
    assert line.difference.more_pairs is not None
    told = 10 + line.difference.more_pairs
    better = [compared(found(pairs), "a", "b").whole.lines[0].difference for pairs in (told * 9 // 10, told * 11 // 10)]
    assert [one.better for one in better if one] == [Better.INCONCLUSIVE, Better.B]


def test_a_report_has_the_keys_and_slices_and_no_text_of_a_question() -> None:
    sliced = Asked(GoldenQuestion("Secret?", ("hidden",)), slices=("tag x",))
    found = [Answered(one, {"token_f1": 0.5}, {"token_f1": 0.75}) for one in [sliced] * 3 + [PLAIN]]
    made = compared(found, "rerank=off", "<top_k>=2", ["one left out."])
    told = as_json(made)
    assert {"a", "b", "difference", "intervals"} <= set(told)
    assert told["difference"]["token_f1"]["mean"] == 0.25
    assert told["slices"]["tag x"]["questions"] == 3
    pages = as_markdown(made, "p.svg"), as_svg(made)
    assert all("Secret" not in page and "hidden" not in page for page in (*pages, str(told)))
    assert "token f1" in pages[0]
    assert "&lt;top_k&gt;=2" in pages[1]
