"""Documents read, parsed and chunked, and texts embedded: in threads of this process, or by workers elsewhere."""
