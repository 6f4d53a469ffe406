"""From a question to a cited answer that is on disk before it is returned."""
