"""Text recognised in images: scanned pages of a PDF, and images as documents."""

from pathlib import Path

import pytest
from PIL import Image

from ragloop.corpus.isolation.process import DocumentParser
from ragloop.corpus.parsing import media_type, parse, taken_as
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.pages.recognised import file_of
from ragloop.errors import DocumentError
from tests.support.made_documents import drawn_lines
from tests.support.scans import picture, saved, scanned

ON = ParseLimits(recognise=True)
TEXT = drawn_lines("A page of text.")


@pytest.mark.realmodel
def test_a_scanned_page_is_recognised_in_the_worker_and_says_so() -> None:
    data = scanned(picture("Mooring fees are due", "on the first of May."), before=(TEXT,))
    with DocumentParser(ON) as parser:
        document = parser.parse(data, "application/pdf", "a.pdf")
    assert [one.place for one in document.blocks] == ["page 1", "page 2"]
    assert document.blocks[0].confidence is None
    assert 0.8 < (document.blocks[1].confidence or 0) <= 1
    assert "Mooring fees are due" in document.text
    assert "on the first of May." in document.text
    assert document.left_out == ()


def test_a_scanned_page_is_named_where_recognition_is_off() -> None:
    said = parse(scanned(picture("Mooring fees"), before=(TEXT,)), "application/pdf", "a.pdf").left_out
    assert len(said) == 1
    assert said[0].startswith("page 2 holds no text; it may be a scan: set sync.ocr = true")


@pytest.mark.long
@pytest.mark.realmodel
def test_the_pages_of_a_tiff_are_recognised_up_to_the_limit() -> None:
    first, *others = [picture(f"Sheet {n}: tide table") for n in ("one", "two", "three")]
    data = saved(first, "TIFF", save_all=True, append_images=others)
    document = parse(data, "image/tiff", "a.tiff", ParseLimits(recognise=True, recognised_pages=2))
    assert [one.place for one in document.blocks] == ["page 1", "page 2"]
    assert document.left_out == ("page 3 was not recognised: the limits are sync.ocr_pages and sync.ocr_seconds",)


@pytest.mark.realmodel
@pytest.mark.parametrize(("kind", "suffix"), [("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp")])
def test_images_are_documents_where_they_are_named(kind: str, suffix: str) -> None:
    name = f"notice.{suffix}"
    assert media_type(name) is None
    document = parse(saved(picture("No anchoring here"), kind), taken_as(name), name, ON)
    assert document.text == "No anchoring here"
    assert document.blocks[0].place == "image"
    assert document.blocks[0].confidence is not None


def test_an_image_is_refused_where_recognition_is_off() -> None:
    with pytest.raises(DocumentError, match=r"found an image, expected text: set sync\.ocr = true"):
        parse(saved(picture("x"), "PNG"), "image/png", "a.png")


@pytest.mark.parametrize("data", [b"", b"no image", saved(picture("x"), "PNG")[:400]])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError, match=r"found (no|a damaged) image"):
        parse(data, "image/png", "a.png", ON)


@pytest.mark.realmodel
def test_an_image_without_text_says_so() -> None:
    document = parse(saved(Image.new("RGB", (200, 200), "white"), "PNG"), "image/png", "a.png", ON)
    assert (document.blocks, document.left_out) == ((), ("no text was recognised in the image",))


@pytest.mark.long
@pytest.mark.realmodel
def test_a_page_that_was_recognised_is_not_recognised_again(tmp_path: Path) -> None:
    limits = ParseLimits(recognise=True, recognised_folder=str(tmp_path / "recognised"))
    data = saved(picture("No fires ashore"), "PNG")
    first = parse(data, "image/png", "a.png", limits)
    (kept,) = (tmp_path / "recognised").iterdir()
    kept.write_text(kept.read_text().replace("fires", "tents"))
    assert first.text == "No fires ashore"
    assert [file_of(one) for one in first.recognised] == [kept.name]
    assert parse(data, "image/png", "a.png", limits).text == "No tents ashore"
    kept.write_text("{")
    assert parse(data, "image/png", "a.png", limits).text == "No fires ashore"
