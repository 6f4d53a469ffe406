"""Generations of the index: what each is built by, which one answers, how one is built and how another takes over."""
