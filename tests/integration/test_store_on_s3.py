"""A store in a bucket: leases that expire, requests that fail, and a whole sync."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.corpus.index.generations.builds import Builds
from ragloop.corpus.index.generations.generation import Generation
from ragloop.corpus.index.generations.table import Generations
from ragloop.corpus.index.table import Index, tombstone
from ragloop.errors import NotFoundError, StoreBusyError, UnavailableError
from ragloop.store import Store, vectors_schema
from ragloop.store.places.bucket import BucketPlace
from ragloop.store.places.place import Check, Leases
from ragloop.store.schemas import index_schema
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.indexed_folder import IndexedFolder, document
from tests.support.s3_server import breaking_off, refusing

if TYPE_CHECKING:
    from tests.support.s3_server import Bucket

LEASE_S = 2.0
"""Not below a second, which is how exactly S3 tells the time."""


def opened(bucket: "Bucket", home: Path, lease_s: float = LEASE_S) -> Store:
    return Store.open(home, place=BucketPlace(bucket.uri("home"), lease_s=lease_s))


def row(subject: str) -> dict[str, object]:
    return {"report_id": subject, "at": None, "kind": "scan", "subject": subject, "body": "{}"}


def silent_place(bucket: "Bucket") -> BucketPlace:
    """A process that stands still: it holds its lease and renews it no more."""
    return BucketPlace(bucket.uri("home"), lease_s=LEASE_S, renew_s=3600)


class PausedLeases:
    """A process that stands still between the check of its lease and the commit: `meanwhile` happens then, once."""

    expire = True

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self.meanwhile: Callable[[], None] = lambda: None

    @contextmanager
    def hold(self, what: str, wait_s: float, taken_over: Callable[[], None] = lambda: None) -> Iterator[Check]:
        with self._leases.hold(what, wait_s, taken_over) as check:

            def checked() -> None:
                check()
                happens, self.meanwhile = self.meanwhile, lambda: None
                happens()

            yield checked


def vector(text_hash: str, at: int) -> pa.Table:
    made = [{"text_hash": text_hash, "created_at": datetime.fromtimestamp(at, UTC), "vector": [1.0] * 8}]
    return pa.Table.from_pylist(made, schema=vectors_schema(8))


LATE: dict[str, Callable[[Store], None]] = {
    "upsert": lambda store: store.upsert("vectors_x", vector("a", 2)),
    "insert": lambda store: store.insert("vectors_x", vector("gone", 2)),
    "delete": lambda store: store.delete("vectors_x", "text_hash = 'a'"),
}


@pytest.mark.parametrize("late", LATE)
def test_a_writer_that_stands_still_after_the_check_of_its_lease_cannot_commit(
    bucket: "Bucket", tmp_path: Path, late: str
) -> None:
    place = silent_place(bucket)
    place.leases = leases = PausedLeases(place.leases)
    paused = Store.open(tmp_path, place=place)
    paused.tables.create("vectors_x", vectors_schema(8))

    def by_others() -> None:
        for at, wait_s in ((3, 4 * LEASE_S), (4, 0)):
            other = opened(bucket, tmp_path)
            with other.lease("index", wait_s=wait_s):
                other.upsert("vectors_x", vector("a", at))

    with paused.lease("index"):
        paused.upsert("vectors_x", pa.concat_tables([vector("a", 1), vector("b", 1)]))
        leases.meanwhile = by_others
        with pytest.raises(StoreBusyError, match="run the same command again"):
            LATE[late](paused)
    rows = opened(bucket, tmp_path).rows("vectors_x", columns=["text_hash", "created_at"]).to_pylist()
    assert {one["text_hash"]: one["created_at"].timestamp() for one in rows} == {"a": 4, "b": 1}


def test_a_generation_that_others_made_active_is_not_set_back_by_a_writer_that_stood_still(
    bucket: "Bucket", tmp_path: Path
) -> None:
    place = silent_place(bucket)
    place.leases = leases = PausedLeases(place.leases)
    paused = Builds(Generations(Store.open(tmp_path, place=place)))
    made = [Generation("parser 1", "chunker 1/256", name, 8) for name in ("a", "b")]
    paused.begin(made[0])
    building = paused.begin(made[1]).building
    assert building is not None
    paused.mark(building, ready=True)

    def by_another() -> None:
        other = opened(bucket, tmp_path)
        with other.lease("generations", wait_s=4 * LEASE_S):
            pass
        Builds(Generations(other)).cut_over(building)

    leases.meanwhile = by_another
    with pytest.raises(StoreBusyError, match="run the same command again"):
        paused.mark(building, ready=False)
    states = {one.generation.embedder: one.state for one in Generations(opened(bucket, tmp_path)).all()}
    assert states == {"a": "retired", "b": "active"}


def test_what_is_committed_in_the_instant_of_a_takeover_is_kept(bucket: "Bucket", tmp_path: Path) -> None:
    store = opened(bucket, tmp_path)
    store.tables.create("vectors_x", vectors_schema(8))
    place = BucketPlace(bucket.uri("home"), lease_s=LEASE_S)

    @contextmanager
    def boundary(step: str) -> Iterator[None]:
        if step == "fence vectors_x":
            store.insert("vectors_x", vector("a", 1))
        yield

    taking = Store.open(tmp_path, place=place, boundary=boundary)
    silent = Store.open(tmp_path, place=silent_place(bucket))
    with silent.lease("index"), taking.lease("index", wait_s=4 * LEASE_S):
        assert store.count("vectors_x") == 1


def test_a_lease_is_kept_for_as_long_as_its_holder_lives(bucket: "Bucket", tmp_path: Path) -> None:
    with opened(bucket, tmp_path).lease("index"):
        time.sleep(2 * LEASE_S)
        with pytest.raises(StoreBusyError), opened(bucket, tmp_path).lease("index"):
            pass


def test_a_writer_that_was_silent_for_too_long_cannot_commit(bucket: "Bucket", tmp_path: Path) -> None:
    silent = Store.open(tmp_path, place=silent_place(bucket))
    with silent.lease("index"):
        silent.upsert_rows("reports", [row("before")])
        with opened(bucket, tmp_path).lease("index", wait_s=4 * LEASE_S):
            with pytest.raises(StoreBusyError, match="another process took over the lease to write index"):
                silent.upsert_rows("reports", [row("too late")])
            opened(bucket, tmp_path).upsert_rows("reports", [row("after")])
    assert sorted(opened(bucket, tmp_path).rows("reports")["subject"].to_pylist()) == ["after", "before"]
    with opened(bucket, tmp_path).lease("index"):
        pass  # what the silent one let go of was not its own any more, and the other let go of it


def test_a_lease_that_one_thread_lost_stops_no_commit_of_another(bucket: "Bucket", tmp_path: Path) -> None:
    silent = Store.open(tmp_path, place=silent_place(bucket))

    def commit_under_another_lease() -> None:
        with silent.lease("registry"):
            silent.upsert_rows("reports", [row("by the other thread")])

    with silent.lease("index"), opened(bucket, tmp_path).lease("index", wait_s=4 * LEASE_S):
        with ThreadPoolExecutor(1) as other:
            other.submit(commit_under_another_lease).result()
        with pytest.raises(StoreBusyError, match="another process took over the lease to write index"):
            silent.upsert_rows("reports", [row("too late")])
    assert silent.rows("reports")["subject"].to_pylist() == ["by the other thread"]


def test_a_commit_that_comes_after_that_of_the_next_writer_doubles_no_row(bucket: "Bucket", tmp_path: Path) -> None:
    """Of a process that stood still after it had checked its lease: nothing can stop that commit."""
    generation = Generation("parser/1", "chunker/1/200", "made-2", 2)
    rows = [tombstone(f"{number:032}", "chunk", "document") for number in range(4)]
    store = opened(bucket, tmp_path)
    store.tables.create(generation.table, index_schema(2))
    late, next_one = (Index(opened(bucket, tmp_path), generation) for _ in range(2))
    late.commit(rows[:2], [None] * 2, new=True)
    next_one.commit(rows, [None] * 4, new=True)
    late.commit(rows[2:], [None] * 2, new=True)
    assert sorted(store.rows(generation.table)["id"].to_pylist()) == [one["id"] for one in rows]


def test_fencing_numbers_grow_from_holder_to_holder(bucket: "Bucket", tmp_path: Path) -> None:
    def fence() -> int:
        answer = bucket.client.get_object(Bucket=bucket.name, Key="home/leases/index.json")

        return int(json.load(answer["Body"])["fence"])

    seen = []
    for _ in range(3):
        with opened(bucket, tmp_path).lease("index"):
            seen.append(fence())
    assert seen == [1, 2, 3]


def test_of_many_that_ask_at_once_one_gets_the_lease(bucket: "Bucket", tmp_path: Path) -> None:
    stores = [opened(bucket, tmp_path, lease_s=30) for _ in range(6)]
    held, refused = [], []
    together = threading.Barrier(len(stores))
    done = threading.Barrier(len(stores))

    def ask(store: Store) -> None:
        together.wait()
        try:
            with store.lease("index"):
                held.append(store)
                done.wait(30)
        except StoreBusyError:
            refused.append(store)
            done.wait(30)

    threads = [threading.Thread(target=ask, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 5)


def test_a_lease_that_was_written_though_an_error_came_back_is_held(bucket: "Bucket", tmp_path: Path) -> None:
    store = opened(bucket, tmp_path)

    def applied(environ, start_response):
        list(bucket.server.answer(environ, lambda *_: None))
        return refusing("500 Internal Server Error", "InternalError")(environ, start_response)

    bucket.server.before["PUT"] = deque([applied])
    with store.lease("index"):
        store.upsert_rows("reports", [row("written")])
    assert opened(bucket, tmp_path).rows("reports")["subject"].to_pylist() == ["written"]


def test_a_bucket_that_is_not_there_is_said_to_be_missing(bucket: "Bucket", tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="found no bucket nowhere-at-all"):
        Store.open(tmp_path, place=BucketPlace("s3://nowhere-at-all/home"))


def test_a_refused_write_is_an_error_of_one_line_and_loses_nothing(bucket: "Bucket", tmp_path: Path) -> None:
    store = opened(bucket, tmp_path)
    store.upsert_rows("reports", [row("before")])
    bucket.server.before["PUT"] = deque([refusing("403 Forbidden", "AccessDenied")] * 2)
    with pytest.raises(UnavailableError, match=r"a request to the store s3://\S+ failed") as refused:
        store.upsert_rows("reports", [row("refused")])
    assert "\n" not in str(refused.value)
    bucket.server.before.clear()
    assert store.rows("reports")["subject"].to_pylist() == ["before"]


def test_a_table_that_s3_does_not_remove_is_not_reported_as_dropped(bucket: "Bucket", tmp_path: Path) -> None:
    store = opened(bucket, tmp_path)

    def partly(_, start_response):
        body = b"<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>"
        start_response("200 OK", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body]

    bucket.server.before["POST"] = deque([partly])
    with pytest.raises(UnavailableError, match="cannot remove s3://"):
        store.tables.drop("reports")
    assert store.tables.has("reports")


@pytest.mark.long
@pytest.mark.parametrize(("broken", "repair"), [("vectors_", False), ("index_", True)])
def test_an_answer_that_breaks_off_is_no_damage_and_nothing_is_dropped(
    bucket: "Bucket", tmp_path: Path, broken: str, repair: bool
) -> None:
    indexed = IndexedFolder(tmp_path / "home", tmp_path / "documents", settings={"store": bucket.uri("home")})
    indexed.write_numbered(3)
    indexed.sync()
    tables = indexed.app().store.tables.names("")

    def of_the_database(server, environ):
        asked = environ["PATH_INFO"] + environ["QUERY_STRING"]
        by_lancedb = "Boto3" not in environ.get("HTTP_USER_AGENT", "")
        return breaking_off(server) if by_lancedb and environ["REQUEST_METHOD"] == "GET" and broken in asked else None

    indexed.write("00.md", document("edited"))
    bucket.server.weather = of_the_database
    with pytest.raises(UnavailableError):
        indexed.app().corpus.diagnose(repair=True) if repair else indexed.sync()
    bucket.server.weather = None
    assert indexed.app().store.tables.names("") == tables
    indexed.write("01.md", document("2"))
    again = indexed.sync()
    assert (again.chunks_embedded, again.chunks_reused) == (2, 2)
    assert indexed.app().corpus.diagnose().healthy


def test_a_store_in_a_bucket_syncs_searches_and_answers_as_one_in_a_folder(bucket: "Bucket", tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    for name in ("a", "b", "c"):
        (documents / f"{name}.md").write_text(f"# {name}\n\nThe house {name} stands on the hill.\n")
    apps = []
    for kind, line in (("folder", ""), ("bucket", f'store = "{bucket.uri("home")}"')):
        (tmp_path / f"{kind}.toml").write_text(f"{line}\n[retrieval]\nmin_similarity = -1.0\n")
        apps.append(App(load_settings(tmp_path / f"{kind}.toml", tmp_path / kind), embedder=ConstantEmbedder()))
    reports = [app.corpus.sync(documents) for app in apps]
    (documents / "a.md").unlink()
    (documents / "b.md").write_text("# b\n\nThe house b was torn down.\n")
    reports += [app.corpus.sync(documents) for app in apps]
    for folder, in_bucket in (reports[:2], reports[2:]):
        assert (folder.added, folder.updated, folder.deleted) == (in_bucket.added, in_bucket.updated, in_bucket.deleted)
        assert (folder.chunks_embedded, folder.commits) == (in_bucket.chunks_embedded, in_bucket.commits)
    found = [[one.text for one in app.answering.search("Which house was torn down?").passages] for app in apps]
    assert found[0] == found[1] != []
    answers = [app.answering.answerer.ask("Which house was torn down?") for app in apps]
    assert answers[0].answer == answers[1].answer
    for app in apps:
        app.journal.fold()
        assert app.store.rows("interactions").num_rows == 1
        assert app.status()["documents"] == 2
