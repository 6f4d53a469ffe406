"""DOC, XLS and PPT: converted by the program that the settings name; refused, with advice, where there is none."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError
from tests.support.made_documents import archive, docx, paragraph, pptx, shape, xlsx

COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OFFICE = shutil.which("soffice")
with_libreoffice = pytest.mark.skipif(OFFICE is None, reason="LibreOffice (soffice) is not installed")
LETTER = docx(paragraph("The lease ends in May."))
UNPACKER = """#!{python}
# Converts what has eight bytes before a document of the newer format; the command line is that of LibreOffice.
import pathlib, sys
options = dict(zip(sys.argv, sys.argv[1:]))
source, out = pathlib.Path(sys.argv[-1]), pathlib.Path(options["--outdir"])
profile = next(one for one in sys.argv if one.startswith("-env:UserInstallation=file://"))
assert "DisableMacrosExecution" in pathlib.Path(
    profile.partition("file://")[2], "user", "registrymodifications.xcu"
).read_text()
out.mkdir()
(out / source.with_suffix("." + options["--convert-to"]).name).write_bytes(source.read_bytes()[8:])
"""


def read(data: bytes, name: str, converter: str = "no-such-program", **limits: int) -> str:
    return parse(data, media_type(name) or "", name, ParseLimits(office_converter=converter, **limits)).text


def program(tmp_path: Path, text: str) -> str:
    file = tmp_path / "converter"
    file.write_text(text.format(python=sys.executable))
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(("name", "newer"), [("a.doc", "docx"), ("a.XLS", "xlsx"), ("a.ppt", "pptx")])
def test_without_a_converter_they_are_refused_with_what_to_do(name: str, newer: str) -> None:
    advice = rf"no 'no-such-program', expected LibreOffice .*--retry-quarantined, or save it as \.{newer}"
    with pytest.raises(DocumentError, match=advice):
        read(COMPOUND + bytes(600), name)


def test_what_the_converter_makes_is_read_as_the_newer_format(tmp_path: Path) -> None:
    converter = program(tmp_path, UNPACKER)
    assert read(COMPOUND + LETTER, "lease.doc", converter) == "The lease ends in May."
    sheet = xlsx({"Boats": "<row><c t='inlineStr'><is><t>Buoy</t></is></c></row>"})
    assert "Buoy" in read(COMPOUND + sheet, "stock.xls", converter)
    assert "Tides" in read(COMPOUND + pptx([shape("Tides", "title")]), "talk.ppt", converter)


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.doc", LETTER, "The lease ends in May."),
        ("a.doc", rb"{\rtf1\ansi Moored at the pier.}", "Moored at the pier."),
        ("a.xls", b"<html><table><tr><td>Buoy</td><td>15</td></tr></table></html>", "Buoy | 15"),
    ],
)
def test_what_is_another_format_by_its_bytes_needs_no_converter(name: str, data: bytes, text: str) -> None:
    assert read(data, name) == text


def test_what_is_no_document_at_all_is_refused() -> None:
    with pytest.raises(DocumentError, match=r"holds no Microsoft Office file, expected a \.doc; save it as \.docx"):
        read(b"\x00\x01\x02 no document", "a.doc")


def test_a_converter_that_makes_nothing_is_quoted(tmp_path: Path) -> None:
    converter = program(
        tmp_path, "#!/bin/sh\necho starting\necho 'Error: source file could not be loaded' >&2\nexit 1\n"
    )
    with pytest.raises(DocumentError, match=r"made none of it \(Error: source file could not be loaded\)"):
        read(COMPOUND + bytes(600), "a.doc", converter)
    assert list(tmp_path.iterdir()) == [tmp_path / "converter"]


def test_what_it_converts_to_is_limited(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"converts to 100 bytes or more|made none of it"):
        read(COMPOUND + LETTER, "a.doc", program(tmp_path, UNPACKER), unpacked_bytes=100)


RICH_TEXT = rb"{\rtf1\ansi The lease ends in May.}"
CSV = b"Boat,Number\nBuoy,15\n"
NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (("office", "office"), ("draw", "drawing"), ("text", "text"), ("svg", "svg-compatible"))
)
SLIDES = archive(
    {
        "mimetype": "application/vnd.oasis.opendocument.presentation",
        "content.xml": f"<office:document-content {NAMESPACES}><office:body><office:presentation><draw:page>"
        '<draw:frame svg:width="9cm" svg:height="2cm"><draw:text-box><text:p>Tides</text:p></draw:text-box>'
        "</draw:frame></draw:page></office:presentation></office:body></office:document-content>",
        "META-INF/manifest.xml": '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        '<m:file-entry m:full-path="/" m:media-type="application/vnd.oasis.opendocument.presentation"/>'
        '<m:file-entry m:full-path="content.xml" m:media-type="text/xml"/></m:manifest>',
    }
)


@with_libreoffice
@pytest.mark.parametrize(
    ("suffix", "source", "data", "text"),
    [
        ("doc", "a.rtf", RICH_TEXT, "The lease ends in May."),
        pytest.param("xls", "a.csv", CSV, "Buoy | 15", marks=pytest.mark.long),
        pytest.param("ppt", "a.odp", SLIDES, "Tides", marks=pytest.mark.long),
    ],
    ids=["doc", "xls", "ppt"],
)
def test_libreoffice_converts_what_it_wrote(tmp_path: Path, suffix: str, source: str, data: bytes, text: str) -> None:
    (tmp_path / source).write_bytes(data)
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [str(OFFICE), profile, "--headless", "--convert-to", suffix, "--outdir", str(tmp_path)]
    subprocess.run([*command, str(tmp_path / source)], check=True, capture_output=True, timeout=200)
    old = (tmp_path / f"a.{suffix}").read_bytes()
    assert old.startswith(COMPOUND)
    assert text in read(old, f"a.{suffix}", str(OFFICE))
