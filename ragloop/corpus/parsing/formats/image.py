"""Images as documents: the text that is recognised in them, page by page where a TIFF has several."""

import io
from typing import TYPE_CHECKING, Any

from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.pages.lines import ITEM, Hyphens, marked, paragraphs
from ragloop.corpus.parsing.pages.recognition import Recogniser, doubts, place_of
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    import numpy as np

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")
_MOST_PIXELS = 60_000_000
_LONGEST_SIDE = 4_000
_POINTS = 0.36
"""Size of a pixel of a scan at 200 per inch."""


def parse_image(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError where text recognition is off, and for what is no image or too large."""
    recogniser = Recogniser(limits)
    if not recogniser.is_on:
        raise DocumentError(
            "found an image, expected text: set sync.ocr = true to recognise the text in it, or leave it out"
        )
    extraction = Extraction(limits.characters)
    image = _opened(data)
    count = min(getattr(image, "n_frames", 1), limits.pages)
    for index in range(count):
        place = f"page {index + 1}" if count > 1 else "image"
        if not recogniser.may_go_on:
            beyond = f"pages {index + 1}-{count} were" if index + 1 < count else f"page {count} was"
            extraction.left_out.append(f"{beyond} not recognised: the limits are sync.ocr_pages and sync.ocr_seconds")
            break
        found = recogniser.read(_pixels(image, index), _POINTS)
        text = marked(found.text)
        hyphens = Hyphens([text])
        for one in paragraphs(text):
            extraction.add(
                hyphens.joined(one), "list" if ITEM.match(one) else "paragraph", place=place + place_of(found)
            )
        extraction.left_out += doubts(found, place)
    if not extraction.parts:
        extraction.left_out.append("no text was recognised in the image")
    return extraction.document(name)


def _opened(data: bytes) -> Any:
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DocumentError(f"found no image that can be read ({error}); save it again or leave it out") from None
    return image


def _pixels(image: Any, index: int) -> "np.ndarray[Any, Any]":
    import numpy as np
    from PIL import Image, ImageOps

    try:
        image.seek(index)
        if image.width * image.height > _MOST_PIXELS:
            raise DocumentError(
                f"found {image.width} x {image.height} pixels, expected at most {_MOST_PIXELS:,}; save it smaller"
            )
        page = ImageOps.exif_transpose(image).convert("RGBA")
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise DocumentError(f"found a damaged image ({error}); save it again or leave it out") from None
    page.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    shown = Image.new("RGB", page.size, "white")
    shown.paste(page, mask=page.getchannel("A"))
    return np.asarray(shown)[:, :, ::-1].copy()
