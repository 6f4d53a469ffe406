"""Any sequence of answers, feedback and changes of documents leaves the examples that a look at all of them finds."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ragloop.answering.support.statements import statements
from ragloop.corpus.index import inventory
from ragloop.corpus.index.predicates import CHUNKS
from ragloop.corpus.index.table import Index
from ragloop.errors import MismatchError, NotFoundError
from ragloop.journal import Journal
from ragloop.learning.examples.curation import Wanted, curate, rested_on
from ragloop.learning.examples.datasets import Dataset, build, load, path_of
from ragloop.learning.examples.eligibility import Eligibility
from ragloop.learning.examples.example import Curated
from ragloop.learning.examples.known import name_of
from ragloop.learning.examples.lineage import standing_of
from ragloop.store.files import FolderFiles
from tests.support.examples import tried
from tests.support.indexed_folder import IndexedFolder

DOCUMENTS, MOST_WORDS = 3, 6
WANTED = Wanted(teachers=frozenset({"teacher"}))
GOLDEN = ("What is the third golden thing here?", "What is 2?")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NUMBER = st.integers(0, 5)
STEPS = st.lists(
    st.tuples(st.just("ask"), NUMBER, NUMBER)
    | st.tuples(st.just("vote"), NUMBER, st.integers(0, 3))
    | st.tuples(st.just("edit"), st.integers(0, DOCUMENTS - 1), st.integers(0, 3))
    | st.tuples(st.just("label"), st.integers(0, DOCUMENTS - 1), st.integers(0, 1))
    | st.tuples(st.sampled_from(["curate", "dataset", "remove dataset", "golden", "lose"]), NUMBER, NUMBER),
    min_size=3,
    max_size=14,
)
ASKED = [step for n in range(6) for step in (("ask", n, n % 2), ("vote", n, 0))]
EDITED = [("edit", n, 1) for n in range(DOCUMENTS)]


def text(document: int, version: int) -> str:
    """A document of two passages, of which every version changes one; of version 3 there is none."""
    first, second = (version % 2, version // 2)
    filler = " ".join(f"Word {n} of {document}." for n in range(80))
    return (
        f"# D{document}\n\n## A\n\nOne of {document} is {first}. {filler}\n\n## B\n\nTwo of {document} is {second}.\n"
    )


@dataclass
class Home:
    """A log, an index, and the datasets that adapters were trained on; what is compared is found both ways."""

    folder: IndexedFolder
    golden: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)
    datasets: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number in range(DOCUMENTS):
            self.folder.write(f"{number}.md", text(number, 0))
        self.folder.sync()
        self.app = self.folder.app()
        self.files = FolderFiles(self.folder.home / "artifacts")

    @property
    def journal(self) -> Journal:
        return self.app.journal

    @property
    def index(self) -> Index:
        return self.app.index

    def do(self, kind: str, one: int, other: int) -> None:
        {
            "ask": self.ask,
            "vote": self.vote,
            "edit": self.edit,
            "label": self.label,
            "curate": lambda one, other: self.compare(),
            "dataset": self.build,
            "remove dataset": self.remove,
            "golden": lambda one, other: setattr(self, "golden", GOLDEN[: one % 3]),
            "lose": lambda one, other: (self.files.folder / name_of("facts")).unlink(missing_ok=True),
        }[kind](one, other)

    def ask(self, question: int, how: int) -> None:
        rows = self.app.store.rows(self.index.generation.table, CHUNKS).sort_by("text").to_pylist()
        shown = [rows[(question + n) % len(rows)] for n in range(2)] if rows and how != 5 else []
        revisions = inventory.revisions(self.index)
        passages = [
            {"chunk_id": row["id"], "rank": n, "revision": revisions[row["document_id"]]}
            | {name: row[name] for name in ("document_id", "text_hash")}
            for n, row in enumerate(shown, 1)
        ]
        said = [statements(row["heading"] or "", row["text"])[0].digest for row in shown]
        known = how % 2 and said
        support = [{"document_id": passages[0]["document_id"], "statements": said[:1]}] if known else None
        citations = [{"n": 1, **passages[0]}] if shown and how < 4 else []
        for name in ("rank", "text_hash"):
            for cited in citations:
                cited.pop(name)
        self.asked.append(f"i{len(self.asked)}")
        row = {
            "interaction_id": self.asked[-1],
            "asked_at": BEGIN + timedelta(minutes=(len(self.asked) * 7) % 5),
            "question": f"What is {question}?" if question else " ",
            "answer": "It is that [1]." if question % 2 else f"It is {how} [1].",
            "model": "teacher" if how % 2 else "another",
            "guard": "passages" if how == 4 else "none",
            "abstained": how == 3,
            "passages": passages,
            "citations": citations,
            "support": support,
        }
        self.journal.append("interactions", [row])

    def vote(self, answer: int, kind: int) -> None:
        if not self.asked:
            return
        interaction_id = self.asked[answer % len(self.asked)]
        if kind < 2:
            self.journal.give_feedback(interaction_id, ("up", "down")[kind])
        else:
            self.journal.give_feedback(interaction_id, "correction", ("One is 0." if kind == 2 else "word " * 9))

    def edit(self, document: int, version: int) -> None:
        file = self.folder.folder / f"{document}.md"
        if version == 3:
            file.unlink(missing_ok=True)
        else:
            file.write_text(text(document, version))
        self.folder.sync(confirm_deletes=True)

    def label(self, document: int, labelled: int) -> None:
        """Give a document a label or take it, without a change of its text."""
        name = self.index.generation.table
        rows = self.app.store.rows(name, f"kind = 'document' AND key = '{document}.md'")
        labels = pa.array([["hr"] if labelled else []] * rows.num_rows, pa.list_(pa.string()))
        self.app.store.upsert(name, rows.set_column(rows.schema.get_field_index("labels"), "labels", labels))

    def build(self, share: int, seed: int) -> None:
        found = self.scratch()
        if found.examples:
            made = build(self.files, found, recipe="r", eval_share=0.3, seed=seed, created_at=BEGIN)
            self.datasets.append(made.dataset_id)

    def remove(self, which: int, other: int) -> None:
        if self.datasets:
            dataset = self.files.folder / path_of(self.datasets[which % len(self.datasets)])
            if other % 2:
                shutil.rmtree(dataset, ignore_errors=True)
            elif dataset.is_dir():
                (dataset / "train.parquet").write_bytes(b"damaged")

    def eligibility(self) -> Eligibility:
        return Eligibility(self.journal, self.index, self.files, self.golden, MOST_WORDS, "facts", WANTED)

    def scratch(self) -> Curated:
        rows, votes = self.journal.interactions().to_pylist(), self.journal.feedback().to_pylist()
        standing = standing_of(self.index, rested_on(rows, votes, WANTED.teachers))
        return curate(rows, votes, standing, golden=self.golden, max_answer_words=MOST_WORDS, wanted=WANTED)

    def unseen(self) -> int:
        seen: set[str] = set()
        for one in self.datasets:
            try:
                seen |= load(self.files, one).seen
            except (MismatchError, NotFoundError):
                continue
        return sum(not seen.issuperset(one.interaction_ids) for one in self.scratch().examples)

    def compare(self) -> None:
        expected = self.scratch()
        assert self.eligibility().curated() == expected
        unseen = self.eligibility().unseen(self.datasets, partial(load, self.files))
        assert unseen == self.unseen()
        assert self.eligibility().curated() == expected


@contextmanager
def made_home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        short: dict[str, Any] = {"index": {"chunk_tokens": 64}}
        yield Home(IndexedFolder(home, Path(place) / "documents", settings=short))


@settings(max_examples=tried(1), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
@example([*ASKED, ("curate", 0, 0), *(("edit", n, 3) for n in range(3)), ("curate", 0, 0), *EDITED])
@example([*ASKED, ("curate", 0, 0), *EDITED, ("curate", 0, 0), ("edit", 0, 0)])
@example([("ask", 1, 1), ("vote", 0, 0), ("curate", 0, 0), ("edit", 0, 1), ("curate", 0, 0), ("edit", 0, 0)])
@example([("ask", 1, 1), ("vote", 0, 0), ("curate", 0, 0), ("label", 0, 1), ("curate", 0, 0), ("label", 0, 0)])
@example([("ask", 1, 1), ("vote", 0, 0), ("curate", 0, 0), ("ask", 1, 1), ("vote", 1, 0), ("curate", 0, 0)])
@example([("ask", 1, 0), ("vote", 0, 0), ("dataset", 0, 0), ("curate", 0, 0), ("vote", 0, 2), ("remove dataset", 0, 1)])
def test_what_is_brought_up_to_date_is_what_a_look_at_all_finds(steps: list[tuple[str, int, int]]) -> None:
    with made_home() as home:
        for step in steps:
            home.do(*step)
        home.compare()


def test_only_what_changed_is_judged_again() -> None:
    with made_home() as home:

        def judged() -> tuple[int, int]:
            update = home.eligibility().update()
            return update.judged, update.asked_again

        for number in range(6):
            home.ask(number, 1)
            home.vote(number, 0)
        assert judged() == (6, 6)
        assert judged() == (0, 0)
        home.ask(1, 0)
        assert judged() == (0, 0)
        home.ask(1, 1)
        assert judged() == (1, 1), "a teacher wrote it"
        assert judged() == (0, 0)
        home.vote(2, 1)
        assert judged() == (1, 1)
        home.edit(0, 1)
        first = judged()
        assert first[0] == 0
        assert 0 < first[1] < 6
        assert judged() == (0, 0)
        home.golden = GOLDEN
        assert judged() == (7, 7)


def test_datasets_are_read_once() -> None:
    with made_home() as home:
        for number in range(6):
            home.ask(number, 1)
            home.vote(number, 0)
        home.build(0, 0)
        read: list[str] = []

        def loading(dataset_id: str) -> Dataset:
            read.append(dataset_id)
            return load(home.files, dataset_id)

        for _ in range(3):
            assert home.eligibility().unseen(home.datasets, loading) == 0
        assert read == home.datasets
