"""The pure parts of the simulated year: truth, popularity, votes, verdicts."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from simulated_year.facts import Fact, changed, chosen, page_of, shown, truth_of
from simulated_year.judging import Given, Outcome, judged, states
from simulated_year.policies import CosineCache
from simulated_year.traffic import questions, ranked, vote
from simulated_year.written import reasons

from ragloop.answering.reuse.sense import sense_of
from tests.support.word_embedder import WordEmbedder

PAGE = """---
title: Node.js
category: framework
releases:
  - releaseCycle: "22"
    releaseDate: 2024-04-24
    eol: 2027-04-30
    latest: "22.12.0"
    latestReleaseDate: 2024-12-03
  - releaseCycle: "9"
    releaseDate: 2017-10-01
    eol: true
    latest: "9.11.2"
---

> A runtime of JavaScript.
"""
LATEST = Fact("nodejs.md", "Node.js", "22", "latest")


def given(text: str) -> Given:
    return Given(text, not text, "base+rag", 1_000_000, 500_000, 1.0)


def test_a_page_says_the_values_of_its_release_cycles_and_yes_is_no_value() -> None:
    truth = truth_of("nodejs.md", page_of(PAGE))
    assert {(fact.cycle, fact.kind): value for fact, value in truth.items()} == {
        ("22", "latest"): "22.12.0",
        ("22", "eol"): "2027-04-30",
        ("22", "released"): "2024-04-24",
        ("9", "latest"): "9.11.2",
        ("9", "released"): "2017-10-01",
    }
    assert truth[LATEST] == "22.12.0"


def test_a_page_is_shown_as_a_table_above_its_prose() -> None:
    text = shown(page_of(PAGE))
    assert "| Node.js 22 | 2024-04-24 | 2027-04-30 | 22.12.0 | 2024-12-03 |" in text
    assert "| Node.js 9 | 2017-10-01 | Yes | 9.11.2 |  |" in text
    assert text.endswith("> A runtime of JavaScript.\n")
    assert "category" not in text


def test_pages_without_release_cycles_are_not_chosen() -> None:
    three = PAGE.replace("---\n\n>", '  - releaseCycle: "8"\n    latest: "8.1"\n---\n\n>')
    pages = {"a.md": three, "b.md": "no front matter", "c.md": PAGE, "d.md": three}
    assert chosen(pages, 2, ["b.md", "d.md", "c.md", "a.md"]) == ["d.md", "a.md"]
    with pytest.raises(ValueError, match="front matter"):
        page_of(pages["b.md"])


def test_only_other_values_of_known_facts_are_changes() -> None:
    before = truth_of("nodejs.md", page_of(PAGE))
    now = truth_of("nodejs.md", page_of(PAGE.replace("22.12.0", "22.13.0").replace('"9"', '"10"')))
    assert changed(before, now) == {LATEST}


def test_popularity_follows_zipf_and_one_seed_draws_the_same_questions() -> None:
    truth = truth_of("nodejs.md", page_of(PAGE)) | truth_of("other.md", page_of(PAGE.replace("Node.js", "Other")))
    facts = ranked(truth, ["nodejs.md", "other.md"])
    assert facts[0] == LATEST
    drawn = questions(facts, 20_000, Random(1))
    assert drawn == questions(facts, 20_000, Random(1))
    counts = Counter(one.fact for one in drawn)
    for rank in (2, 4):
        assert counts[facts[0]] / counts[facts[rank - 1]] == pytest.approx(rank, rel=0.1)


def test_two_wordings_of_three_have_one_sense() -> None:
    texts = {one.text for one in questions([LATEST], 100, Random(2))}
    assert len(texts) == 3
    assert len({sense_of(one) for one in texts}) == 2


def test_votes_are_noisy_and_only_votes_down_bring_a_correction() -> None:
    draw = Random(3)
    votes = [vote(right, "22.12.0", ["1.0"], draw, 0.1) for right in (True, False) for _ in range(10_000)]
    cast = [one for one in votes if one]
    assert len(cast) / len(votes) == pytest.approx(0.1, abs=0.01)
    up = [one.up for one in votes[:10_000] if one]
    assert sum(up) / len(up) == pytest.approx(0.9, abs=0.03)
    assert not any(one.correction for one in cast if one.up)
    assert {one.correction for one in cast} == {"", "22.12.0", "1.0"}


@pytest.mark.parametrize(
    ("text", "now", "outcome"),
    [
        ("| Release | Latest |\n|---|---|\n| Node.js 22 | 22.12.0 | [1]", "22.12.0", Outcome.RIGHT),
        ("| Node.js 22 | 22.11.0 |", "22.12.0", Outcome.STALE),
        ("| Node.js 9 | 22.12.0 |", "22.12.0", Outcome.WRONG),
        ("It is 22.12.0.", "22.12.0", Outcome.RIGHT),
        ("It is 22.12.01", "22.12.0", Outcome.WRONG),
        ("", "22.12.0", Outcome.ABSTAINED),
        ("", None, Outcome.RIGHT),
        ("It is 22.11.0.", None, Outcome.STALE),
    ],
)
def test_an_answer_is_judged_by_the_row_that_is_asked_about(text: str, now: str | None, outcome: Outcome) -> None:
    assert judged(given(text), LATEST, now, {"22.11.0", "22.12.0"}) is outcome


def test_a_value_is_not_a_part_of_a_longer_one() -> None:
    assert states("version 1.2, then", "1.2")
    assert not states("version 1.2.3", "1.2")
    assert not states("version 11.2", "1.2")


def test_an_answer_costs_what_its_tokens_cost() -> None:
    assert given("x").cost_usd == pytest.approx(0.15 + 0.30)


def test_the_cache_gives_the_answer_of_last_week_again_and_costs_nothing() -> None:
    asked, other = "When does the ferry leave?", "Who keeps the bees?"
    cache = CosineCache(WordEmbedder())
    assert [one.text for one in cache.answer([asked, other], {asked: given("nine"), other: given("Ada")})] == [
        "nine",
        "Ada",
    ]
    later = {asked: given("ten"), other: given("Eve")}
    (again,) = cache.answer([asked], later)
    assert (again.text, again.cost_usd, again.lane) == ("nine", 0.0, "given again")
    goes_on = CosineCache(WordEmbedder())
    goes_on.restore(cache.state())
    assert goes_on.answer([asked, other], later) == cache.answer([asked, other], later)


def row(number: int, minute: int, question: str, key: str | None, **more: object) -> dict[str, object]:
    at = datetime(2025, 1, 6, tzinfo=UTC) + timedelta(minutes=minute)
    known = {"interaction_id": f"i{number}", "asked_at": at, "question": question, "rewritten": None}
    return {**known, "abstained": False, "reuse_key": key, "reused_from": None, **more}


def said(number: int, minute: int, kind: str) -> dict[str, object]:
    at = datetime(2025, 1, 6, tzinfo=UTC) + timedelta(minutes=minute)
    return {"interaction_id": f"i{number}", "given_at": at, "kind": kind}


def test_each_answer_that_was_written_has_one_reason() -> None:
    month = 31 * 24 * 60
    rows = [
        row(0, 0, "When did it come?", "a"),
        row(1, 0, "When did it come?", "a"),
        row(2, 1, "When did it come?", "a", reused_from="i0"),
        row(3, 2, "When did it come?", "a"),
        row(4, 3, "When did it come?", "b"),
        row(5, 4, "When did it come?", "b"),
        row(6, 5, "When did it go?", None, abstained=True),
        row(7, month, "When did it come?", "b"),
    ]
    feedback = [said(2, 1, "down"), said(4, 3, "correction"), said(5, 4, "up")]
    found = reasons(rows, feedback, [f"i{number}" for number in range(len(rows))])
    assert found == {
        "first of its sense": 1,
        "within one batch": 1,
        "voted down": 1,
        "other passages": 1,
        "corrected": 1,
        "abstained": 1,
        "older than 30 days": 1,
    }
    assert reasons(rows, feedback, ["i3"]) == {"voted down": 1}
    assert reasons(rows, [], ["i3"]) == {"something else": 1}
