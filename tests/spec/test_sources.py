"""What every source of documents promises, on each of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ragloop.corpus.sources.listing import MOST_NAMED, MOST_SUFFIXES
from ragloop.corpus.sources.local import LocalFolder
from ragloop.corpus.sources.patterns import Patterns
from ragloop.corpus.sources.s3 import S3Bucket
from ragloop.corpus.sources.source import Source
from ragloop.errors import DocumentError, NotFoundError
from tests.support.indexed_folder import wait_until_stamps_are_trusted

if TYPE_CHECKING:
    from tests.support.s3_server import Bucket


@dataclass(frozen=True)
class Place:
    """Where a source's documents are kept, and how to make the source."""

    source: Callable[..., Source]
    nowhere: Callable[[], Source]
    write: Callable[[str, bytes], None]
    remove: Callable[[str], None]


def _folder(tmp_path: Path) -> Place:
    folder = tmp_path / "docs"
    folder.mkdir()

    def write(key: str, data: bytes) -> None:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)

    return Place(
        lambda *patterns, **kept: LocalFolder("handbook", folder, *patterns, **kept),
        lambda: LocalFolder("handbook", tmp_path / "nowhere"),
        write,
        lambda key: (folder / key).unlink(),
    )


def _bucket(bucket: "Bucket") -> Place:
    bucket.write("docs-old/never.md", "beside the prefix")

    def source(*patterns: Any, **kept: Any) -> Source:
        return S3Bucket("handbook", bucket.uri("docs"), *patterns, client=bucket.client, **kept)

    return Place(
        source,
        lambda: S3Bucket("handbook", "s3://nowhere-at-all", client=bucket.client),
        lambda key, data: bucket.write(f"docs/{key}", data),
        lambda key: bucket.remove(f"docs/{key}"),
    )


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return _folder(tmp_path) if request.param == "folder" else _bucket(request.getfixturevalue("bucket"))


def _keys(source: Source) -> list[str]:
    return sorted(listed.key for listed in source.list())


ODD_KEYS = ["a.md", "inner/b.rst", "inner/deep er/c+d%20e.md", "été/ü 文.txt", "#1?&=.md", "~tilde.MD", "x.y/z.html"]


def test_every_document_is_listed_once_by_its_path_and_can_be_read(place: Place) -> None:
    for key in ODD_KEYS:
        place.write(key, key.encode())
    source = place.source()
    assert _keys(source) == sorted(ODD_KEYS)
    for listed in source.list():
        assert source.read(listed, 100).data == listed.key.encode()
        assert listed.size == len(listed.key.encode())
        assert listed.changed_at.tzinfo is not None


def test_a_source_without_documents_lists_none(place: Place) -> None:
    assert _keys(place.source()) == []


@pytest.mark.parametrize(
    ("include", "exclude", "taken"),
    [
        ((), (".*",), ["a.md", "drafts/b.md", "drafts/keep/c.md", "notes.txt"]),
        ((), (), [".git/x.md", ".hidden.md", "a.md", "drafts/.d.md", "drafts/b.md", "drafts/keep/c.md", "notes.txt"]),
        (("*.md",), ("drafts/",), [".git/x.md", ".hidden.md", "a.md"]),
        (("*.md", "*.bin"), (".*",), ["a.md", "data.bin", "drafts/b.md", "drafts/keep/c.md"]),
        (("/*.md",), (".*",), ["a.md"]),
        # As with git, what an excluded folder holds cannot be taken back in.
        ((), (".*", "drafts/", "!drafts/keep/c.md"), ["a.md", "notes.txt"]),
        ((), (".*", "drafts/*", "!drafts/keep/"), ["a.md", "drafts/keep/c.md", "notes.txt"]),
    ],
)
def test_patterns_take_the_same_documents_everywhere(
    place: Place, include: tuple[str, ...], exclude: tuple[str, ...], taken: list[str]
) -> None:
    for key in ("a.md", "notes.txt", "data.bin", "drafts/b.md", "drafts/.d.md", "drafts/keep/c.md", ".git/x.md"):
        place.write(key, b"text")
    place.write(".hidden.md", b"text")
    assert _keys(place.source(include, exclude)) == taken


def test_labels_and_name_are_those_given(place: Place) -> None:
    source = place.source((), (), ("internal",))
    assert (source.name, source.labels) == ("handbook", ("internal",))
    assert source.readers >= 1


def test_a_stamp_stays_while_the_bytes_do(place: Place) -> None:
    place.write("a.md", b"text")
    wait_until_stamps_are_trusted()
    source = place.source()
    (first,), (second,) = source.list(), source.list()
    assert first == second
    assert first.stamp
    assert source.read(first, 100).stamp == first.stamp


def test_a_stamp_tells_bytes_of_the_same_length_apart_within_the_same_second(place: Place) -> None:
    stamps = set()
    for number in range(5):
        place.write("a.md", b"text %d" % number)
        (listed,) = place.source().list()
        stamps.add(listed.stamp)
        wait_until_stamps_are_trusted()
    assert len(stamps) == 5


def test_what_changed_since_it_was_listed_is_read_as_it_is_with_the_stamp_of_its_bytes(place: Place) -> None:
    place.write("a.md", b"old")
    source = place.source()
    (listed,) = source.list()
    place.write("a.md", b"new")
    wait_until_stamps_are_trusted()
    read = source.read(listed, 100)
    (now,) = source.list()
    assert read.data == b"new"
    assert read.stamp == now.stamp != listed.stamp
    assert read.changed_at == now.changed_at


def test_what_is_gone_since_it_was_listed_is_not_found(place: Place) -> None:
    place.write("a.md", b"text")
    source = place.source()
    (listed,) = source.list()
    place.remove("a.md")
    assert _keys(source) == []
    with pytest.raises(NotFoundError, match="gone since it was listed"):
        source.read(listed, 100)


def test_a_document_above_the_limit_is_refused_and_one_at_the_limit_taken(place: Place) -> None:
    place.write("a.md", b"12345")
    source = place.source()
    (listed,) = source.list()
    assert source.read(listed, 5).data == b"12345"
    with pytest.raises(DocumentError, match=r"found 5 bytes, expected at most 4; raise sync.max_document_mb"):
        source.read(listed, 4)


def test_a_document_that_grew_above_the_limit_is_refused(place: Place) -> None:
    place.write("a.md", b"1")
    source = place.source()
    (listed,) = source.list()
    place.write("a.md", b"1234567")
    with pytest.raises(DocumentError, match="found 7 bytes, expected at most 4"):
        source.read(listed, 4)


def test_an_empty_document_is_read(place: Place) -> None:
    place.write("a.md", b"")
    source = place.source()
    (listed,) = source.list()
    assert (listed.size, source.read(listed, 4).data) == (0, b"")


def test_a_source_that_is_not_there_says_that_nothing_was_deleted(place: Place) -> None:
    with pytest.raises(NotFoundError, match=r"source handbook.*nothing was deleted"):
        list(place.nowhere().list())


def test_a_listing_may_be_left_half_way(place: Place) -> None:
    for key in ODD_KEYS:
        place.write(key, b"text")
    source = place.source()
    assert next(iter(source.list())).key in ODD_KEYS
    assert len(list(source.list())) == len(ODD_KEYS)


def test_what_is_passed_over_is_counted_and_named_with_the_reason(place: Place) -> None:
    for key in ("a.md", "b.vsd", "deep/c.VSD", "Pipfile", "e.py", "drafts/d.md", ".hidden.md"):
        place.write(key, b"text")
    listing = place.source((), (".*", "drafts/*")).list()
    assert [one.key for one in listing] == ["a.md"]
    passed = listing.passed_over
    assert (passed.count, passed.suffixes) == (6, {".vsd": 2, "no suffix": 1, ".py": 1})
    assert (passed.hidden, passed.excluded, passed.not_included, passed.special) == (1, 1, 0, 0)
    assert {one.key: str(one.why) for one in passed.named} == {
        "b.vsd": "no parser",
        "deep/c.VSD": "no parser",
        "Pipfile": "no parser",
        "e.py": "no document",
        "drafts/d.md": "excluded",
        ".hidden.md": "hidden",
    }


def test_what_no_pattern_includes_is_passed_over_for_that(place: Place) -> None:
    for key in ("a.md", "b.txt", "c.bin"):
        place.write(key, b"text")
    listing = place.source(("*.md",)).list()
    assert (len(list(listing)), listing.passed_over.not_included) == (1, 2)


def test_only_some_of_many_that_are_passed_over_are_named(place: Place) -> None:
    for number in range(MOST_NAMED + 5):
        place.write(f"{number}.x{number}", b"")
    listing = place.source().list()
    assert list(listing) == []
    passed = listing.passed_over
    assert (passed.count, len(passed.named)) == (MOST_NAMED + 5, MOST_NAMED)
    assert (len(passed.suffixes), passed.suffixes["others"]) == (MOST_SUFFIXES + 1, 5)


def test_a_document_is_found_by_the_key_and_the_uri_that_were_listed(place: Place) -> None:
    for key in ODD_KEYS:
        place.write(key, key.encode())
    source = place.source()
    for listed in source.list():
        assert source.find(listed.key, listed.uri) == listed
    place.remove("a.md")
    gone = next(iter(one for one in source.list() if one.key == "été/ü 文.txt"))
    place.remove("été/ü 文.txt")
    assert source.find(gone.key, gone.uri) is None


def test_what_a_document_shows_is_found_by_its_key_whatever_is_included_and_read(place: Place) -> None:
    place.write("guide/p.html", b"page")
    place.write("art/\u00e9 1.png", b"image")
    source = place.source(["*.html"])
    assert _keys(source) == ["guide/p.html"]
    listed = source.beside("art/\u00e9 1.png")
    assert listed is not None
    assert source.read(listed, 100).data == b"image"


def test_a_document_shows_nothing_that_is_not_there_excluded_or_of_another_source(place: Place) -> None:
    for key in ("art/a.png", "kept/b.png", "others/c.png"):
        place.write(key, b"image")
    source = place.source(["*.html"], ["kept/"], left_to=[Patterns(["others/*"], [])])
    shown = [source.beside(key) for key in ("art/none.png", "kept/b.png", "others/c.png", "")]
    assert [one for one in shown if one is not None] == []
    assert source.beside("art/a.png") is not None
