"""What an error of LanceDB means, by the words that LanceDB 0.40 was seen to use."""

import errno
import re

import pytest

from ragloop.errors import RagloopError, StorageFullError, StoreBusyError, StoreDamagedError, UnavailableError
from ragloop.store.failures import explained, meaning

TOP = "lance error: "
OPENING = "LanceError(IO): Generic LocalFileSystem error: Unable to open file /h/store"
MEANT: dict[type[RagloopError], list[Exception]] = {
    UnavailableError: [
        RuntimeError(f"{TOP}LanceError(IO): Permission denied (os error 13), lance-io-13.0.0/src/local.rs:274:24"),
        RuntimeError(f"{TOP}{OPENING}/t.lance/data/00.lance: Too many open files (os error 24), library/core"),
        RuntimeError(f"{TOP}A prerequisite task failed: LanceError(IO): Input/output error (os error 5), lance-io"),
        RuntimeError(f"{TOP}LanceError(IO): Generic LocalFileSystem error: Stale file handle (os error 116), library"),
        RuntimeError(f"{TOP}LanceError(IO): Operation timed out: merge insert timed out, lance"),
        RuntimeError(f"{TOP}LanceError(IO): Generic S3 error: Error performing GET http://s3/t.lance/data/0: 503"),
        RuntimeError(f"{TOP}Resources exhausted: Failed to allocate 5 GB"),
        OSError(errno.EIO, "Input/output error"),
        PermissionError(errno.EACCES, "Permission denied"),
    ],
    StoreBusyError: [
        RuntimeError(f"{TOP}Incompatible transaction: This Update transaction is incompatible with concurrent Restore"),
        RuntimeError(f"{TOP}Retryable commit conflict for version 3: This Append was preempted by concurrent Merge"),
        RuntimeError(f"{TOP}Too many concurrent writers. Attempted 10 times"),
    ],
    StoreDamagedError: [
        RuntimeError(f"{TOP}Not found: h/store/t.lance/data/00.lance, lance-io-13.0.0/src/local.rs:273:40"),
        RuntimeError(f"{TOP}LanceError(IO): Generic memory error: Invalid range 0..622 for object of size 20 bytes, x"),
        RuntimeError(f"{TOP}LanceError(IO): Generic LocalFileSystem error: failed to fill whole buffer, library"),
        RuntimeError(f"{TOP}LanceError(IO): file size is too small, lance-io-13.0.0/src/utils.rs:172:20"),
        RuntimeError(f"{TOP}LanceError(Arrow): Parser error: Arrow file does not contain correct footer, lance-table"),
        ValueError("Invalid input, file does not appear to be a Lance file (invalid magic: [76, 65, 78, 67])"),
        ValueError("Invalid input, Schema error: No field named id. Valid fields are _rowid, _rowaddr."),
    ],
    StorageFullError: [RuntimeError(f"{TOP}LanceError(IO): No space left on device (os error 28), writer.rs:191:9")],
}


def nothing_refused(name: str) -> None:
    """Every file can be opened."""


@pytest.mark.parametrize(("kind", "error"), [(kind, one) for kind, errors in MEANT.items() for one in errors])
def test_an_error_of_the_database_is_of_one_kind(kind: type[RagloopError], error: Exception) -> None:
    with pytest.raises(RagloopError) as raised, explained("/h", nothing_refused):
        raise error
    assert type(raised.value) is kind
    assert raised.value.__cause__ is error


RUSTC = "/rustc/2d8144b7880597b6e6d3dfd63a9a9efae3f533d3/library/core/src/result.rs:1896:29"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (
            f"{TOP}LanceError(IO): Generic N/A error: Wrapped error: Not found: Wrapped error: Not found: "
            f"/h/t.lance/data/1.lance, {RUSTC}, {RUSTC}",
            "Not found: /h/t.lance/data/1.lance",
        ),
        (
            f"{TOP}LanceError(IO): Generic memory error: Invalid range 0..9 for object of size 2 bytes, {RUSTC}",
            "Invalid range 0..9 for object of size 2 bytes",
        ),
        (
            "Invalid input, file does not appear to be a Lance file (invalid magic: [76, 65, 78, 67])",
            "file does not appear to be a Lance file",
        ),
        (
            f"{TOP}LanceError(IO): Permission denied (os error 13), lance-io-13.0.0/src/local.rs:274:24",
            "Permission denied (os error 13)",
        ),
        (f"{TOP}{RUSTC}", "LanceDB gives no reason"),
    ],
)
def test_a_message_tells_what_was_found_and_the_debug_log_the_rest(
    error: str, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level("DEBUG", logger="ragloop.store.failures"),
        pytest.raises(RagloopError, match=re.escape(f": {shown}; ")) as raised,
        explained("/h", nothing_refused),
    ):
        raise (ValueError if error.startswith("Invalid") else RuntimeError)(error)
    assert ".rs" not in str(raised.value)
    assert error in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("dictionary changed size during iteration"),
        ValueError("invalid literal for int()"),
        FileNotFoundError(errno.ENOENT, "No such file or directory"),
    ],
)
def test_what_is_not_of_the_database_stays_as_it_is(error: Exception) -> None:
    assert meaning(error, "/h", nothing_refused) is None


def test_behind_a_file_that_is_not_found_one_that_cannot_be_opened_is_looked_for() -> None:
    asked = []

    def opens(name: str) -> None:
        asked.append(name)
        raise PermissionError(errno.EACCES, "Permission denied", f"/h/store/{name}/metadata.lance")

    uuid = "8d8da6cf-3455-45ca-a353-d5fb9ade71d1"
    error = RuntimeError(f"{TOP}Not found: /h/store/t.lance/_indices/{uuid}/tokens.lance, lance-io/object.rs")
    meant = meaning(error, "/h", opens)
    assert type(meant) is UnavailableError
    assert "metadata.lance" in str(meant)
    assert asked == [f"t.lance/_indices/{uuid}"]
