"""Fixtures that every suite may use."""

import os
from pathlib import Path

import pytest

from tests.constant_embedder import ConstantEmbedder

REPOSITORY = Path(__file__).parent.parent


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
