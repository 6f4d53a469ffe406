"""Images of documents: opened within bounds, their recognised text as blocks, and those that lie inside an archive."""

import io
from typing import TYPE_CHECKING, Any

from ragloop.corpus.parsing.archive import Archive
from ragloop.corpus.parsing.document import Kind
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.pages.lines import ITEM, Hyphens, marked, paragraphs
from ragloop.corpus.parsing.pages.recognised import Recognised
from ragloop.corpus.parsing.pages.recognition import Recogniser, doubts
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    import numpy as np

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP")
_MOST_PIXELS = 60_000_000
_LONGEST_SIDE = 4_000
_LEAST_SIDE = 24
"""Pixels; what is smaller inside a document is an icon."""
_POINTS = 0.36
"""Size of a pixel of a scan at 200 per inch."""


def opened(data: bytes) -> Any:
    """Open an image. Raises DocumentError."""
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DocumentError(f"found no image that can be read ({error}); save it again or leave it out") from None


def read_page(image: Any, index: int, recogniser: Recogniser) -> Recognised:
    """Recognise a page of an image. Raises DocumentError where it is damaged or too large."""
    return recogniser.read(_pixels(image, index), _POINTS)


def add_recognised(extraction: Extraction, found: Recognised, place: str) -> None:
    """Add the paragraphs of recognised text."""
    text = marked(found.text)
    hyphens = Hyphens([text])
    for one in paragraphs(text):
        kind: Kind = "list" if ITEM.match(one) else "paragraph"
        extraction.add(hyphens.joined(one), kind, place=place, confidence=found.confidence)


class InnerImages:
    """The images of an archive that is a document, recognised where the settings ask for it, each once."""

    def __init__(self, archive: Archive, limits: ParseLimits) -> None:
        self._archive, self._is_on = archive, limits.recognises_inside
        self._recogniser = Recogniser(limits)
        self._has_text: dict[str, bool] = {}
        self._beyond = 0

    @property
    def kept(self) -> list[str]:
        """Name the images whose text is kept for the next time."""
        return self._recogniser.kept

    def add(self, member: str, into: Extraction, place: str = "") -> bool:
        """Add the text of an image where it is first shown; return whether there is any."""
        if not self._is_on or not self._archive.has(member):
            return False
        if member not in self._has_text:
            found = self._recognised(member)
            add_recognised(into, found, place)
            into.left_out += doubts(found, f"an image on {place}" if place else "an image")
            self._has_text[member] = bool(found.text)
        return self._has_text[member]

    def _recognised(self, member: str) -> Recognised:
        if not self._recogniser.may_go_on or self._archive.size(member) * 2 > self._archive.left:
            self._beyond += 1
            return Recognised("")
        try:
            image = opened(self._archive.read(member))
            return read_page(image, 0, self._recogniser) if min(image.size) >= _LEAST_SIDE else Recognised("")
        except DocumentError:
            return Recognised("")

    def sentences(self) -> list[str]:
        """Return in a sentence how many were beyond the limits."""
        images = "1 image was" if self._beyond == 1 else f"{self._beyond:,} images were"
        limits = "sync.ocr_pages, sync.ocr_seconds and sync.max_unpacked_mb"
        return [f"{images} not recognised: the limits are {limits}"] if self._beyond else []


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
