"""Fixtures that every suite may use."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from tests.support.constant_embedder import ConstantEmbedder
from tests.support.thirds import is_in_third

if TYPE_CHECKING:
    from tests.support.indexed_folder import IndexedFolder
    from tests.support.s3_server import Bucket, S3Server

REPOSITORY = Path(__file__).parent.parent

# How long an example takes says more about the machine than about the code.
settings.register_profile("ragloop", deadline=None)
settings.load_profile("ragloop")


class ByFileAndServer(LoadFileScheduling):  # type: ignore[misc]
    """What one of several processes takes at a time: a file, and one half of those that need a Prefect server.

    Two servers cost half a minute of CPU more than one, and the tests of flows half of their time, most of which is
    waiting.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        if not file.startswith("tests/flows/"):
            return file
        return "tests/flows/a-m" if file < "tests/flows/test_n" else "tests/flows/n-z"


# Processes share the cores; LanceDB's threads, as many as cores in each of its pools, cost a seventh of the CPU.
for _pool, _threads in {"LANCE_CPU_THREADS": "1", "LANCE_IO_THREADS": "2", "TOKIO_WORKER_THREADS": "1"}.items():
    os.environ.setdefault(_pool, _threads)

# It reads each passage with the question, a third of a second for ten; the tests of it ask for it.
os.environ.setdefault("RAGLOOP_RETRIEVAL__RERANKER", "none")


def pytest_configure() -> None:
    # A million objects of imported packages stay; looking through them for cycles was a quarter of the tests' CPU.
    gc.set_threshold(50_000)


def pytest_report_header() -> str | None:
    commit = os.environ.get("TESTS_THIRD_OF")
    return f"a third of the files, that of {commit}" if commit else None


def pytest_collection_finish() -> None:
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest begins first: the tests of one Prefect server, those that wait for Terraform, and the file
    that takes half of the time of `make test-quick`."""
    first = {"flows": 0, "infra": 1, "test_expressions": 2}
    items.sort(key=lambda item: first.get(item.path.parent.name, first.get(item.path.stem, 3)))
    if commit := os.environ.get("TESTS_THIRD_OF"):
        taken = {one: is_in_third(commit, one.relative_to(REPOSITORY).as_posix()) for one in {i.path for i in items}}
        config.hook.pytest_deselected(items=[item for item in items if not taken[item.path]])
        items[:] = [item for item in items if taken[item.path]]


@pytest.hookimpl(optionalhook=True)  # there is no such hook with `-p no:xdist`
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFileAndServer:
    return ByFileAndServer(config, log)


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of third-party data sets, which is not part of the repository."""
    folder = Path(os.environ.get("RAGLOOP_REALDATA", REPOSITORY / ".." / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder}: set RAGLOOP_REALDATA to the folder that holds endoflife-date, xquad, …")
    return folder


@pytest.fixture
def embedder() -> ConstantEmbedder:
    return ConstantEmbedder()


@pytest.fixture
def indexed(tmp_path: Path, embedder: ConstantEmbedder) -> "IndexedFolder":
    """An empty folder with a home beside it."""
    from tests.support.indexed_folder import (
        IndexedFolder,
    )  # loads LanceDB, which suites without an index need not wait for

    return IndexedFolder(tmp_path / "home", tmp_path / "documents", embedder)


@pytest.fixture(scope="session")
def s3_server() -> "Iterator[S3Server]":
    from tests.support.s3_server import S3Server  # loads moto: two seconds

    server = S3Server()
    yield server
    server.stop()


@pytest.fixture
def bucket(s3_server: "S3Server", monkeypatch: pytest.MonkeyPatch) -> "Bucket":
    """An empty bucket, which the usual AWS settings of this process lead to."""
    from tests.support.s3_server import ENVIRONMENT, Bucket

    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL_S3": s3_server.endpoint}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return Bucket(s3_server)
