"""List the objects of a bucket, several key ranges at once, and parse what S3 answers.

A listing begins as one range. While it goes on and threads are idle, what is left of a range is cut at the common
prefixes that a request with a delimiter shows. A prefix is only a place to cut: the ranges cover every key whatever was
found, so that nothing is lost or listed twice. Keys without common prefixes are listed in one range.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from lxml import etree

PAGES_ALONE = 4
"""Pages listed before the first cut: a small bucket costs what one paginator costs."""
PAGES_PER_CUT = 8
"""Pages for each request or range that cutting added, so that cutting costs at most an eighth more."""
MAX_LEVELS = 8
"""Folders within folders that are looked into for places to cut."""


@dataclass(frozen=True)
class _Range:
    """The keys after `after` and before `until` (None: to the end); `token` continues a listing under way."""

    after: str = ""
    until: str | None = None
    token: str | None = None

    def holds(self, key: str) -> bool:
        return key > self.after and (self.until is None or key < self.until)


class ParallelListing:
    """One listing of the keys under a prefix; `client` is a boto3 client with the event handlers of `parse_quickly`."""

    def __init__(self, client: Any, bucket: str, prefix: str, threads: int) -> None:
        self._client, self._bucket, self._prefix, self._threads = client, bucket, prefix, threads
        self._waiting = deque([_Range()])
        self._running: dict[Future[dict[str, Any]], _Range] = {}
        self._pages = self._added = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield every object once (Key, ETag, Size, LastModified), ranges interleaved; hold at most a page a thread."""
        with ThreadPoolExecutor(self._threads, "list") as pool:
            try:
                while self._waiting or self._running:
                    while self._waiting and len(self._running) < self._threads:
                        part = self._waiting.popleft()
                        self._running[pool.submit(self._page, part)] = part
                    for future in wait(self._running, return_when=FIRST_COMPLETED).done:
                        yield from self._taken(self._running.pop(future), future.result())
            finally:
                pool.shutdown(cancel_futures=True)

    def _page(self, part: _Range) -> dict[str, Any]:
        if part.token:
            return self._request(Prefix=self._prefix, ContinuationToken=part.token)
        return self._request(Prefix=self._prefix, StartAfter=part.after)

    def _request(self, **asked: str) -> dict[str, Any]:
        given = {name: value for name, value in asked.items() if value}
        page: dict[str, Any] = self._client.list_objects_v2(Bucket=self._bucket, **given)
        return page

    def _taken(self, part: _Range, page: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the objects of a page that lie in its range; what is left of the range waits again."""
        self._pages += 1
        found = page.get("Contents", [])
        last = found[-1]["Key"] if found else part.after
        if page["IsTruncated"] and (part.until is None or last < part.until):
            self._waiting.extend(self._cut(replace(part, after=last, token=page["NextContinuationToken"])))
        return (one for one in found if part.holds(one["Key"]))

    def _cut(self, part: _Range) -> Iterator[_Range]:
        """Cut `part` into several ranges where threads are idle and cutting is not yet too dear."""
        idle = self._threads - len(self._running) - len(self._waiting) - 1
        places: Sequence[str] = ()
        if idle > 0 and self._pages >= PAGES_ALONE + PAGES_PER_CUT * self._added:
            places = _evenly(self._places(part), idle)
            self._added += len(places)
        ends = [*places, part.until]
        yield replace(part, until=ends[0])
        # A range after a folder leaves out one key only: the folder's own, which ends with a slash and is no document.
        yield from (_Range(place, end) for place, end in zip(places, ends[1:], strict=True))

    def _places(self, part: _Range) -> Sequence[str]:
        """List the folders inside a range, of the first level that has any."""
        for folder in islice(_folders(self._prefix, part.after), MAX_LEVELS):
            self._added += 1
            page = self._request(Prefix=folder, Delimiter="/", StartAfter=part.after)
            found = [one["Prefix"] for one in page.get("CommonPrefixes", ())]
            if places := [place for place in found if part.holds(place)]:
                return places
        return ()


def _folders(prefix: str, key: str) -> Iterator[str]:
    """Yield `prefix` and the folders under it that lead to `key`."""
    yield prefix
    for at in range(len(prefix), len(key)):
        if key[at] == "/":
            yield key[: at + 1]


def _evenly(places: Sequence[str], most: int) -> Sequence[str]:
    """Choose at most `most` of the places, which part them into runs of equal length."""
    if len(places) <= most:
        return places
    return [places[number * len(places) // (most + 1)] for number in range(1, most + 1)]


def parse_quickly(client: Any) -> None:
    """Let `client` parse listings with lxml: botocore's own parser takes some ten times the CPU, and most of a sync's.

    Both give the same names and values; what cannot be parsed in this way is left to botocore.
    """
    client.meta.events.register("before-parse.s3.ListObjectsV2", _parse, unique_id="ragloop")


def _parse(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    if response_dict["status_code"] != 200:
        return
    try:
        parsed = _parsed(response_dict["body"])
    except (etree.XMLSyntaxError, ValueError, KeyError):
        return
    customized_response_dict.update(parsed)
    response_dict["body"] = b"<ListBucketResult/>"


def _parsed(body: bytes) -> dict[str, Any]:
    """Parse the parts of a ListObjectsV2 answer that a listing needs; keys are decoded by botocore afterwards."""
    page: dict[str, Any] = {"Contents": [], "CommonPrefixes": []}
    parser = etree.XMLParser(resolve_entities=False, remove_comments=True, remove_pis=True)
    for element in etree.fromstring(body, parser):
        name = _local(element.tag)
        if name == "Contents":
            page["Contents"].append(_object({_local(one.tag): one.text or "" for one in element}))
        elif name == "CommonPrefixes":
            page["CommonPrefixes"].append({"Prefix": element[0].text or ""})
        elif name in ("Prefix", "StartAfter", "Delimiter", "EncodingType", "NextContinuationToken"):
            page[name] = element.text or ""
        elif name == "IsTruncated":
            page[name] = element.text == "true"
    if "IsTruncated" not in page:
        raise ValueError("no answer of ListObjectsV2")
    return page


def _object(said: dict[str, str]) -> dict[str, Any]:
    return {
        "Key": said["Key"],
        "ETag": said.get("ETag", ""),
        "Size": int(said["Size"]),
        "LastModified": datetime.fromisoformat(said["LastModified"]),
    }


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
