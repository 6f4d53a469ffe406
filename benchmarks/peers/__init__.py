"""What the benchmark of syncs is made of: its corpus, its edits, and one script per system that is compared."""
