"""Prepared documents embedded and committed, batch by batch."""
