"""Which names of files are taken from a manifest, a table or a caller: clean relative paths, and nothing else."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragloop.backup import Entry, Manifest, TableState
from ragloop.backup.manifest import decoded
from ragloop.errors import MismatchError
from ragloop.store.files import BucketFiles, FolderFiles
from ragloop.store.names import inside, why_unclean

CRAFTED = (
    "", ".", "..", "/", "//", "/etc/passwd", "//etc/passwd", "../x", "a/../../x", "a/..", "a/.", "./a", "a//b", "a/",
    "a/../b", "a\\..\\..\\b", "..\\x", "C:/x", "c:x", "\\\\host\\share", "a\0b", "a\n", "\x1b[31m", "a/\x7f", "\ud800",
    "x" * 256, "a/" * 600 + "a",
)  # fmt: skip
"""Each leads out of a folder, is another name for what has one, or is none that every place can hold."""
PLAIN = ("a", "a/b/c", "store/x.lance/data/0.lance", ".hidden", "...", "..a/b", "a b", "ä/ö", "-", "ab:c")


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_name_is_refused_wherever_a_name_is_taken(name: str, tmp_path: Path) -> None:
    assert why_unclean(name)
    files, bucket = FolderFiles(tmp_path / "files"), BucketFiles("s3://bucket/prefix", client=object())
    for place in (files, bucket):
        for work in (
            lambda place=place: list(place.read(name)),
            lambda place=place: place.write(name, [b"x"]),
            lambda place=place: place.remove([name]),
        ):
            with pytest.raises(MismatchError, match="expected a path of plain parts"):
                work()
    with pytest.raises(MismatchError, match="expected a path of plain parts"):
        inside(tmp_path, name)
    for path, object_name in ((name, "files/x"), (f"store/{name}", "files/x"), ("store/x", name)):
        if not why_unclean(path) and not why_unclean(object_name):
            continue  # "a/" before a name makes another of it
        with pytest.raises(ValueError, match=r"found the path|found the object"):
            Entry(path, 1, "0" * 64, object_name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_name_is_taken(name: str, tmp_path: Path) -> None:
    files = FolderFiles(tmp_path / "files")
    files.write(name, [b"x"])
    assert b"".join(files.read(name)) == b"x"
    files.remove([name])
    assert files.list() == {}
    assert inside(tmp_path, name) == tmp_path / name


PARTS = st.lists(
    st.sampled_from(["..", ".", "", "a", "b.lance", "_versions", "\\", "C:", "\0", "~", "store", "*", "%2e%2e"]),
    min_size=1, max_size=6,
)  # fmt: skip


@given(parts=PARTS, absolute=st.booleans())
def test_what_is_taken_stays_inside_of_any_folder(parts: list[str], absolute: bool) -> None:
    name = "/" * absolute + "/".join(parts)
    try:
        found = inside(Path("/no/such/folder"), name)
    except MismatchError:
        return
    assert found.is_relative_to("/no/such/folder")
    assert found != Path("/no/such/folder")
    assert found.as_posix() == f"/no/such/folder/{name}", "one file, one name"


@given(name=st.text(max_size=30))
def test_any_text_is_refused_or_a_name_inside(name: str) -> None:
    if not why_unclean(name):
        assert Path("/top", name).as_posix() == f"/top/{name}"
        assert ".." not in Path(name).parts


# --- manifests --------------------------------------------------------------------------------------------------------

WHOLE = Manifest(
    "20260101T000000Z", datetime(2026, 1, 1, tzinfo=UTC), "0" * 16, "/home", 4, (TableState("feedback", 1, 0, 1, 1),),
    (Entry("store/feedback.lance/data/x.lance", 1, "0" * 64, "files/store/feedback.lance/data/x.lance"),),
)  # fmt: skip


def crafted(**changes: Any) -> bytes:
    """A manifest whose own SHA-256 is right."""
    body = json.loads(WHOLE.encoded()) | changes
    from ragloop.backup.manifest import _digest

    body.pop("sha256")
    return json.dumps({**body, "sha256": _digest(body)}).encode()


def entry(**changes: Any) -> dict[str, Any]:
    return {**json.loads(WHOLE.encoded())["entries"][0], **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"backup_id": "../../x"},
        {"backup_id": "20260102T000000Z"},
        {"tables": [{"name": "../../x", "version": 1, "rows": 0, "files": 1, "bytes": 1}]},
        {"entries": [entry(path="store//etc/passwd")]},
        {"entries": [entry(path="store/restoring.json")]},
        {"entries": [entry(path="journal/current.jsonl")]},
        {"entries": [entry(path="leases/index")]},
        {"entries": [entry(name="../x")]},
        {"entries": [entry(name="backups/20260101T000000Z.json")]},
        {"entries": [entry(name="/etc/passwd")]},
        {"entries": [entry(sha256="x")]},
        {"entries": [entry(bytes=-1)]},
        {"entries": [entry(), entry()]},
        {"entries": [entry(path="store/a.lance/b"), entry(path="store/a.lance/b/c")]},
    ],
)
def test_a_crafted_manifest_is_damaged(changes: dict[str, Any]) -> None:
    assert decoded(crafted(), "here", WHOLE.backup_id) == WHOLE
    with pytest.raises(MismatchError, match="the manifest here is damaged"):
        decoded(crafted(**changes), "here", WHOLE.backup_id)
