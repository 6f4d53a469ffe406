"""Images of documents: opened within bounds, their recognised text as blocks, and those that lie inside an archive."""

import io
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

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


class Members(Protocol):
    """Files by name, of which some are images; an Archive is one."""

    @property
    def left(self) -> int:
        """How many bytes may still be read."""

    def has(self, name: str) -> bool: ...

    def size(self, name: str) -> int: ...

    def read(self, name: str) -> bytes:
        """Raises DocumentError for a member that cannot be read."""


class InnerImages:
    """The images inside a document, recognised where the settings ask for it, each once."""

    def __init__(self, members: Members, limits: ParseLimits) -> None:
        self._members, self.are_asked_for = members, limits.recognises_inside
        self._recogniser = Recogniser(limits)
        self._found: dict[str, Recognised | None] = {}
        self._beyond = 0
        self._failed: list[str] = []

    def add(self, member: str, into: Extraction, place: str = "") -> Recognised | None:
        """Add the text of an image where it is first shown; return what was recognised, None where it was not read."""
        if not self.are_asked_for or not self._members.has(member):
            return None
        if member not in self._found:
            found = self._found[member] = self._recognised(member)
            if found is not None:
                add_recognised(into, found, place)
                into.left_out += doubts(found, f"an image on {place}" if place else "an image")
        return self._found[member]

    def was_read(self, member: str) -> bool:
        """Return whether an image was read, whatever it says."""
        return self._found.get(member) is not None

    def finish(self, into: Extraction) -> None:
        """End the document: say what was not recognised, and name the images whose text is kept because of it."""
        into.left_out += self._sentences()
        into.recognised += self._recogniser.kept

    def _recognised(self, member: str) -> Recognised | None:
        if not self._recogniser.may_go_on or self._members.size(member) * 2 > self._members.left:
            self._beyond += 1
            return None
        try:
            image = opened(self._members.read(member))
            pixels = _pixels(image, 0) if min(image.size) >= _LEAST_SIDE else None
        except DocumentError:
            return None
        try:
            return Recognised("") if pixels is None else self._recogniser.read(pixels, _POINTS)
        except DocumentError as error:
            self._failed.append(str(error))
            return None

    def _sentences(self) -> Iterator[str]:
        if self._beyond:
            limits = "sync.ocr_pages, sync.ocr_seconds and sync.max_unpacked_mb"
            yield f"{_images(self._beyond)} not recognised: the limits are {limits}"
        for why, count in Counter(self._failed).items():
            yield f"{_images(count)} not recognised: {why}"


def _images(count: int) -> str:
    return "1 image was" if count == 1 else f"{count:,} images were"


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
