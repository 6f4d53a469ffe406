"""What a place of files promises, whether it is a folder or a prefix of a bucket."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ragloop.errors import MismatchError, NotFoundError, UnavailableError, UsageError
from ragloop.store import files as files_module
from ragloop.store.files import Files, FolderFiles, open_files

if TYPE_CHECKING:
    from tests.support.s3_server import Bucket


@pytest.fixture(params=["folder", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    if request.param == "folder":
        return open_files(str(tmp_path / "files"))
    bucket: Bucket = request.getfixturevalue("bucket")
    return open_files(bucket.uri("files"))


def sizes(files: Files, prefix: str = "") -> dict[str, int]:
    return {name: found.bytes for name, found in files.list(prefix).items()}


def test_what_was_written_is_listed_and_read(files: Files) -> None:
    assert sizes(files) == {}
    files.write("a/b/one", [b"12", b"", b"345"])
    files.write("a/two", [])
    files.write("ab", [b"x"])
    assert sizes(files) == {"a/b/one": 5, "a/two": 0, "ab": 1}
    assert sizes(files, "a/") == {"a/b/one": 5, "a/two": 0}
    assert sizes(files, "a/b/o") == {"a/b/one": 5}
    assert b"".join(files.read("a/b/one")) == b"12345"
    assert all(-2 < found.age_s < 60 for found in files.list().values())


def test_a_file_is_replaced_and_removed(files: Files) -> None:
    for text in (b"first", b"second"):
        files.write("a/one", [text])
    files.write("two", [b""])
    assert b"".join(files.read("a/one")) == b"second"
    files.remove(["a/one", "nothing"])
    assert sizes(files) == {"two": 0}
    with pytest.raises(NotFoundError):
        list(files.read("a/one"))


def test_a_write_that_breaks_off_leaves_what_was_there(files: Files) -> None:
    def breaking() -> Iterator[bytes]:
        yield b"new"
        raise NotFoundError("gone")

    files.write("one", [b"old"])
    for name in ("one", "other"):
        with pytest.raises(NotFoundError, match="gone"):
            files.write(name, breaking())
    assert sizes(files) == {"one": 3}
    assert b"".join(files.read("one")) == b"old"


def test_a_large_file_arrives_whole(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_module, "UPLOAD_BYTES", 5 * 2**20)  # the smallest part that S3 takes
    parts = [bytes([number]) * (2**20 + 1) for number in range(12)]
    files.write("large", parts)
    assert b"".join(files.read("large")) == b"".join(parts)


def test_a_removed_file_leaves_no_empty_folder(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    files.write("a/b/c/one", [b"1"])
    files.write("a/two", [b"2"])
    files.remove(["a/b/c/one"])
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["a", "two"]


def test_an_address_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"found gs://x; expected a folder or s3://bucket/prefix"):
        open_files("gs://x")
    with pytest.raises(UsageError, match="expected s3://bucket"):
        open_files("s3://")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="name another folder"):
        FolderFiles(tmp_path / "file").write("one", [b""])


def test_names_that_ragloop_never_makes_are_neither_listed_nor_removed(files: Files) -> None:
    files.write("a/one", [b"1"])
    if isinstance(files, FolderFiles):
        os.mkfifo(files.folder / "a" / "pipe")
    else:
        files._client.put_object(Bucket=files._bucket, Key=f"{files._prefix}a//two", Body=b"2")  # type: ignore[attr-defined]
    assert sizes(files) == {"a/one": 1}
    files.remove(files.list())
    assert sizes(files) == {}


@pytest.mark.timeout(20)
def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MismatchError, match="expected a regular file"):
        list(files.read("pipe"))


def test_what_may_not_be_read_now_is_not_gone(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path / "files")
    files.write("a/one", [b"1"])
    (tmp_path / "files" / "a").chmod(0)
    tmp_path.chmod(0o755)
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        refused = 0
        for work in (files.list, lambda: list(files.read("a/one"))):
            with suppress(UnavailableError):
                work()
                break
            refused += 1
        os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2, "both say that the files cannot be read now"
