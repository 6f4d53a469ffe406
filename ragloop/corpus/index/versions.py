"""Versions of what parsers and chunker yield: part of the index fingerprint. Imports nothing, so that a question can
read them without loading either."""

PARSER = "5"
"""Change it whenever any output of ragloop.corpus.parsing changes."""

CHUNKER = "2"
"""Change it whenever any output of ragloop.corpus.chunking.chunker changes."""
