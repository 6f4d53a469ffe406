"""What ragloop keeps in a bucket is read to its end, though connections close half-way through a body."""

import os
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ragloop.errors import UnavailableError
from ragloop.store import Store
from ragloop.store.aws.objects import BODY_ATTEMPTS
from ragloop.store.files import PART_BYTES, BucketFiles
from ragloop.store.places.bucket import BucketPlace
from tests.support.s3_server import Answer, Bucket, Environ, S3Server, breaking_off, resetting

WHOLE = os.urandom(4 * PART_BYTES + 100)


@pytest.fixture
def files(bucket: Bucket) -> BucketFiles:
    files = BucketFiles(bucket.uri("kept"))
    files.write("a", [WHOLE])
    bucket.server.forget()
    return files


def test_the_rest_of_a_file_is_asked_for_where_its_body_broke_off(bucket: Bucket, files: BucketFiles) -> None:
    ranges = []

    def weather(server: S3Server, environ: Environ) -> Answer | None:
        ranges.append(environ.get("HTTP_RANGE", "whole"))
        return breaking_off(server) if len(ranges) < 6 else None

    bucket.server.weather = weather
    assert b"".join(files.read("a")) == WHOLE
    assert ranges[0] == "whole"
    begins = [int(one.removeprefix("bytes=").removesuffix("-")) for one in ranges[1:]]
    assert begins == sorted(begins)
    assert begins[0] >= PART_BYTES
    assert begins[-1] > 3 * PART_BYTES, "each try that brings a part counts anew"


def test_a_file_that_was_written_again_while_its_body_broke_off_is_not_put_together_of_two(
    bucket: Bucket, files: BucketFiles
) -> None:
    bucket.server.before["GET"] = deque([breaking_off(bucket.server)])
    parts = files.read("a")
    next(parts)
    files.write("a", [os.urandom(len(WHOLE))])
    with pytest.raises(UnavailableError, match=r"PreconditionFailed.*try again"):
        list(parts)


def test_a_server_that_knows_no_ranges_makes_no_file_of_twice_the_beginning(bucket: Bucket, files: BucketFiles) -> None:
    def without_ranges(server: S3Server, environ: Environ) -> Answer | None:
        if environ.pop("HTTP_RANGE", None) is None:
            return breaking_off(server)
        return None

    bucket.server.weather = without_ranges
    with pytest.raises(UnavailableError, match="no answer from S3"):
        list(files.read("a"))


def test_a_file_of_whose_body_nothing_comes_is_given_up(bucket: Bucket, files: BucketFiles) -> None:
    def of_headers_alone(environ: Environ, start_response: Any) -> Iterable[bytes]:
        header = b'HTTP/1.1 206 Partial Content\r\nContent-Length: 9\r\nContent-Range: bytes 0-8/9\r\nETag: "a"\r\n\r\n'
        environ["werkzeug.socket"].sendall(header)
        return resetting(environ, start_response)

    bucket.server.before["GET"] = deque([of_headers_alone] * 100)
    with pytest.raises(UnavailableError, match="no answer from S3"):
        list(files.read("a"))
    assert bucket.server.asked == {"GET": BODY_ATTEMPTS}


@pytest.mark.parametrize("failures", [BODY_ATTEMPTS - 1, BODY_ATTEMPTS])
def test_a_lease_is_read_again_when_its_body_breaks_off(bucket: Bucket, tmp_path: Path, failures: int) -> None:
    def store(name: str) -> Store:
        return Store.open(tmp_path / name, place=BucketPlace(bucket.uri("home")))

    with store("first").lease("reports"):
        pass
    second = store("second")

    def of_the_lease(server: S3Server, environ: Environ) -> Answer | None:
        nonlocal failures
        if environ["REQUEST_METHOD"] != "GET" or not environ["PATH_INFO"].endswith("leases/reports.json"):
            return None
        failures -= 1
        return breaking_off(server) if failures >= 0 else None

    bucket.server.weather = of_the_lease
    if failures == BODY_ATTEMPTS:
        with pytest.raises(UnavailableError, match="no answer from S3"), second.lease("reports"):
            pass
    else:
        with second.lease("reports"):
            pass
    assert failures < 1
