"""From the log to rows: curation, near-duplicates, splits, datasets, lineage."""
