"""Checks of a store: what is wrong with it, and its repair."""
