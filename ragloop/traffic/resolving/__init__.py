"""Tie passages that another service showed to documents of the index, and decide whether their text still stands."""
