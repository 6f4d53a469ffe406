"""The string of a home is for its owner, and for the server that its claim names."""

import stat
from pathlib import Path

import pytest

from ragloop.errors import UsageError
from ragloop.orchestrator import access

URL = "http://127.0.0.1:4200/api"


def test_a_string_is_kept_for_its_owner_and_found_again(tmp_path: Path) -> None:
    with access.claim(tmp_path, URL):
        access.keep_string(tmp_path, "ragloop:one")
        access.keep_string(tmp_path, "ragloop:two")
    assert access.kept_string(tmp_path) == "ragloop:two"
    assert stat.S_IMODE(access.string_file(tmp_path).stat().st_mode) == 0o600
    assert stat.S_IMODE(access.folder_of(tmp_path).stat().st_mode) == 0o700
    assert access.new_string() != access.new_string()


def test_a_string_that_others_may_have_read_is_not_used(tmp_path: Path) -> None:
    access.folder_of(tmp_path).mkdir()
    access.keep_string(tmp_path, "ragloop:one")
    access.string_file(tmp_path).chmod(0o640)
    assert access.kept_string(tmp_path) == ""
    assert access.kept_string(tmp_path / "elsewhere") == ""


def test_a_home_names_its_server_while_the_claim_is_held(tmp_path: Path) -> None:
    assert access.running_url(tmp_path) is None
    with access.claim(tmp_path, URL):
        assert access.running_url(tmp_path) == URL
        with pytest.raises(UsageError, match="another `ragloop up`"):
            access.claim(tmp_path, "http://127.0.0.1:1/api")
        assert access.running_url(tmp_path) == URL
    assert access.running_url(tmp_path) is None
    with access.claim(tmp_path, "http://127.0.0.1:2/api"):
        assert access.running_url(tmp_path) == "http://127.0.0.1:2/api"
