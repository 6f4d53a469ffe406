"""Parsing and chunking in a process of its own, so that a document can neither hang nor kill a sync."""
