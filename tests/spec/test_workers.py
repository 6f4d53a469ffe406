"""What a sync promises whoever reads, parses and encodes for it: threads, and two processes of Dask and of Ray."""

import importlib.util
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ragloop.app import App
from ragloop.config import Settings
from ragloop.corpus.sources.local import LocalFolder
from ragloop.corpus.sources.s3 import S3Bucket
from ragloop.corpus.sync.preparing.clusters import open_workers
from ragloop.corpus.sync.preparing.preparation import Preparation
from ragloop.corpus.sync.preparing.tasks import Versions
from ragloop.corpus.sync.preparing.workers import GROUP_DOCUMENTS, Workers
from ragloop.errors import MismatchError, UnavailableError
from ragloop.models import Embedder
from tests.support.constant_embedder import ConstantEmbedder, WideEmbedder
from tests.support.indexed_folder import IndexedFolder, wait_until_stamps_are_trusted
from tests.support.texts_in_languages import PARAGRAPHS

if TYPE_CHECKING:
    from tests.support.s3_server import Bucket

PROCESSES = 2
DASK, RAY = pytest.param("dask", marks=pytest.mark.cluster), pytest.param("ray", marks=pytest.mark.long)
MISSING = "{0} is not installed (it is an extra of its own): `pip install --editable '.[{0}]'` to run this"


@pytest.fixture(scope="module")
def dask() -> Iterator[dict[str, Any]]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=PROCESSES, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        yield {"task_runner": "dask", "workers_address": cluster.scheduler_address}


@pytest.fixture(scope="module")
def ray() -> Iterator[dict[str, Any]]:
    if importlib.util.find_spec("ray") is None:
        pytest.skip(MISSING.format("ray"))
    import ray

    ray.init(address="local", num_cpus=PROCESSES, include_dashboard=False, log_to_driver=False)
    yield {"task_runner": "ray"}
    ray.shutdown()


@pytest.fixture(params=["threads", DASK, RAY])
def runner(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings that name workers."""
    if request.param == "threads":
        return {"task_runner": "threads"}
    settings: dict[str, Any] = request.getfixturevalue(request.param)
    return settings


elsewhere = pytest.mark.parametrize("runner", [DASK, RAY], indirect=True)
"""For what threads cannot show: they die with the sync, and have its embedder."""


def _opened(name: str, backend: str) -> Embedder:
    return ConstantEmbedder()


def _killing(flag: str, name: str, backend: str) -> Embedder:
    return Killing(flag) if flag else ConstantEmbedder()


class Killing(ConstantEmbedder):
    """Kills the process that encodes, once: the first to take the flag away."""

    def __init__(self, flag: str) -> None:
        super().__init__()
        self._flag, self._home = Path(flag), os.getpid()

    def embed(self, texts: Any) -> Any:
        if self._flag.exists():
            self._flag.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(texts)


@dataclass
class Indexed(IndexedFolder):
    """An indexed folder whose embedder workers can open."""

    opens: Callable[[str, str], Embedder] = field(default=_opened)

    def app(self, **settings: Any) -> App:
        given = {**self.settings, **settings}
        return App(Settings(home=self.home, **given), open_embedder=self.opens)


def _indexed(tmp_path: Path, runner: dict[str, Any], **more: Any) -> Indexed:
    return Indexed(
        tmp_path / "home", tmp_path / "documents", settings={"sync": {"batch_documents": 20, **runner}}, **more
    )


def _from_scratch(tmp_path: Path, indexed: Indexed) -> dict[str, dict[str, Any]]:
    other = Indexed(tmp_path / "other", indexed.folder)
    other.sync()
    return other.contents()


def test_the_index_is_that_of_threads_through_every_kind_of_change(tmp_path: Path, runner: dict[str, Any]) -> None:
    indexed, here = _indexed(tmp_path, runner), Indexed(tmp_path / "here", tmp_path / "documents")
    indexed.write_numbered(2 * GROUP_DOCUMENTS + 3)
    indexed.write("table.csv", "name,age\nAda,36\n")
    indexed.write("rumpf.md", PARAGRAPHS["de"])
    indexed.write("poison.pdf", b"%PDF-1.7 and nothing else")
    both = [[one.sync() for one in (here, indexed)]]
    indexed.write("00.md", "# changed\n\nAnother text altogether.\n")
    (indexed.folder / "01.md").rename(indexed.folder / "moved.md")
    (indexed.folder / "02.md").unlink()
    indexed.write("poison.pdf", b"%PDF-1.7 and nothing else, again")
    both.append([one.sync() for one in (here, indexed)])
    both.append([one.sync() for one in (here, indexed)])
    counted = (
        "scanned added updated deleted unchanged renamed failed quarantined documents_read bytes_read chunks_total "
        "languages"
    )
    for threads, workers in both:
        for name in [*counted.split(), "chunks_embedded", "chunks_reused"]:
            assert getattr(threads, name) == getattr(workers, name), name
    assert (both[0][1].failed, both[1][1].renamed, both[2][1].documents_read) == (1, 1, 0)
    assert both[0][1].languages["de"] == 1
    assert indexed.contents() == here.contents()


@elsewhere
def test_a_worker_that_is_killed_costs_its_tasks_and_nothing_else(tmp_path: Path, runner: dict[str, Any]) -> None:
    flag = tmp_path / "flag"
    indexed = _indexed(tmp_path, runner, opens=partial(_killing, str(flag)))
    indexed.write_numbered(30)
    flag.touch()
    report = indexed.sync()
    assert not flag.exists()
    assert (report.added, report.failed) == (30, 0)
    assert indexed.contents() == _from_scratch(tmp_path, indexed)


@elsewhere
def test_a_worker_with_another_model_is_refused(runner: dict[str, Any]) -> None:
    with open_workers(runner["task_runner"], runner.get("workers_address")) as workers:
        embedder = workers.embedder(ConstantEmbedder(), WideEmbedder)
        with pytest.raises(MismatchError, match="a worker opened the embedder constant-16, expected constant-8"):
            embedder.embed(["a text"])


@pytest.mark.cluster
def test_workers_are_asked_where_none_was_started_before() -> None:
    with open_workers("dask", processes=1) as workers:
        texts = [f"text {number}" for number in range(50)]
        vectors = workers.embedder(ConstantEmbedder(), ConstantEmbedder).embed(texts)
    assert (vectors == ConstantEmbedder().embed(texts)).all()


OWNER = """
import subprocess, sys
from ragloop.corpus.sync.preparing.clusters import open_workers
from tests.support.constant_embedder import ConstantEmbedder

def address():
    if sys.argv[1] == "dask":
        from distributed import default_client
        return default_client().scheduler.address.replace("tls://", "tcp://")
    import ray
    return ray.get_runtime_context().gcs_address

with open_workers(sys.argv[1], processes=1) as workers:
    assert len(workers.embedder(ConstantEmbedder(), ConstantEmbedder).embed(["a text"])) == 1
    print("opened", flush=True)
    theirs = {name: value for name, value in __import__("os").environ.items() if not name.startswith("RAY_")}
    theirs["RAY_AUTH_MODE"] = "token"  # and takes the one that Ray keeps in the user's folder, if there is one
    sys.exit(subprocess.run([sys.executable, "-c", sys.argv[2], address(), sys.argv[3]], env=theirs).returncode)
"""
STRANGERS = {
    "dask": "import sys\nfrom distributed import Client\n"
    "Client(sys.argv[1], timeout=10).submit(__import__('os').mkdir, sys.argv[2]).result(10)",
    "ray": "import ray, sys\nray.init(sys.argv[1], log_to_driver=False)\n"
    "ray.get(ray.remote(lambda place: __import__('os').mkdir(place)).remote(sys.argv[2]), timeout=30)",
}


@pytest.mark.parametrize("runner", [DASK, RAY])
def test_another_program_of_this_user_runs_nothing_on_a_cluster_that_was_started_here(
    runner: str, tmp_path: Path
) -> None:
    """In processes of their own: Ray reads its token once, and would keep one of its own in the user's folder."""
    if importlib.util.find_spec(runner) is None:
        pytest.skip(MISSING.format(runner))
    place, home = tmp_path / "made by a stranger", tmp_path / "user"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", OWNER, runner, STRANGERS[runner], str(place)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert "opened" in ran.stdout, ran.stderr
    assert ran.returncode != 0
    assert not place.exists()


def test_a_cluster_that_is_not_there_is_an_error_of_one_line() -> None:
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(UnavailableError, match="the Dask cluster failed") as failed,
        open_workers("dask", "tcp://127.0.0.1:9"),
    ):
        pass
    assert "\n" not in str(failed.value)


# --- what goes out, without a cluster --------------------------------------------------------------------------------


class Sent:
    """Does every task at once, after a round through pickle, and keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def workers(self) -> int:
        return 1

    def errors(self) -> Any:
        return nullcontext()

    def submit(self, work: Callable[..., Any], /, *args: Any) -> Future[Any]:
        self.sent.append(pickle.dumps((work, args)))
        future: Future[Any] = Future()
        again, given = pickle.loads(self.sent[-1])
        future.set_result(pickle.loads(pickle.dumps(again(*given))))
        return future


def test_no_credential_goes_out_with_a_source(bucket: "Bucket", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-this-process")
    bucket.write("docs/a.md", "# a\n\ntext\n")
    source = S3Bucket("handbook", bucket.uri("docs"))
    executor = Sent()
    preparation = Preparation(source, {}, ConstantEmbedder().count_tokens, chunk_tokens=100, max_bytes=1000)
    (prepared,) = Workers(executor).documents(preparation, source.list())
    assert prepared.chunks
    assert len(executor.sent) == 1
    assert b"a-secret-of-this-process" not in executor.sent[0]
    assert len(executor.sent[0]) < 2_000


def test_bytes_of_documents_do_not_come_back(tmp_path: Path) -> None:
    indexed = _indexed(tmp_path, {})
    indexed.write("a.md", "# a\n\n" + "text " * 20_000)
    wait_until_stamps_are_trusted()
    source = LocalFolder("docs", indexed.folder)
    preparation = Preparation(source, {}, ConstantEmbedder().count_tokens, chunk_tokens=100, max_bytes=10**6)
    (prepared,) = Workers(Sent()).documents(preparation, source.list())
    assert prepared.read is not None
    assert (prepared.read.data, prepared.bytes_read) == (b"", 100_005)


def test_what_a_worker_does_not_find_is_looked_for_here(tmp_path: Path) -> None:
    class Blind(Sent):
        def submit(self, work: Callable[..., Any], /, *args: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_result([None] * len(args[-1]))
            return future

    indexed = _indexed(tmp_path, {})
    indexed.write_numbered(3)
    source = LocalFolder("docs", indexed.folder)
    preparation = Preparation(source, {}, ConstantEmbedder().count_tokens, chunk_tokens=100, max_bytes=10**6)
    listing = list(source.list())
    (indexed.folder / "01.md").unlink()
    assert [one.listed.key for one in Workers(Blind()).documents(preparation, listing)] == ["00.md", "02.md"]


def test_a_worker_of_another_ragloop_is_refused() -> None:
    class Older(Sent):
        def submit(self, work: Callable[..., Any], /, *args: Any) -> Future[Any]:
            return super().submit(work, Versions("0", "0"), *args[1:])

    embedder = Workers(Older()).embedder(ConstantEmbedder(), ConstantEmbedder)
    with pytest.raises(MismatchError, match="the sync has 0 and 0: install one ragloop everywhere"):
        embedder.embed(["a text"])


def test_a_cluster_without_workers_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    from ragloop.corpus.sync.preparing import workers

    class Empty(Sent):
        def workers(self) -> int:
            return 0

        def submit(self, work: Callable[..., Any], /, *args: Any) -> Future[Any]:
            return Future()

    monkeypatch.setattr(workers, "_LOOK_S", 0.01)
    monkeypatch.setattr(workers, "NO_WORKER_S", 0.05)
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="found no worker"):
        workers.Workers(Empty()).embedder(ConstantEmbedder(), ConstantEmbedder).embed(["a text"])
    assert time.monotonic() - began < 5
