"""Fixtures that every suite may use."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.constant_embedder import ConstantEmbedder

if TYPE_CHECKING:
    from tests.indexed_folder import IndexedFolder
    from tests.s3_server import Bucket, S3Server

REPOSITORY = Path(__file__).parent.parent

# How long an example takes says more about the machine than about the code.
settings.register_profile("ragloop", deadline=None)
settings.load_profile("ragloop")


@pytest.hookimpl(tryfirst=True)  # before xdist asks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What one of several processes takes at a time: a file, and all that needs a Prefect server."""
    for item in items:
        folder = item.path.parent
        item.add_marker(pytest.mark.xdist_group("flows" if folder.name == "flows" else str(item.path)))


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
    from tests.indexed_folder import IndexedFolder  # loads LanceDB, which suites without an index need not wait for

    return IndexedFolder(tmp_path / "home", tmp_path / "documents", embedder)


@pytest.fixture(scope="session")
def s3_server() -> "Iterator[S3Server]":
    from tests.s3_server import S3Server  # loads moto: two seconds

    server = S3Server()
    yield server
    server.stop()


@pytest.fixture
def bucket(s3_server: "S3Server", monkeypatch: pytest.MonkeyPatch) -> "Bucket":
    """An empty bucket, which the usual AWS settings of this process lead to."""
    from tests.s3_server import ENVIRONMENT, Bucket

    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL_S3": s3_server.endpoint}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return Bucket(s3_server)
