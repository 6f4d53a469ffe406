"""Text recognised in the images inside DOCX and PPTX documents, where the settings ask for it."""

import base64
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from ragloop.corpus.isolation.process import DocumentParser
from ragloop.corpus.parsing import parse, taken_as
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from tests.support.made_documents import archive, docx, epub, paragraph, pptx
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


@pytest.mark.long
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


@pytest.mark.long
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


def as_data(image: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


@pytest.mark.long
@pytest.mark.realmodel
def test_an_image_that_a_page_holds_as_data_is_recognised_after_its_block(tmp_path: Path) -> None:
    limits = replace(ON, recognised_folder=str(tmp_path / "recognised"))
    page = f'<p>Berths. <img src="{as_data(FIRES, "png")}"> Paid by the day.</p><p>End.</p>'
    document = read(page.encode(), "a.html", limits)
    assert document.text == "Berths. Paid by the day.\n\nNo fires ashore\n\nEnd."
    assert [one.confidence is not None for one in document.blocks] == [False, True, False]
    assert len(document.recognised) == 1
    assert document.left_out == ()


def test_the_images_of_a_page_that_are_not_read_are_named_where_images_are_asked_for() -> None:
    page = b'<p>Berths.</p><img src="a.png" alt="Plan"><img src="a.png"><img src="line.gif" alt="">'
    page += b'<img src="https://x.example/b.png">'
    said = "2 images of the page were not read: a.png, https://x.example/b.png"
    assert read(page, "a.html", ON).left_out == (said,)
    assert read(page, "a.html", replace(ON, recognise_images=False)).left_out == ()


@pytest.mark.long
@pytest.mark.realmodel
def test_an_image_of_a_book_is_recognised_in_its_chapter() -> None:
    shore = '<h1>Shore</h1><p>Rules.</p><img src="../art/f.png"/>'
    data = epub({"text/1.html": shore, "text/2.html": "<h1>Sea</h1><p>Winds.</p>"}, **{"OPS/art/f.png": FIRES})
    document = read(data, "a.epub", ON)
    found = [document.text[one.start : one.end] for one in document.blocks if one.heading == ("Shore",)]
    assert found == ["Rules.", "No fires ashore"]


@pytest.mark.long
@pytest.mark.realmodel
def test_the_images_of_pages_in_a_zip_archive_are_recognised_each_once(tmp_path: Path) -> None:
    limits = replace(ON, recognised_folder=str(tmp_path / "recognised"))
    page = "<p>{}</p><img src='../art/f.png'>"
    data = archive({"a/1.html": page.format("Shore."), "a/2.html": page.format("Sea."), "art/f.png": FIRES})
    document = read(data, "a.zip", limits)
    assert document.text.count("No fires ashore") == 1
    assert len(document.recognised) == 1
    assert document.left_out == ()


@pytest.mark.long
@pytest.mark.realmodel
def test_an_image_that_the_page_of_a_message_shows_is_recognised() -> None:
    message = EmailMessage()
    message["Subject"] = "Rules"
    message.set_content("<p>See below.</p><img src='cid:f1@x'>", subtype="html")
    message.add_related(FIRES, "image", "png", cid="<f1@x>")
    document = read(message.as_bytes(), "a.eml", ON)
    assert "No fires ashore" in document.text
    assert document.left_out == ()
