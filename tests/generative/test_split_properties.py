"""What holds for every log: nothing straddles a split, and every row is accounted for."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ragloop.learning.evaluation.scoring import tokens
from ragloop.learning.examples.curation import Standing, curate
from ragloop.learning.examples.example import DocumentRevision, Example, as_table, examples_of
from ragloop.learning.examples.near_duplicates import NEAR_DUPLICATE, Likeness
from ragloop.learning.examples.splitting import split
from tests.support.examples import tried

START = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = ["which", "licence", "version", "of", "torch", "numpy", "3.9", "does", "what", "python", "is", "for"]
questions = st.lists(st.sampled_from(WORDS), min_size=1, max_size=14).map(" ".join)
names = st.sampled_from([f"d{n}" for n in range(12)])
moments = st.integers(0, 50).map(lambda minute: START + timedelta(minutes=minute))


def jaccard(one: str, other: str) -> float:
    first, second = set(tokens(one)), set(tokens(other))
    return len(first & second) / len(first | second)


@st.composite
def examples(draw: st.DrawFn) -> list[Example]:
    count = draw(st.integers(0, 30))
    cited = st.sets(names, min_size=1, max_size=2)
    return [
        Example(
            question=draw(questions),
            answer="a",
            interaction_ids=(f"i{n}",),
            documents=tuple(DocumentRevision(name, "r", cited=True) for name in draw(cited)),
            asked_at=draw(moments),
        )
        for n in range(count)
    ]  # fmt: skip


@settings(max_examples=tried(25), deadline=None)
@given(examples(), st.floats(0.05, 0.5), st.integers(0, 3))
def test_neither_documents_nor_near_duplicates_nor_time_straddle_a_split(
    rows: list[Example], share: float, seed: int
) -> None:
    parts = split(as_table(rows), share, seed)
    sides = [examples_of(side) for side in (parts.train, parts.eval, parts.left_out)]
    for train, held_out in product(sides[0], sides[1]):
        assert not train.subjects & held_out.subjects
        assert jaccard(train.question, held_out.question) < NEAR_DUPLICATE
        assert train.asked_at <= held_out.asked_at
    assert sorted(one.interaction_ids for side in sides for one in side) == sorted(one.interaction_ids for one in rows)
    assert {one for side in sides for one in side} == set(rows)
    assert bool(sides[0]) == bool(rows)
    assert bool(parts.note) == (bool(rows) and not sides[1])


@settings(max_examples=tried(15), deadline=None)
@given(examples(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_change_a_split(rows: list[Example], random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (split(as_table(given), 0.1, 0) for given in (rows, shuffled))
    assert vars(one) == vars(other)


@settings(max_examples=tried(25), deadline=None)
@given(st.lists(questions, max_size=25), questions)
def test_near_duplicates_are_those_that_comparing_every_pair_finds(known: list[str], asked: str) -> None:
    near = [n for n, one in enumerate(known) if jaccard(one, asked) >= NEAR_DUPLICATE - 1e-9]
    likeness = Likeness.of(known)
    assert likeness.matches(asked) == near
    pairs = {
        (a, b) for b in range(len(known)) for a in range(b) if jaccard(known[a], known[b]) >= NEAR_DUPLICATE - 1e-9
    }
    assert set(likeness.pairs()) == pairs


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, str]]:
    revisions = st.sampled_from(["r1", "r2"])
    references = st.builds(lambda name, revision: {"document_id": name, "revision": revision}, names, revisions)
    rows = [
        {
            "interaction_id": f"i{n}",
            "asked_at": draw(moments),
            "question": draw(questions),
            "answer": draw(st.sampled_from(["", "MIT [1]", "a long answer " * 10])),
            "abstained": draw(st.booleans()),
            "passages": [one | {"rank": rank} for rank, one in enumerate(draw(st.lists(references, max_size=3)), 1)],
            "citations": [one | {"n": n} for n, one in enumerate(draw(st.lists(references, max_size=2)), 1)],
        }
        for n in range(draw(st.integers(0, 15)))
    ]
    kinds = st.sampled_from(["up", "down", "correction"])
    votes = [
        {"interaction_id": f"i{draw(st.integers(0, 15))}", "kind": kind, "given_at": draw(moments),
         "correction": draw(st.sampled_from(["MIT", " "])) if kind == "correction" else None}
        for kind in draw(st.lists(kinds, max_size=25))
    ]  # fmt: skip
    return rows, votes, draw(st.dictionaries(names, revisions))


@settings(max_examples=tried(25), deadline=None)
@given(logs(), st.lists(questions, max_size=3))
def test_every_logged_row_is_accounted_for_and_no_example_is_stale_or_golden(
    log: tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, str]], golden: list[str]
) -> None:
    rows, votes, live = log
    curated = curate(rows, votes, Standing(live), golden=golden)
    assert sum(curated.funnel.values()) + len(curated.examples) == curated.rows == len(rows)
    by_id = {row["interaction_id"]: row for row in rows}
    for example in curated.examples:
        assert all(live[one.document_id] == one.revision for one in example.documents)
        assert all(jaccard(example.question, one) < NEAR_DUPLICATE for one in golden)
        cited = {(one["document_id"], one["revision"]) for one in by_id[example.interaction_ids[-1]]["citations"]}
        assert cited <= {(one.document_id, one.revision) for one in example.documents}
