"""Text recognised in the images inside DOCX and PPTX documents, where the settings ask for it."""

from dataclasses import replace
from pathlib import Path

import pytest

from ragloop.corpus.isolation.process import DocumentParser
from ragloop.corpus.parsing import parse, taken_as
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from tests.support.made_documents import docx, paragraph, pptx
from tests.support.scans import picture, saved

ON = ParseLimits(recognise=True, recognise_images=True)
FIRES = saved(picture("No fires ashore"), "PNG")
TIDES = saved(picture("Tide table"), "JPEG")
SHOWN = (
    "<w:p><w:r><w:drawing><wp:inline><wp:docPr {said}/><a:graphic><pic:pic>"
    '<a:blip r:embed="{image}"/></pic:pic></a:graphic></wp:inline></w:drawing></w:r></w:p>'
)
SLIDE = (
    '<p:pic><p:nvPicPr><p:cNvPr id="1" name="Picture 1"/></p:nvPicPr>'
    '<p:blipFill><a:blip r:embed="{}"/></p:blipFill></p:pic>'
)


def read(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    return parse(data, taken_as(name), name, limits)


def letter(*images: bytes, said: str = "") -> bytes:
    parts = {f"i{n}": (f"image:media/{n}.png", one) for n, one in enumerate(images)}
    body = "".join(SHOWN.format(said=said, image=one) for one in parts)
    return docx(paragraph("Before.") + body + paragraph("After."), parts)


@pytest.mark.realmodel
def test_an_image_in_docx_is_recognised_where_it_stands_and_says_so() -> None:
    with DocumentParser(ON) as parser:
        document = parser.parse(letter(FIRES), taken_as("a.docx"), "a.docx")
    assert document.text == "Before.\n\nNo fires ashore\n\nAfter."
    before, image, after = document.blocks
    assert (before.confidence, after.confidence) == (None, None)
    assert 0.8 < (image.confidence or 0) <= 1
    assert document.left_out == ()


def test_images_inside_are_left_alone_without_the_setting() -> None:
    document = read(letter(FIRES), "a.docx", replace(ON, recognise_images=False))
    assert document.text == "Before.\n\nAfter."
    assert document.left_out == ("a picture without a description was not read",)


@pytest.mark.realmodel
def test_an_image_on_a_slide_is_recognised_once_however_often_it_is_shown(tmp_path: Path) -> None:
    limits = replace(ON, recognised_folder=str(tmp_path / "recognised"))
    data = pptx(SLIDE.format("i1") * 2, parts={"i1": ("image:media/a.png", FIRES)})
    document = read(data, "a.pptx", limits)
    assert document.text.count("No fires ashore") == 1
    assert [one.place for one in document.blocks if one.confidence] == ["slide 1"]
    assert document.left_out == ()
    (kept,) = (tmp_path / "recognised").iterdir()
    assert [f"{one}.json" for one in document.recognised] == [kept.name]


@pytest.mark.realmodel
def test_what_of_the_images_inside_is_not_read_is_said() -> None:
    data = letter(FIRES, TIDES, b"no image", saved(picture(size=4, width=20).crop((0, 0, 20, 20)), "PNG"))
    document = read(data, "a.docx", replace(ON, recognised_pages=1))
    assert document.text == "Before.\n\nNo fires ashore\n\nAfter."
    assert document.left_out == (
        "3 pictures without a description were not read",
        "3 images were not recognised: the limits are sync.ocr_pages, sync.ocr_seconds and sync.max_unpacked_mb",
    )


@pytest.mark.parametrize("image", [b"no image", FIRES[:300]])
def test_a_damaged_image_inside_costs_itself_alone(image: bytes) -> None:
    document = read(letter(image, said='descr="Plan of the harbour"'), "a.docx", ON)
    assert document.text == "Before.\n\nPicture: Plan of the harbour\n\nAfter."


def test_an_image_that_unpacks_to_too_much_does_not_cost_the_document() -> None:
    data = letter(FIRES + bytes(200_000))
    document = read(data, "a.docx", replace(ON, unpacked_bytes=100_000))
    assert document.text == "Before.\n\nAfter."
    assert len(document.left_out) == 2


def test_the_images_of_a_page_are_said_where_images_are_asked_for() -> None:
    page = b'<p>Berths.</p><img src="a.png" alt="Plan"><img src="b.png"><img src="line.gif" alt="">'
    said = "2 images of the page were not read; an image file that sources.include names is read as a document"
    assert read(page, "a.html", ON).left_out == (said,)
    assert read(page, "a.html", replace(ON, recognise_images=False)).left_out == ()
