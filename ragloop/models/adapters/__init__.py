"""Adapters as files: merged with each other, and as other programs take them."""
