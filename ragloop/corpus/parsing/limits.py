"""How much one document may ask of a parser."""

from dataclasses import dataclass
from typing import Literal

Engine = Literal["rapidocr", "tesseract"]

_A_PAGE_S = 60.0
"""The page that was begun within the seconds is read to its end."""
_RECOGNITION_BYTES = 1536 * 2**20
"""A page at 200 dpi takes 0.9 GB, the models included."""


@dataclass(frozen=True)
class ParseLimits:
    """`seconds` and `memory_bytes` are those of the worker process per document, the others those of the document.

    `unpacked_bytes` is what is read out of an archive (DOCX, OpenDocument, gzip) or of the attachments of a PDF,
    `characters` the extracted text, `depth` how deep documents lie inside each other. With `recognise` the text of
    pages that are images is recognised: on so many pages, for so long, beside the other seconds and memory; it is kept
    in `recognised_folder`, if there is one. `engine` recognises it, of which Tesseract is told the `languages`; with
    `recognise_images` in the images inside other documents too. `office_converter` is the program of LibreOffice. Of
    records of JSON only the `json_fields` are read, where any are named.
    """

    seconds: float = 60.0
    memory_bytes: int = 1024 * 2**20
    pages: int = 10_000
    unpacked_bytes: int = 256 * 2**20
    characters: int = 64 * 2**20
    depth: int = 4
    recognise: bool = False
    recognised_pages: int = 50
    recognition_seconds: float = 600.0
    recognised_folder: str = ""
    recognise_images: bool = False
    engine: Engine = "rapidocr"
    languages: str = "eng"
    office_converter: str = "soffice"
    json_fields: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        numbers = {name: value for name, value in vars(self).items() if isinstance(value, int | float)}
        if wrong := [name for name, value in numbers.items() if value <= 0 and not isinstance(value, bool)]:
            raise ValueError(f"limits must be above 0: {', '.join(wrong)} in {self}")

    @property
    def recognises_inside(self) -> bool:
        """Return whether text is recognised in the images inside other documents."""
        return self.recognise and self.recognise_images

    @property
    def most_seconds(self) -> float:
        """Return what a document may take, text recognition included."""
        return self.seconds + (self.recognition_seconds + _A_PAGE_S if self.recognise else 0)

    @property
    def most_memory_bytes(self) -> int:
        """Return what the worker may take, text recognition included."""
        return self.memory_bytes + (_RECOGNITION_BYTES if self.recognise else 0)
