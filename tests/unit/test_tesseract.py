"""Tesseract in the place of RapidOCR, where it is installed."""

import base64
import shutil
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragloop.app.parts import read_by_choice
from ragloop.app.policies import sync_policy
from ragloop.config import Settings, SyncSettings
from ragloop.corpus.isolation.process import DocumentParser
from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.pages import tesseract
from ragloop.errors import ConfigError, DocumentError
from tests.support.scans import picture, saved, scanned

ON = ParseLimits(recognise=True, engine="tesseract")
installed = pytest.mark.skipif(
    shutil.which(tesseract.PROGRAM) is None, reason="tesseract is not on PATH: apt-get install tesseract-ocr"
)


@installed
def test_a_scan_is_recognised_in_the_worker_line_by_line_with_a_confidence() -> None:
    data = scanned(picture("Mooring fees are due", "on the first of May."))
    with DocumentParser(ON) as parser:
        document = parser.parse(data, "application/pdf", "a.pdf")
    assert document.text == "Mooring fees are due on the first of May."
    assert 0.8 < (document.blocks[0].confidence or 0) <= 1
    assert document.blocks[0].place == "page 1"


@installed
def test_each_engine_keeps_its_own_text_of_a_page(tmp_path: Path) -> None:
    limits = replace(ON, recognised_folder=str(tmp_path / "recognised"))
    data = saved(picture("No fires ashore", width=500), "PNG")
    kept = {parse(data, "image/png", "a.png", limits).recognised}
    kept.add(parse(data, "image/png", "a.png", replace(limits, engine="rapidocr")).recognised)
    assert len(kept) == len(list((tmp_path / "recognised").iterdir())) == 2


@installed
def test_a_language_without_data_is_said_with_the_setting() -> None:
    data = saved(picture("x"), "PNG")
    with pytest.raises(DocumentError, match=r"expected the data of tlh: install it, or set sync\.ocr_languages"):
        parse(data, "image/png", "a.png", replace(ON, languages="tlh"))


def test_the_table_of_the_program_becomes_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext",
        "4\t1\t1\t1\t1\t0\t10\t20\t110\t30\t-1\t",
        "5\t1\t1\t1\t1\t1\t10\t22\t40\t20\t96.5\tNo",
        "5\t1\t1\t1\t1\t2\t60\t20\t60\t30\t83.5\tfires",
        "5\t1\t1\t1\t1\t3\t130\t20\t10\t30\t95\t ",
        "5\t1\t1\t1\t2\t1\t10\t60\t40\t20\t40\tashore",
    ]
    program = tmp_path / tesseract.PROGRAM
    program.write_text("#!/bin/sh\ncat > /dev/null\ncat <<END\n" + "\n".join(rows) + "\nEND\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = parse(saved(picture("x"), "PNG"), "image/png", "a.png", ON)
    assert found.text == "No fires"
    assert found.blocks[0].confidence == 0.9
    assert found.left_out == ("image: 1 lines that could hardly be recognised were left out",)


def failing_at(folder: Path, page: int) -> None:
    """Put a program in the place of Tesseract that fails at one page and reads the others."""
    program = folder / tesseract.PROGRAM
    asked = folder / "asked"
    program.write_text(
        f"""#!/bin/sh
cat > /dev/null
echo >> {asked}
test "$(wc -l < {asked})" = {page} && echo 'Error opening data file' >&2 && exit 1
printf '5\\t1\\t1\\t1\\t1\\t1\\t0\\t0\\t90\\t30\\t90\\tropes\\n'
"""
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_a_page_at_which_the_program_fails_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    failing_at(tmp_path, 2)
    pages = [picture(one) for one in "abc"]
    document = parse(scanned(*pages), "application/pdf", "a.pdf", ON)
    assert [one.place for one in document.blocks] == ["page 1", "page 3"]
    (said,) = document.left_out
    assert said.startswith("page 2 was not recognised: tesseract failed: Error opening data file; expected the data")


def test_a_page_of_a_tiff_at_which_the_program_fails_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    failing_at(tmp_path, 1)
    data = saved(picture("a"), "TIFF", save_all=True, append_images=[picture("b")])
    document = parse(data, "image/tiff", "a.tiff", ON)
    assert [one.place for one in document.blocks] == ["page 2"]
    assert document.left_out[0].startswith("page 1 was not recognised: tesseract failed")


def test_a_document_of_which_no_page_is_recognised_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    failing_at(tmp_path, 1)
    with pytest.raises(DocumentError, match=r"recognised none \(page 1 was not recognised: tesseract failed"):
        parse(scanned(picture("a")), "application/pdf", "a.pdf", ON)


def test_an_image_inside_at_which_the_program_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    failing_at(tmp_path, 1)
    image = base64.b64encode(saved(picture("a"), "PNG")).decode()
    page = f'<p>Berths.</p><img src="data:image/png;base64,{image}">'
    said = parse(page.encode(), "text/html", "a.html", replace(ON, recognise_images=True)).left_out
    assert said[0] == "1 image of the page was not read: data:image/png"
    assert said[1].startswith("1 image was not recognised: tesseract failed")


def test_a_program_that_is_not_there_is_said_before_the_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = Settings(home=tmp_path, sync=SyncSettings(ocr=True, ocr_engine="tesseract"))
    with pytest.raises(ConfigError, match=r"sync\.ocr_engine is tesseract, which is not on PATH"):
        sync_policy(settings)


def test_what_recognises_text_is_part_of_the_generation() -> None:
    def named(**given: Any) -> str:
        return read_by_choice(SyncSettings(ocr=True, **given))

    assert read_by_choice(SyncSettings()) == ""
    assert named() == " with ocr"
    assert named(ocr_images=True) == " with ocr of images"
    assert named(ocr_engine="tesseract", ocr_languages="deu+eng") == " with ocr by tesseract deu+eng"
    assert named(ocr_languages="deu") == " with ocr", "RapidOCR is not told"
