"""What the demonstration takes from the metadata of installed packages, held against the lock."""

import random
import re
from collections import Counter
from pathlib import Path

import pytest

from ragloop.demo.documents import document
from ragloop.demo.facts import KINDS, Fact, canonical, choose, facts_of, installed_packages, question, statement
from ragloop.demo.scale import FULL, QUICK, Scale
from ragloop.demo.steps.documents_and_traffic import QUESTIONS
from ragloop.demo.story import chosen
from ragloop.demo.traffic import TOPICS, plan_traffic, shuffled, to_change
from ragloop.learning.evaluation.scoring import normalise

REPOSITORY = Path(__file__).parents[2]
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)")


@pytest.fixture(scope="module")
def packages():
    return installed_packages()


@pytest.fixture(scope="module")
def facts(packages):
    return [fact for package in packages for fact in facts_of(package)]


@pytest.fixture(scope="module")
def locked() -> dict[str, set[str]]:
    """Versions by package; a package may be locked to several, for several platforms."""
    versions: dict[str, set[str]] = {}
    for name in ("requirements.lock", "requirements-nodeps.lock"):
        for line in (REPOSITORY / name).read_text(encoding="utf-8").splitlines():
            if found := _LOCKED.match(line):
                versions.setdefault(canonical(found[1]), set()).add(found[2])
    return versions


def test_every_version_fact_is_the_locked_version(facts, locked):
    told = {canonical(fact.package): fact.answer for fact in facts if fact.kind == "version"}
    compared = {name: version for name, version in told.items() if name in locked}
    assert len(compared) >= 150
    assert {name: version for name, version in compared.items() if version not in locked[name]} == {}


def test_there_are_facts_enough_for_the_whole_demonstration(packages, facts):
    assert len(facts) >= 400
    traffic = plan_traffic(packages, FULL.facts, FULL.corrected)
    assert len(traffic.corrected) + len(traffic.others) >= 200
    assert len(traffic.asked) >= 400
    assert len(traffic.corrected) >= 125
    assert len({fact.kind for fact in traffic.corrected}) == len(KINDS)


@pytest.mark.parametrize("scale", [QUICK, FULL], ids=["quick", "full"])
def test_what_is_asked_first_is_answered_by_a_document_of_the_demonstration(packages, scale: Scale):
    assert set(QUESTIONS.values()) <= {one.name for one in chosen(packages, scale)}


def test_a_question_has_one_right_answer(facts):
    asked = Counter(normalise(question(fact, wording)) for fact in facts for wording in range(3))
    assert [text for text, times in asked.items() if times > 1] == []


def test_answers_are_short_and_stand_in_the_document(packages):
    for package in packages:
        text = document(package)
        for fact in facts_of(package):
            assert len(fact.answer) <= 32
            assert statement(fact) in text
            assert normalise(fact.answer) in normalise(statement(fact))


def test_the_unseen_wording_differs_from_the_trained_ones():
    for kind in KINDS:
        fact = Fact("some-package", kind, "x")
        assert len({normalise(question(fact, wording)) for wording in range(3)}) == 3


def test_the_traffic_is_the_same_on_every_run(packages):
    one, other = (plan_traffic(packages, 210, 150) for _ in range(2))
    assert one.asked == other.asked
    assert one.golden({package.name: package.name for package in packages})[0]["question"]


def test_a_package_is_asked_about_in_one_topic(packages):
    traffic = plan_traffic(packages, FULL.facts, FULL.corrected)
    topics = [{one.fact.package for one in asked} for asked in (traffic.first, traffic.later)]
    assert topics[0] & topics[1] == set()
    assert {one.fact.kind for one in traffic.first} == set(TOPICS[0])
    assert {one.fact.kind for one in traffic.later} == set(TOPICS[1])
    assert abs(len(traffic.first) - len(traffic.later)) <= 2


def test_facts_are_spread_over_kinds_and_packages(facts):
    chosen = choose(facts, 100)
    assert len(chosen) == len(set(chosen)) == 100
    assert max(Counter(fact.kind for fact in chosen).values()) == 100 // len(KINDS)
    assert len({fact.package for fact in chosen}) > 60


def test_choosing_more_facts_than_there_are_takes_all_of_them(facts):
    assert set(choose(facts, 10_000)) == set(facts)


def test_five_documents_with_corrected_answers_change(packages):
    traffic = plan_traffic(packages, FULL.facts, FULL.corrected)
    changing = to_change(traffic, packages)
    corrected = {fact.package for fact in traffic.corrected}
    assert len(changing) == 5
    assert all(package.name in corrected for package in changing)


def test_shuffled_answers_are_mostly_wrong_and_keep_their_number():
    rows = [(f"question {n}", f"answer {n}") for n in range(100)]
    random.Random(0).shuffle(rows)
    planted = shuffled(rows)
    assert [asked for asked, _ in planted] == [asked for asked, _ in rows]
    assert sorted(answer for _, answer in planted) == sorted(answer for _, answer in rows)
    assert sum(one == other for one, other in zip(rows, planted, strict=True)) < 10
