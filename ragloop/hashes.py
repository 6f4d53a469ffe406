"""SHA-256 of files and texts, in hexadecimal."""

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_text(text: str) -> str:
    """Hash a text in UTF-8. Lone surrogates, which a file name or a command line may hold, are hashed as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
