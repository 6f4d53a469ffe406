"""How much one document may ask of a parser."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ParseLimits:
    """`seconds` and `memory_bytes` are those of the worker process per document, the others those of the document.

    `unpacked_bytes` is what is read out of an archive (DOCX, OpenDocument, gzip), `characters` the extracted text.
    """

    seconds: float = 60.0
    memory_bytes: int = 1024 * 2**20
    pages: int = 10_000
    unpacked_bytes: int = 256 * 2**20
    characters: int = 64 * 2**20

    def __post_init__(self) -> None:
        if wrong := [name for name, value in vars(self).items() if value <= 0]:
            raise ValueError(f"limits must be above 0: {', '.join(wrong)} in {self}")
