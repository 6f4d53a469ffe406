"""One file per format: bytes or text to a parsed document."""
