"""Blocks of a document to chunks. Pure."""
