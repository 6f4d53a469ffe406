"""Syncs of a bucket: what they ask of S3, what they make of versions, archives and failures."""

import gzip
import re
import socket
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from ragloop.app import App
from ragloop.config import Settings
from ragloop.corpus.sources.s3 import S3Bucket
from ragloop.corpus.sources.s3_listing import MAX_LEVELS, PAGES_ALONE, PAGES_PER_CUT, ParallelListing
from ragloop.corpus.sync.report import ChangeKind, SyncReport
from ragloop.errors import ConfigError, DocumentError, NotFoundError, UnavailableError, UsageError
from ragloop.store.aws.objects import BODY_ATTEMPTS
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.indexed_folder import IndexedFolder, contents, document
from tests.support.s3_server import Bucket, OneETag, breaking_off, of_pages, refusing


class Synced:
    """A home whose only source is the prefix `docs` of a bucket."""

    def __init__(self, bucket: Bucket, home: Path, **settings: Any) -> None:
        self.bucket, self._home, self._settings = bucket, home, settings
        self.embedder = ConstantEmbedder()

    def app(self) -> App:
        source = {"name": "handbook", "uri": self.bucket.uri("docs")}
        return App(Settings(home=self._home, sources=[source], **self._settings), embedder=self.embedder)

    def sync(self, **asked: Any) -> SyncReport:
        """In an App of its own, as a new process would; the server then holds what this run asked for."""
        self.bucket.server.forget()
        return self.app().corpus.sync(**asked)

    @property
    def asked(self) -> dict[str, int]:
        return dict(self.bucket.server.asked)

    def write_numbered(self, count: int) -> None:
        for number in range(count):
            self.bucket.write(f"docs/{number:02}.md", document(str(number)))

    def indexed_keys(self) -> set[str]:
        return {row["key"] for row in contents(self.app()).values()}


@pytest.fixture
def synced(bucket: Bucket, tmp_path: Path) -> Synced:
    return Synced(bucket, tmp_path / "home-of-bucket")


# --- overwrites within a second ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("etag", ["", '"00000000000000000000000000000000-1"'])
def test_overwrites_of_equal_size_within_a_second_are_found_where_no_etag_tells(synced: Synced, etag: str) -> None:
    for number in range(4):
        synced.bucket.write("docs/a.md", document(f"edit{number}"))
        synced.bucket.server.forget()
        synced.bucket.server.weather = OneETag(etag)
        report = synced.app().corpus.sync()
        assert (report.added + report.updated, report.failed) == (1, 0)
        synced.bucket.server.weather = None
    time.sleep(2)
    for gets in (1, 0):
        synced.bucket.server.forget()
        synced.bucket.server.weather = OneETag(etag)
        assert synced.app().corpus.sync().unchanged == 1
        assert synced.asked == {"LIST": 1, **({"GET": gets} if gets else {})}


def test_overwrites_of_equal_size_in_parts_are_found(synced: Synced) -> None:
    client, name = synced.bucket.client, synced.bucket.name
    for number in range(3):
        upload = client.create_multipart_upload(Bucket=name, Key="docs/a.md", ServerSideEncryption="aws:kms")
        asked = {"Bucket": name, "Key": "docs/a.md", "UploadId": upload["UploadId"]}
        part = client.upload_part(**asked, PartNumber=1, Body=document(f"edit{number}").encode())
        parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
        client.complete_multipart_upload(**asked, MultipartUpload={"Parts": parts})
        report = synced.sync()
        assert report.added + report.updated == 1


# --- what is asked of S3 ----------------------------------------------------------------------------------------------


def test_a_first_sync_gets_every_object_once_and_the_next_one_lists_only(synced: Synced) -> None:
    synced.write_numbered(12)
    report = synced.sync()
    assert (report.added, report.documents_read, report.complete) == (12, 12, True)
    assert synced.asked == {"LIST": 1, "GET": 12}
    again = synced.sync()
    assert synced.asked == {"LIST": 1}
    assert (again.unchanged, again.documents_read, again.commits) == (12, 0, 0)


def test_a_changed_object_costs_one_get_and_an_equal_one_none(synced: Synced) -> None:
    synced.write_numbered(3)
    synced.sync()
    synced.bucket.write("docs/01.md", document("1").replace("speaks", "talks!"))
    synced.bucket.write("docs/02.md", document("2"))
    report = synced.sync()
    assert synced.asked == {"LIST": 1, "GET": 1}
    assert (report.updated, report.unchanged) == (1, 2)
    assert synced.bucket.server.bytes_sent < 2 * len(document("1")) + 3_000


def test_an_overwrite_of_the_same_length_within_the_same_second_is_found(synced: Synced) -> None:
    for number in range(4):
        synced.bucket.write("docs/a.md", f"# A\n\nSentence number {number}.\n")
        assert synced.sync().documents_read == 1
    assert any("number 3" in (row.get("text") or "") for row in contents(synced.app()).values())


def test_an_object_above_the_limit_is_quarantined_without_a_get(bucket: Bucket, tmp_path: Path) -> None:
    synced = Synced(bucket, tmp_path / "home", sync={"max_document_mb": 0.001})
    bucket.write("docs/large.md", "x" * 2_000)
    bucket.write("docs/small.md", document("small", 1)[:900])
    report = synced.sync()
    assert (report.quarantined, report.added) == (1, 1)
    assert synced.asked == {"LIST": 1, "GET": 1}
    assert synced.sync().failed == 0
    assert synced.asked == {"LIST": 1}


def test_an_object_overwritten_since_it_was_listed_costs_a_refused_get_and_one_more(bucket: Bucket) -> None:
    bucket.write("docs/a.md", "old")
    source = S3Bucket("handbook", bucket.uri("docs"))
    (listed,) = source.list()
    bucket.write("docs/a.md", "newer")
    bucket.server.forget()
    assert source.read(listed, 100).data == b"newer"
    assert bucket.server.asked == {"GET": 2}


def test_an_object_of_several_parts_is_read_once(synced: Synced) -> None:
    name, client = {"Bucket": synced.bucket.name, "Key": "docs/parts.md"}, synced.bucket.client
    upload = client.create_multipart_upload(**name)["UploadId"]
    texts = [b"# Parts\n\n" + b"first " * 900_000, b"second " * 10]
    parts = [
        {"PartNumber": n, "ETag": client.upload_part(**name, UploadId=upload, PartNumber=n, Body=text)["ETag"]}
        for n, text in enumerate(texts, 1)
    ]
    client.complete_multipart_upload(**name, UploadId=upload, MultipartUpload={"Parts": parts})
    source = S3Bucket("handbook", synced.bucket.uri("docs"))
    (listed,) = source.list()
    assert re.fullmatch(r"[0-9a-f]{32}-2:\d+", listed.stamp)
    read = source.read(listed, 64 * 2**20)
    assert (read.data, read.stamp) == (b"".join(texts), listed.stamp)


# --- parity -----------------------------------------------------------------------------------------------------------


def test_a_bucket_and_a_folder_with_the_same_files_give_the_same_index(synced: Synced, indexed: IndexedFolder) -> None:
    for key in ("a.md", "inner/b.md", "inner/é +%.md", "broken.md", ".hidden.md", "data.bin"):
        data = b"\x00\x01\x02" * 100 if key == "broken.md" else document(key).encode()
        indexed.write(key, data)
        synced.bucket.write(f"docs/{key}", data)
    synced.sync()
    indexed.sync({"sources": [{"name": "handbook", "uri": str(indexed.folder)}]})
    ours, theirs = contents(synced.app()), contents(indexed.app())
    assert {key: row | {"uri": None} for key, row in ours.items()} == {
        key: row | {"uri": None} for key, row in theirs.items()
    }
    assert {row["uri"] for row in ours.values()} == {
        f"s3://{synced.bucket.name}/docs/{key}" for key in synced.indexed_keys()
    }


def test_keys_that_no_folder_could_hold_are_documents_of_their_own(bucket: Bucket) -> None:
    keys = ["/lead.md", "a//b.md", "a/b.md", "a/b.md/c.md", "../up.md", " .md", "tab\t.md"]
    for key in [*keys, "folder/", "folder//"]:
        bucket.write(key, key)
    source = S3Bucket("handbook", bucket.uri(), exclude=())
    assert sorted(listed.key for listed in source.list()) == sorted(keys)
    assert all(source.read(listed, 100).data == listed.key.encode() for listed in source.list())


def test_a_prefix_means_a_folder_with_or_without_its_slash(bucket: Bucket) -> None:
    for key in ("docs/a.md", "docs-old/b.md", "docs.md", "/docs/c.md"):
        bucket.write(key, "text")
    listed = {uri: [one.key for one in S3Bucket("x", bucket.uri(uri)).list()] for uri in ("docs", "docs/", "/docs")}
    assert listed == {"docs": ["a.md"], "docs/": ["a.md"], "/docs": ["c.md"]}


def test_an_object_stored_compressed_for_the_web_is_its_text(bucket: Bucket) -> None:
    bucket.write("a.html", gzip.compress(b"<p>text</p>"), ContentEncoding="gzip")
    bucket.write("bomb.html", gzip.compress(b"0" * 10_000), ContentEncoding="gzip")
    bucket.write("plain.html", b"<p>text</p>", ContentEncoding="gzip")
    source = S3Bucket("handbook", bucket.uri())
    listed = {one.key: one for one in source.list()}
    read = source.read(listed["a.html"], 1_000)
    assert (read.data, read.stamp) == (b"<p>text</p>", listed["a.html"].stamp)
    with pytest.raises(DocumentError, match="found 1,001 bytes, expected at most 1,000"):
        source.read(listed["bomb.html"], 1_000)
    with pytest.raises(DocumentError, match="has Content-Encoding gzip but is not gzip data"):
        source.read(listed["plain.html"], 1_000)


# --- versions, archives -----------------------------------------------------------------------------------------------


def test_in_a_bucket_with_versions_the_latest_counts_and_a_delete_marker_is_a_delete(synced: Synced) -> None:
    synced.bucket.keep_versions()
    synced.write_numbered(3)
    synced.sync()
    synced.bucket.write("docs/00.md", document("other"))
    synced.bucket.write("docs/01.md", document("1"))
    synced.bucket.remove("docs/02.md")
    report = synced.sync()
    assert (report.updated, report.unchanged, report.deleted) == (1, 1, 1)
    assert synced.asked == {"LIST": 1, "GET": 1}
    assert synced.indexed_keys() == {"00.md", "01.md"}
    versions = synced.bucket.client.list_object_versions(Bucket=synced.bucket.name, Prefix="docs/02")
    marker = versions["DeleteMarkers"][0]["VersionId"]
    synced.bucket.client.delete_object(Bucket=synced.bucket.name, Key="docs/02.md", VersionId=marker)
    synced.embedder.embedded.clear()
    assert synced.sync().added == 1
    assert synced.embedder.embedded == []


def test_an_archived_object_is_quarantined_with_that_reason(synced: Synced) -> None:
    synced.write_numbered(2)
    synced.bucket.write("docs/cold.md", document("cold"), StorageClass="GLACIER")
    report = synced.sync()
    assert (report.added, report.quarantined) == (2, 1)
    assert [change.reason for change in report.changes if change.change is ChangeKind.FAILED] == [
        "is archived; restore it and run `ragloop sync --retry-quarantined`"
    ]


def test_an_object_that_may_not_be_read_is_quarantined_alone(synced: Synced) -> None:
    synced.write_numbered(3)
    synced.bucket.server.forget()
    app = synced.app()
    synced.bucket.server.before["GET"] = deque([refusing("403 Forbidden", "AccessDenied", "no\nway")])
    report = app.corpus.sync()
    assert (report.added, report.failed) == (2, 1)
    (reason,) = [change.reason for change in report.changes if change.reason]
    assert reason.startswith("cannot be read: AccessDenied no way; allow s3:GetObject")
    assert synced.sync(retry_quarantined=True).complete


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_listing_that_fails_half_way_deletes_and_reads_nothing(synced: Synced) -> None:
    synced.write_numbered(6)
    synced.sync()
    for number in range(3, 6):
        synced.bucket.remove(f"docs/{number:02}.md")
    synced.bucket.write("docs/00.md", document("new"))
    server = synced.bucket.server
    server.forget()
    server.before["LIST"] = deque([of_pages(server, 2), *[refusing("503 Slow Down", "SlowDown")] * 3])
    with pytest.raises(UnavailableError, match=r"cannot list s3://.*/docs/ \(source handbook\) now: SlowDown told to"):
        synced.app().corpus.sync(confirm_deletes=True)
    assert synced.asked == {"LIST": 4}
    assert len(synced.indexed_keys()) == 6


@pytest.mark.parametrize("failures", [1, 2])
def test_a_failure_that_passes_is_tried_again(bucket: Bucket, failures: int) -> None:
    bucket.write("a.md", "text " * 1_000)
    source = S3Bucket("handbook", bucket.uri())
    bucket.server.before["LIST"] = deque([refusing("503 Slow Down", "SlowDown")] * failures)
    bucket.server.before["GET"] = deque([refusing("500 Internal Server Error", "InternalError")] * failures)
    (listed,) = source.list()
    assert source.read(listed, 10_000).data == b"text " * 1_000
    bucket.server.before["GET"] = deque([breaking_off(bucket.server)] * failures)
    assert source.read(listed, 10_000).data == b"text " * 1_000


def test_a_network_that_fails_while_reading_ends_the_run_and_keeps_what_was_committed(
    bucket: Bucket, tmp_path: Path
) -> None:
    synced = Synced(bucket, tmp_path / "home", sync={"batch_documents": 5})
    synced.write_numbered(20)
    bucket.server.forget()
    bucket.server.before["GET"] = deque([None] * 15 + [refusing("503 Slow Down", "SlowDown")] * 100)
    with pytest.raises(UnavailableError, match=r"cannot read from .* now: SlowDown.*what was committed stays"):
        synced.app().corpus.sync()
    kept = synced.app().status()
    assert kept["documents"] >= 5
    assert kept["quarantined"] == 0
    report = synced.sync()
    assert report.added == 20 - kept["documents"]
    assert report.complete


def test_a_body_that_always_breaks_off_is_no_fault_of_its_document(bucket: Bucket) -> None:
    bucket.write("a.md", "text " * 1_000)
    source = S3Bucket("handbook", bucket.uri())
    (listed,) = source.list()
    bucket.server.forget()
    bucket.server.before["GET"] = deque([breaking_off(bucket.server)] * BODY_ATTEMPTS)
    with pytest.raises(UnavailableError, match="no answer from S3 for an object of"):
        source.read(listed, 10_000)
    assert bucket.server.asked == {"GET": BODY_ATTEMPTS}


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ("403 Forbidden", "AccessDenied", NotFoundError),
        ("403 Forbidden", "InvalidAccessKeyId", NotFoundError),
        ("400 Bad Request", "ExpiredToken", UnavailableError),
        ("403 Forbidden", "RequestTimeTooSkewed", UnavailableError),
        ("500 Internal Server Error", "InternalError", UnavailableError),
    ],
)
def test_a_refused_listing_says_why_on_one_line(bucket: Bucket, status: str, code: str, kind: type[Exception]) -> None:
    bucket.server.before["LIST"] = deque([refusing(status, code, "because\nof it")] * 3)
    with pytest.raises(kind, match=f"^cannot list {bucket.uri()}/ .*: {code} because of it; [^\n]*$"):
        list(S3Bucket("handbook", bucket.uri()).list())


def test_missing_credentials_and_a_missing_endpoint_are_distinguished(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(UnavailableError, match="no answer from S3 for") as away:
        list(S3Bucket("handbook", bucket.uri()).list())
    assert (away.value.exit_code, away.value.transient) == (3, True)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(NotFoundError, match=r"credentials.*nothing was deleted"):
        list(S3Bucket("handbook", bucket.uri()).list())


@pytest.mark.parametrize(("name", "value"), [("AWS_PROFILE", "nobody"), ("AWS_ENDPOINT_URL_S3", "not an address")])
def test_aws_settings_that_lead_nowhere_are_a_matter_of_configuration(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="cannot make a client of S3"):
        list(S3Bucket("handbook", bucket.uri()).list())


@pytest.mark.parametrize("uri", ["s3://", "s3:///docs", "bucket/docs"])
def test_an_address_without_a_bucket_is_refused(uri: str) -> None:
    with pytest.raises(UsageError, match="expected s3://bucket or s3://bucket/prefix"):
        S3Bucket("handbook", uri)


def test_a_folder_as_a_source_loads_no_boto3(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    code = f"""
import sys
from pathlib import Path
from ragloop.app import App
from ragloop.config import Settings

folder = Path({str(tmp_path)!r})
(source,) = App(Settings(home=folder / "home")).corpus.sources(folder).by_name.values()
print(len(list(source.list())), "boto3" in sys.modules, "botocore" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.split() == ["1", "False", "False"]


# --- listing by ranges ------------------------------------------------------------------------------------------------


class Pages:
    """Answers listings of given keys by pages of `size`, as S3 does, and counts them."""

    def __init__(self, keys: list[str], size: int) -> None:
        self._keys, self._size = sorted(keys), size
        self.listed = self.folders = 0

    def list_objects_v2(self, **asked: str) -> dict[str, Any]:
        prefix, delimiter = asked.get("Prefix", ""), asked.get("Delimiter")
        after = asked.get("ContinuationToken") or asked.get("StartAfter", "")
        keys = [key for key in self._keys if key.startswith(prefix) and key > after]
        if not delimiter:
            self.listed += 1
            page = keys[: self._size]
            more = {"NextContinuationToken": page[-1]} if len(keys) > self._size else {}
            return {"Contents": [{"Key": key} for key in page], "IsTruncated": bool(more), **more}
        self.folders += 1
        rests = (key.removeprefix(prefix).partition(delimiter) for key in keys)
        found = sorted({prefix + name + slash for name, slash, _ in rests})[: self._size]
        return {"CommonPrefixes": [{"Prefix": one} for one in found if one.endswith("/")], "IsTruncated": False}


LAYOUTS = {
    "nothing": [],
    "flat": [f"{n:05}" for n in range(1_000)],
    "one folder in another": [f"a/b/c/{n % 7}/{n:05}" for n in range(1_000)],
    "a folder a document": [f"{n:05}/page" for n in range(1_000)],
    "folders and files mixed": [f"{n // 100}/{n:05}" if n % 3 else f"{n // 100}-{n}" for n in range(1_000)],
    "nearly all in the last folder": [f"a/{n}" for n in range(5)] + [f"z/{n // 50:02}/{n}" for n in range(1_000)],
    "markers and doubled slashes": [f"{n // 40:02}/{slash}{n}" for n in range(500) for slash in ("", "/")]
    + [f"{n:02}/" for n in range(13)],
}


@pytest.mark.parametrize("threads", [1, 3, 8])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_ranges_list_every_key_once_at_the_cost_of_few_more_pages(layout: str, threads: int) -> None:
    keys, size = LAYOUTS[layout], 10
    pages = Pages(keys, size)
    found = [one["Key"] for one in ParallelListing(pages, "bucket", "", threads)]
    # A folder's own marker may be left out: a source leaves it out anyway.
    assert sorted(key for key in found if key[-1] != "/") == sorted(key for key in keys if key[-1] != "/")
    alone = max(1, -(-len(keys) // size))
    most = alone + alone // PAGES_PER_CUT + threads + MAX_LEVELS if alone > PAGES_ALONE and threads > 1 else alone
    assert pages.listed + pages.folders <= most


def test_one_thread_lists_in_key_order() -> None:
    pages = Pages(LAYOUTS["folders and files mixed"], 10)
    found = [one["Key"] for one in ParallelListing(pages, "bucket", "", 1)]
    assert found == sorted(found)


# --- a prefix that names nothing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "told"),
    [
        ("docz", "no document under s3://{bucket}/docz"),
        ("docs/a.md", "s3://{bucket}/docs/a.md is an object, expected a prefix: set its uri to s3://{bucket}/docs"),
        ("docs/a.md/", 'include = ["/a.md"]'),
        ("a.md", "s3://{bucket}/a.md is an object, expected a prefix: set its uri to s3://{bucket} and"),
    ],
)
def test_a_prefix_that_names_nothing_is_a_problem(bucket: Bucket, tmp_path: Path, prefix: str, told: str) -> None:
    for key in ("docs/a.md", "a.md"):
        bucket.write(key, document("alpha"))
    sources = [{"name": "handbook", "uri": bucket.uri(prefix)}]
    for _ in range(2):
        report = App(Settings(home=tmp_path / "home", sources=sources), embedder=ConstantEmbedder()).corpus.sync()
        (problem,) = report.problems
        assert (report.scanned, report.complete) == (0, False)
        assert told.format(bucket=bucket.name) in problem


def test_a_prefix_that_was_emptied_is_none_that_names_nothing(synced: Synced) -> None:
    synced.write_numbered(2)
    assert synced.sync().complete
    for number in range(2):
        synced.bucket.remove(f"docs/{number:02}.md")
    for deleted in (2, 0):
        report = synced.sync()
        assert (report.deleted, report.complete) == (deleted, True)


def test_another_prefix_that_names_nothing_is_a_problem_of_a_source_that_had_documents(
    bucket: Bucket, tmp_path: Path
) -> None:
    bucket.write("docs/a.md", document("alpha"))
    for prefix, complete in (("docs", True), ("docz", False), ("docz", False), ("docs", True)):
        sources = [{"name": "handbook", "uri": bucket.uri(prefix)}]
        report = App(Settings(home=tmp_path / "home", sources=sources), embedder=ConstantEmbedder()).corpus.sync()
        assert (prefix, report.complete) == (prefix, complete)
