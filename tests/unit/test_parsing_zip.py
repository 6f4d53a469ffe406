"""ZIP archives of documents."""

import io
import zipfile

import pytest

from ragloop.corpus.parsing import is_document, media_type, parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError


def packed(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return held.getvalue()


def read(members: dict[str, bytes], **limits: int) -> ParsedDocument:
    return parse(packed(members), media_type("a.zip") or "", "a.zip", ParseLimits(**limits))


def test_each_document_is_a_section() -> None:
    document = read({"docs/b.md": b"# Gates\n\nShut.", "docs/a.txt": b"Open.", "docs/": b"", "c.md": b""})
    assert is_document("a.zip")
    assert [(one.heading, document.text[one.start : one.end]) for one in document.blocks] == [
        (("docs/a.txt",), "Open."),
        (("docs/b.md", "Gates"), "Shut."),
    ]


def test_what_is_not_read_is_said() -> None:
    inner = packed({"deep.txt": b"deep"})
    document = read({"a.txt": b"Open.", "bad.pdf": b"no", "in.zip": inner, "x.py": b"1"})
    assert document.text == "a.txt\n\nOpen."
    assert document.left_out[0].startswith("bad.pdf was not read: ")
    assert document.left_out[1] == "2 files inside are no document and not read, such as in.zip"


def test_an_archive_is_bounded() -> None:
    document = read({"a.txt": b"Open.", "b.txt": b"word " * 1_000}, unpacked_bytes=1_000)
    assert "b.txt was not read: unpacks to more than 1,000 bytes" in document.left_out[0]
    with pytest.raises(DocumentError, match="holds 1,001 files"):
        read({f"{number}.txt": b"" for number in range(1_001)})
    with pytest.raises(DocumentError, match="found no ZIP archive"):
        parse(b"PK\x03\x04", "application/zip", "a.zip")
