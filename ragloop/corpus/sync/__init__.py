"""A sync run: plan, prepare, compare, apply."""
