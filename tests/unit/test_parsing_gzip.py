"""Documents compressed with gzip."""

import gzip

import pytest

from ragloop.corpus.parsing import is_document, media_type, parse
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError

KIND = "application/gzip"


def test_a_compressed_document_is_read_as_what_its_name_says() -> None:
    document = parse(gzip.compress(b"# Tides\n\nThey turn."), media_type("a.md.gz") or "", "a.md.gz")
    assert (document.title, document.blocks[0].heading) == ("Tides", ("Tides",))
    assert is_document("a.md.gz")
    assert not any(is_document(name) for name in ("a.tar.gz", "a.log.gz", "a.md.gz.gz", "a.zip.gz"))


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (gzip.compress(b"text", mtime=0)[:-6], "a.txt.gz", "no whole gzip file"),
        (b"text", "a.txt.gz", "no whole gzip file"),
        (gzip.compress(b"\0"), "a.tar.gz", "known format"),
        (gzip.compress(gzip.compress(b"x")), "a.txt.gz.gz", "known format"),
        (gzip.compress(bytes(5_000)), "a.txt.gz", "more than 1,000 bytes"),
    ],
    # The bytes hold the time, which differs between the processes that collect the tests.
    ids=["cut off", "text", "unknown inside", "twice", "too large"],
)
def test_what_is_damaged_unknown_or_too_large_is_refused(data: bytes, name: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        parse(data, KIND, name, ParseLimits(unpacked_bytes=1_000))
