"""The demonstration: the whole loop on documents that are on every machine, those of the packages just installed."""
