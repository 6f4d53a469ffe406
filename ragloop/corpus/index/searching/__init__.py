"""Searches in one state of an index."""
