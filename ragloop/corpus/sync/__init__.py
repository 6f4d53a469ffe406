"""A sync run: decide, prepare, apply."""
