"""Documents: where they come from, how they are read and cut, and how the index follows them."""
