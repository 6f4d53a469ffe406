"""Images as documents: the text that is recognised in them, page by page where a TIFF has several."""

from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.pages.images import add_recognised, opened, read_page
from ragloop.corpus.parsing.pages.recognition import Recogniser, doubts
from ragloop.errors import DocumentError


def parse_image(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Return the text of each page; one that fails costs no other.

    Raises DocumentError where text recognition is off, and where no page is an image that can be read.
    """
    recogniser = Recogniser(limits)
    if not recogniser.is_on:
        raise DocumentError(
            "found an image, expected text: set sync.ocr = true to recognise the text in it, or leave it out"
        )
    extraction = Extraction(limits.characters)
    image, failed = opened(data), 0
    count = min(getattr(image, "n_frames", 1), limits.pages)
    for index in range(count):
        place = f"page {index + 1}" if count > 1 else "image"
        if not recogniser.may_go_on:
            beyond = f"pages {index + 1}-{count} were" if index + 1 < count else f"page {count} was"
            extraction.left_out.append(f"{beyond} not recognised: the limits are sync.ocr_pages and sync.ocr_seconds")
            break
        try:
            found = read_page(image, index, recogniser)
        except DocumentError as error:
            if count == 1:
                raise
            extraction.left_out.append(f"{place} was not recognised: {error}")
            failed += 1
            continue
        add_recognised(extraction, found, place)
        extraction.left_out += doubts(found, place)
    if failed == count:
        raise DocumentError(extraction.left_out[0])
    extraction.recognised += recogniser.kept
    if not extraction.parts:
        extraction.left_out.append("no text was recognised in the image")
    return extraction.document(name)
