"""Ids of documents and chunks: hashes of what makes them the same one."""

from ragloop.hashes import sha256_of_text


def document_id(source: str, key: str) -> str:
    """Name the document at a key of a source."""
    return _id(f"{source}\0{key}")


def chunk_id(document: str, text_hash: str, occurrence: int) -> str:
    """Name a chunk by its document, its embedded string, and which of its occurrences it is: stable as its text is."""
    return _id(f"{document}\0{text_hash}\0{occurrence}")


def _id(identity: str) -> str:
    return sha256_of_text(identity)[:32]
