"""Pictures of lines of text, and PDFs whose pages are pictures."""

import io
import zlib

from PIL import Image, ImageDraw, ImageFont

from tests.support.made_documents import drawn_pdf, stream

_FIRST_OBJECT = 600


def picture(*lines: str, size: int = 40, width: int = 900) -> Image.Image:
    image = Image.new("RGB", (width, 60 + 70 * len(lines)), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=size)
    for n, line in enumerate(lines):
        pen.text((40, 30 + 70 * n), line, fill="black", font=font)
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    made = io.BytesIO()
    image.save(made, kind, **options)
    return made.getvalue()


def scanned(*images: Image.Image, before: tuple[bytes, ...] = ()) -> bytes:
    """A PDF of the pages `before`, each a stream of operators, and then of a page per image."""
    numbers = range(_FIRST_OBJECT, _FIRST_OBJECT + len(images))
    named = b"".join(b"/I%d %d 0 R" % (n, n) for n in numbers)
    shown = [
        b"q 600 0 0 %d 6 300 cm /I%d Do Q" % (600 * one.height // one.width, n)
        for n, one in zip(numbers, images, strict=True)
    ]
    entries = b">>/XObject<<" + named  # closes the dictionary of fonts
    extra = [b"%d 0 obj\n%s\nendobj\n" % (n, _object(one)) for n, one in zip(numbers, images, strict=True)]
    return drawn_pdf(*before, *shown, fonts=entries, extra=extra)


def _object(image: Image.Image) -> bytes:
    entries = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB/BitsPerComponent 8"
    return stream(zlib.compress(image.tobytes()), entries % image.size + b"/Filter/FlateDecode")
